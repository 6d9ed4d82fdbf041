"""What each column of the proof allows: one tolerance a column and dtype, for every row.

Each is relative, as the figures are: the largest difference over 1 + the largest value expected.
"""

from __future__ import annotations

from proof.measure import BACKWARD, DEEPLIFT, FORMULA, FORWARD, GRADIENT, Cell, Table

TOLERANCES: dict[str, float] = {
    GRADIENT: 1e-7,  # central differences themselves are good to some 1e-9, less where a network is steep
    FORMULA: 5e-14,
    FORWARD: 2e-14,
    BACKWARD: 1e-13,
}
#: multipliers against the change of the output, by dtype
SECANT: dict[str, float] = {"float64": 5e-13, "float32": 5e-5}
#: a backend's difference from NumPy in float64, by its own dtype
VARIANT: dict[str, float] = {"float64": 2e-13, "float32": 2e-5}


def tolerance(column: str, dtype: str = "float64") -> float:
    """The tolerance of a column; every column that is not listed is a backend's."""
    if column in TOLERANCES:
        return TOLERANCES[column]
    return SECANT[dtype] if column == DEEPLIFT else VARIANT[dtype]


def beyond_tolerance(row: str, column: str, cell: Cell) -> list[str]:
    """Each figure of a cell that is beyond its tolerance (NaN is), in words."""
    if isinstance(cell, str):
        return []
    return [
        f"{row}, {column}, {dtype}: {value:.1e}, allowed {tolerance(column, dtype):.0e}"
        for dtype, value in cell.items()
        if not value <= tolerance(column, dtype)
    ]


def failures(table: Table) -> list[str]:
    """Each figure of a table that is beyond its tolerance."""
    return [
        text
        for title, rows in table.items()
        for name, cells in rows.items()
        for column, cell in cells.items()
        for text in beyond_tolerance(f"{title}, {name}", column, cell)
    ]
