"""The figures of every row, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from genoml.backend import Backend, use_backend
from genoml.testing import has_float64
from proof.entry import NONE, Entry, Figure, Section
from support.backends import open_variant, suite_of
from support.limits import Limit

DTYPES = ("float64", "float32")
#: the columns that are measured on NumPy in float64
GRADIENT, FORMULA, FORWARD, BACKWARD = "gradient", "formula", "PyTorch, output", "PyTorch, gradient"
#: and in both
DEEPLIFT = "DeepLIFT"
NUMPY_COLUMNS = (GRADIENT, FORMULA, DEEPLIFT, FORWARD, BACKWARD)
#: a cell: figures by dtype, or words
Cell = dict[str, float] | str
#: section -> row -> column -> cell
Table = dict[str, dict[str, dict[str, Cell]]]


def _cell(figure: Figure) -> Cell:
    return figure if isinstance(figure, str) else {"float64": figure}


def numpy_columns(entry: Entry) -> dict[str, Cell]:
    """What is measured on NumPy in float64, and against PyTorch."""
    forward, backward = entry.torch()
    figures = {GRADIENT: entry.gradient(), FORMULA: entry.formula(), FORWARD: forward, BACKWARD: backward}
    return {DEEPLIFT: entry.deeplift(), **{column: _cell(figure) for column, figure in figures.items()}}


def section_column(section: Section, backend: Backend, limits: Mapping[str | None, Limit]) -> dict[str, Cell]:
    """A backend's cells of a section, by row; a row that a limit speaks of shows it instead of figures."""
    dtypes = DTYPES if has_float64(backend) else DTYPES[1:]
    column: dict[str, Cell] = {}
    for entry in section.entries:
        if entry.on is None:
            column[entry.name] = NONE
        elif entry.name in limits:
            column[entry.name] = str(limits[entry.name])
        else:
            column[entry.name] = {dtype: entry.on(backend, dtype) for dtype in dtypes}
    return column


def variant_column(
    sections: Iterable[Section], variant: str, report: Callable[[str], None] = lambda text: None
) -> dict[str, dict[str, Cell]]:
    """A backend variant's cells: section -> row -> cell."""
    limits = {limit.entry: limit for limit in suite_of(variant).limits if limit.test is None}
    found = {}
    with open_variant(variant) as backend, use_backend(backend):
        for section in sections:
            report(f"{variant}: {section.title}")
            found[section.title] = section_column(section, backend, limits)
    return found


def measure(
    sections: Iterable[Section], variants: Iterable[str], report: Callable[[str], None] = lambda text: None
) -> Table:
    """Every row with the columns of NumPy and PyTorch, and those of these variants."""
    sections = list(sections)
    table: Table = {}
    for section in sections:
        report(f"gradients, formulas, PyTorch: {section.title}")
        table[section.title] = {entry.name: numpy_columns(entry) for entry in section.entries}
    for variant in variants:
        for title, column in variant_column(sections, variant, report).items():
            for name, cell in column.items():
                table[title][name][variant] = cell
    return table
