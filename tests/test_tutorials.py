"""The tutorials run as they stand, cell by cell, on small slices; `nox -s docs` runs them whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from genoml import use_backend

FOLDER = Path(__file__).parents[1] / "docs" / "tutorials"
TUTORIALS = sorted(path for path in FOLDER.glob("*.md") if path.stem[0].isdigit())
CELL = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: what a cell says of itself, before its code
HEADER = re.compile(r"\A(---\n[\s\S]*?^---\n|(:.*\n)+)?\s*", re.MULTILINE)


def cells(tutorial: Path) -> list[tuple[str, str]]:
    """Header and code of each cell."""
    found = []
    for text in CELL.findall(tutorial.read_text(encoding="utf-8")):
        header = HEADER.match(text)
        assert header is not None
        found.append((header[0], text[header.end() :]))
    return found


@pytest.mark.timeout(1200)  # ten seconds by itself, on a busy machine more
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_on_small_slices(tutorial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib.use("agg")
    from matplotlib import pyplot

    monkeypatch.chdir(FOLDER)
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        with use_backend("numpy"):  # whatever a cell chooses
            for number, (header, code) in enumerate(cells(tutorial), 1):
                exec(compile(code, f"{tutorial.name}, cell {number}", "exec"), names)
                if "parameters" in header:
                    assert names["quick"] is False
                    names["quick"] = True
    finally:
        pyplot.close("all")
    assert names["quick"] is True


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_every_figure_of_a_tutorial_is_described_in_words(tutorial: Path) -> None:
    for header, code in cells(tutorial):
        if "plt.subplots" in code:
            assert "alt:" in header, code


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_the_code_of_a_tutorial_is_no_wider_than_a_page(tutorial: Path) -> None:
    assert [line for _, code in cells(tutorial) for line in code.splitlines() if len(line) > 88] == []


def test_there_are_eight_tutorials() -> None:
    assert [path.stem[0] for path in TUTORIALS] == list("12345678")
