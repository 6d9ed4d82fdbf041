from __future__ import annotations

import re

import pytest

from genoml.backend import BackendError
from support.planted import run_genoml
from support.subprocesses import run_python


def test_every_backend_is_listed_and_the_default_marked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENOML_BACKEND", raising=False)
    assert run_genoml("backends") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r"^[* ] (\w+).*", r"\1", line) for line in lines[:4]] == ["cupy", "jax", "numpy", "torch"]
    assert re.fullmatch(r"\* numpy  \d+\.\d+\.\d+ on cpu", lines[2])
    assert "GENOML_BACKEND=FLAG" in lines[-1]


def test_the_environment_moves_the_mark_even_to_one_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise BackendError(f"no {name}\nhere")

    monkeypatch.setattr("genoml.cli.backends.get_backend", refuse)
    monkeypatch.setenv("GENOML_BACKEND", "torch")
    assert run_genoml("backends") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "* torch  not usable: no torch here" in lines
    assert "  numpy  not usable: no numpy here" in lines


def test_an_unknown_name_in_the_environment_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOML_BACKEND", "abacus")
    assert run_genoml("backends") == 0
    out = capsys.readouterr().out
    assert "GENOML_BACKEND=abacus is none of them" in out
    assert "numpy" in out


def test_a_library_that_fails_to_start_does_not_hide_the_others() -> None:
    done = run_python("from genoml.cli import main; main(['backends'])", JAX_PLATFORMS="no-such-platform")
    assert done.returncode == 0
    assert "jax    not usable" in done.stdout
    assert re.search(r"\* numpy  \d", done.stdout)
