"""What the guides say of genoml holds: what is missing is missing, and every layer has its formula."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click
import pytest

import genoml.losses
import genoml.nn
from support.guides import DOCS, MISSING, ROOT, parse, resolves

FORMULAS = (DOCS / "formulas.md").read_text()
LAYERS = {
    name: value
    for name, value in vars(genoml.nn).items()
    if isinstance(value, type) and issubclass(value, genoml.nn.Layer) and value is not genoml.nn.Layer
}
LOSSES = {
    name: value
    for name, value in vars(genoml.losses).items()
    if inspect.isfunction(value) and {"targets", "reduction"} <= set(inspect.signature(value).parameters)
}


def there(name: str) -> bool:
    """Whether it is a module or attribute; or, in two words and more, a command or its option."""
    if " " not in name:
        return resolves(name)
    try:
        parse(name.split()[1:])
    except click.NoSuchOption:
        return False
    except click.UsageError as error:
        return "No such command" not in error.format_message()
    return True


@pytest.mark.parametrize("name", MISSING)
def test_nothing_has_the_name_of_what_is_said_to_be_missing(name: str) -> None:
    assert not there(name)


def test_a_name_that_is_there_is_found() -> None:
    assert len(MISSING) >= 30
    for name in ("genoml.nn.Conv1D", "genoml train", "genoml train --seed", "genoml variants --null"):
        assert there(name)


def test_every_layer_and_loss_has_its_formula_and_derivative() -> None:
    assert sorted(re.findall(r"^### (\w+)$", FORMULAS, re.MULTILINE)) == sorted(LAYERS | LOSSES)
    for part in FORMULAS.split("\n### ")[1:]:
        name, text = part.split("\n", 1)
        formulas = "".join(re.findall(r"\$\$(.+?)\$\$", text.split("\n## ")[0], re.DOTALL))
        derivative = r"\bar" if name in LAYERS else r"\partial \ell"
        assert "=" in formulas.split(derivative)[0], name
        assert re.search(re.escape(derivative) + ".*=", formulas, re.DOTALL), name


def test_a_formula_names_its_file() -> None:
    for part in FORMULAS.split("\n## ")[1:]:
        files = set(re.findall("`(genoml/(?:nn|losses)/[a-z_/0-9]+.py)`", part))
        for name in re.findall(r"^### (\w+)$", part, re.MULTILINE):
            file = Path(inspect.getfile(inspect.unwrap((LAYERS | LOSSES)[name]))).relative_to(ROOT).as_posix()
            assert file in files, f"{name}: {file}"
