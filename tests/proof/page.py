"""docs/proof.md: written from the figures, and read back."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from proof.entry import NONE, Section
from proof.measure import BACKWARD, DEEPLIFT, DTYPES, FORMULA, FORWARD, GRADIENT, NUMPY_COLUMNS, Cell, Table
from proof.tolerances import tolerance

_HEAD = """# Proof sheet

Every layer, loss, optimiser, schedule, network and operation of genoml, with the figures that show that it is right.
`nox -s proof` measures them and writes this page; `python -m tests.proof --check`, which CI runs, measures them again
and fails if a figure is over its limit or if the rows are not exactly what genoml has today. It measures all columns
but JAX's, which takes minutes to compile: of that it checks the figures written here, and CI runs the tests on JAX.

Every figure is a difference relative to what was expected: the largest difference over 1 + the largest value. The
functions behind them are those of `genoml.testing`, which measure a layer of your own too: [layers.md](layers.md).

{measures}

`numpy-compiled` is NumPy with the operations that Numba compiles; `numpy-readonly` is NumPy with read-only arrays and
without genoml's own versions of operations; the strict variants
are [array-api-strict](https://data-apis.org/array-api-strict/): on a device that is not the host, without float64,
and with its strictest flags. A figure of 0 is equality to the last bit. A limit that a backend cannot keep would stand
in the `limits.toml` of its package, and here in its place ([../backends/README.md](../backends/README.md)).
"""

_MEASURES = {
    GRADIENT: "the hand-derived backward pass against central differences in float64 (step 1e-6), along three random "
    "directions, with a random cotangent, for the input and every parameter: the largest error",
    FORMULA: "the output against the formula as a plain loop, in float64",
    DEEPLIFT: "random multipliers of the output, taken back by `between`, times the differences of two inputs, against "
    "multipliers times the change of the output, for differences of 1e-9 to 5: in float64 / in float32",
    FORWARD: "the output against PyTorch's, in float64",
    BACKWARD: "all gradients, and running statistics, against those of PyTorch's autograd, in float64",
    "each backend": "outputs and gradients against NumPy's in float64, on the same weights and input: in float64 / in "
    "float32",
}


def _dtypes(column: str) -> tuple[str, ...]:
    return DTYPES if column == DEEPLIFT or column not in NUMPY_COLUMNS else DTYPES[:1]


def _measures() -> str:
    """The table of columns and limits."""
    lines = ["| column | what is measured | limit |", "| --- | --- | --- |"]
    for column, text in _MEASURES.items():
        dtypes = _dtypes(column)
        limits = " / ".join(f"{tolerance(column, dtype):.0e}" for dtype in dtypes)
        lines.append(f"| {column} | {text} | {limits} |")
    return "\n".join(lines)


def machine(libraries: Iterable[str] = ("numpy", "scipy", "torch", "jax", "array-api-strict")) -> str:
    """Where figures were measured."""
    found = []
    for library in libraries:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return ", ".join(
        [f"genoml {version('genoml-xp')}", f"Python {platform.python_version()}", *found, platform.platform()]
    )


def _number(value: float) -> str:
    return "0" if value == 0.0 else f"{value:.1e}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _show(cell: Cell, column: str) -> str:
    if isinstance(cell, str):
        return _escaped(cell)
    return " / ".join(_number(cell[dtype]) if dtype in cell else NONE for dtype in _dtypes(column))


def _read(text: str, column: str) -> Cell:
    parts = text.split(" / ") if len(_dtypes(column)) > 1 else [text]
    try:
        return {
            dtype: float(part) for dtype, part in zip(DTYPES, parts, strict=False) if part != NONE
        } or NONE
    except ValueError:
        return text.replace("\\|", "|")


def write_page(
    sections: Sequence[Section],
    table: Table,
    columns: Sequence[str],
    made_on: str,
    elsewhere: Mapping[str, str],
) -> str:
    """The page. ``elsewhere`` tells of each backend on other hardware where it was measured, or why not."""
    parts = [_HEAD.format(measures=_measures()), f"Measured on: {made_on}."]
    parts += [f"`{name}`: {text}." for name, text in elsewhere.items()]
    for section in sections:
        rows = table[section.title]
        shown = [
            column
            for column in (*NUMPY_COLUMNS, *columns)
            if any(cells.get(column, NONE) != NONE for cells in rows.values())
        ]
        lines = [f"\n## {section.title}\n\n{section.about}\n", f"| entry | {' | '.join(shown)} |"]
        lines.append("|" + " --- |" * (len(shown) + 1))
        for name, cells in rows.items():
            values = (_show(cells.get(column, "not run"), column) for column in shown)
            lines.append(f"| {_escaped(name)} | {' | '.join(values)} |")
        parts.append("\n".join(lines))
    return "\n".join(parts) + "\n"


def read_page(text: str) -> Table:
    """The tables of a page."""
    table: Table = {}
    for part in text.split("\n## ")[1:]:
        title, *lines = part.splitlines()
        grid = [
            [cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")]
            for line in lines
            if line.startswith("|")
        ]
        if not grid:
            continue
        _, *columns = grid[0]
        table[title] = {
            row[0].replace("\0", "|"): {
                column: _read(cell.replace("\0", "|"), column)
                for column, cell in zip(columns, row[1:], strict=True)
            }
            for row in grid[2:]
        }
    return table
