"""What fit shows, and where."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from types import ModuleType
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from genoml.models import build_model
from genoml.nn import Layer
from genoml.train import FitOptions, History, fit
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


class Stream(io.StringIO):
    def isatty(self) -> bool:
        return type(self) is Stream


class NotebookStream(Stream):
    """Standard error of a notebook's kernel."""


NotebookStream.__module__ = "ipykernel.iostream"


class Shown:
    """Stands for IPython.display: what a cell shows, with all its versions."""

    def __init__(self) -> None:
        self.versions: list[Any] = []

    def display(self, thing: Any, *, display_id: bool) -> Shown:
        assert display_id
        assert not self.versions
        self.update(thing)
        return self

    def update(self, thing: Any) -> None:
        self.versions.append(thing)


def test_by_default_a_terminal_shows_a_bar_and_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    fit(small_model(), planted_data(8), options=small_options())
    shown = stream.getvalue()
    assert "| 0/16 [" in shown  # the bar
    assert shown.rstrip().splitlines()[-1].startswith("epoch   2/2  loss ")
    fit(small_model(), planted_data(8), options=small_options(), progress=None)
    assert stream.getvalue() == shown


def in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> Shown:
    shown = Shown()
    monkeypatch.setattr("sys.stderr", NotebookStream())
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", cast(ModuleType, shown))
    return shown


def test_a_notebook_shows_one_line_that_changes_in_place_and_loses_its_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notebook = in_a_notebook(monkeypatch)
    data = planted_data(8)
    options = replace(small_options(), epochs=3, no_checks=("copies",))
    history = fit(small_model(), data, validation=data, options=options)
    *bars, last = notebook.versions
    assert all("<progress value=" in bar._repr_html_() for bar in bars)
    assert len(bars) >= 4  # the first, and one an epoch
    assert "<progress" not in last._repr_html_()
    assert history.best is not None
    assert str(last).startswith("3 of 3 epochs in 00:0")
    assert f"best epoch {history.best_epoch}:" in str(last)
    assert f"AUROC {history.best['validation_auroc']:.4f}" in str(last)
    assert cast(Any, sys.stderr).getvalue() == ""


def test_a_notebook_s_line_says_where_a_training_that_failed_had_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notebook = in_a_notebook(monkeypatch)

    def fail(record: dict[str, float]) -> None:
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        fit(small_model(), planted_data(8), options=small_options(), callback=fail)
    assert str(notebook.versions[-1]).startswith("1 of 2 epochs in ")


def test_a_history_is_a_sentence_and_curves_in_a_notebook() -> None:
    history = History(
        [
            {"epoch": 1, "loss": 0.75, "validation_loss": 0.5, "validation_auroc": float("nan")},
            {"epoch": 2, "loss": 0.25, "validation_loss": 0.625, "validation_auroc": 0.9},
        ],
        best_epoch=2,
    )
    shown = history._repr_html_()
    assert "2 epochs, the best is number 2, loss 0.2500" in shown
    assert "validation auroc 0.9000" in shown
    drawing = ElementTree.fromstring(shown[shown.index("<svg") :])
    lines = [line for line in drawing.iter() if line.tag.endswith("polyline")]
    assert [len(line.attrib["points"].split()) for line in lines] == [2, 2]
    assert drawing.attrib["role"] == "img"
    assert drawing.attrib["aria-label"]


def test_a_history_without_epochs_or_with_one_is_shown_too() -> None:
    assert History()._repr_html_() == "<p>no epoch</p>"
    one = History([{"epoch": 1, "loss": float("nan")}])._repr_html_()
    assert one == "<p>1 epoch</p>"
    assert "<polyline" in History([{"epoch": 1, "loss": 1.0}])._repr_html_()
