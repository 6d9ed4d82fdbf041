"""What fit shows, and where."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any, cast

import pytest

from genoml.models import build_model
from genoml.nn import Layer
from genoml.train import FitOptions, fit
from support.planted import planted_data


def small_options() -> FitOptions:
    return FitOptions(epochs=2, batch_size=16)


def small_model() -> Layer:
    return build_model("promoter_cnn", {"filters": 6, "kernel_size": 8}, seed=0)


def test_progress_is_shown_where_it_is_asked_for_and_nowhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    data, options = planted_data(8), replace(small_options(), no_checks=("copies",))
    for silent in ("auto", None, False):  # captured output is no terminal
        fit(small_model(), data, options=options, progress=cast(Any, silent))
    assert capsys.readouterr() == ("", "")
    fit(small_model(), data, validation=data, options=options, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    line = (
        r"epoch   {}/2  loss \d.\d{{4}}  validation loss \d.\d{{4}}  AUROC \d.\d{{4}} [* ]  .* sequences/s.*"
    )
    for number, shown in enumerate(err.splitlines(), 1):
        assert re.fullmatch(line.format(number), shown)
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize("kind", ["terminal", "notebook"])
def test_by_default_a_terminal_and_a_notebook_show_a_bar_and_lines(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return kind == "terminal"

    if kind == "notebook":
        Stream.__module__ = "ipykernel.iostream"
    stream = Stream()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    fit(small_model(), planted_data(8), options=small_options())
    shown = stream.getvalue()
    assert "| 0/16 [" in shown  # the bar
    assert shown.rstrip().splitlines()[-1].startswith("epoch   2/2  loss ")
    fit(small_model(), planted_data(8), options=small_options(), progress=None)
    assert stream.getvalue() == shown
