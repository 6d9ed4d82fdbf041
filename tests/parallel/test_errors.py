"""What one rank raises for all must come back from a pickle."""

from __future__ import annotations

import importlib
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

import genoml

ROOT = Path(genoml.__file__).parent
#: arguments of the errors that take more than a message
ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "FormatError": (("wrong letter",), {"path": "a.fa", "line": 3, "record": "r1", "fix": "remove it"}),
    "NotFiniteError": ((3, "1 (Dense)", ["chr1:5-9", "chr2:5-9"]), {}),
}


def error_classes() -> list[type[Exception]]:
    """Every class of genoml that is an exception."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        for name in re.findall(r"^class (\w*(?:Error|Exception))\b", path.read_text(), re.MULTILINE):
            module = ".".join(["genoml", *path.relative_to(ROOT).with_suffix("").parts])
            found.append(getattr(importlib.import_module(module), name))
    return found


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_an_error_comes_back_from_a_pickle_as_it_was(kind: type[Exception]) -> None:
    words, more = ARGUMENTS.get(kind.__name__, (("run: damaged\n",), {}))
    error = kind(*words, **more)
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is kind
    assert str(found) == str(error)
    assert vars(found) == vars(error)


def test_the_search_for_errors_finds_them() -> None:
    assert {"FormatError", "NotFiniteError", "RunError", "InUseError", "RanksError"} <= {
        kind.__name__ for kind in error_classes()
    }
