"""One row of the proof: what is measured, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from genoml.backend import Backend, use_backend
from genoml.testing import relative_difference

#: a figure, or in words why there is none
Figure = float | str
NONE = "-"
Result = TypeVar("Result")


def no_figure() -> Figure:
    return NONE


def no_figures() -> tuple[Figure, Figure]:
    return NONE, NONE


@dataclass(frozen=True)
class Entry:
    """A row.

    Attributes
    ----------
    name : str
        As in its registry.
    on : callable or None
        (backend, dtype) -> its largest difference there; None if it computes on the host alone.
    gradient, formula : callable
        The error of the gradient, and that of the output against the formula, on NumPy in float64.
    deeplift : callable
        What the multipliers of a layer miss of the change of its output, on NumPy, by dtype.
    torch : callable
        The differences of output and gradient from PyTorch's in float64.
    """

    name: str
    on: Callable[[Backend, str], float] | None
    gradient: Callable[[], Figure] = no_figure
    formula: Callable[[], Figure] = no_figure
    deeplift: Callable[[], dict[str, float] | str] = no_figure  # type: ignore[assignment]
    torch: Callable[[], tuple[Figure, Figure]] = no_figures


@dataclass(frozen=True)
class Section:
    """A table: its heading, what its figures are, and its rows.

    ``exported`` are the names that genoml exports of this kind, ``shown`` those that the rows are of.
    """

    title: str
    about: str
    entries: tuple[Entry, ...]
    exported: frozenset[str]
    shown: frozenset[str]

    @property
    def missing(self) -> list[str]:
        """What genoml exports and no row shows."""
        return sorted(self.exported - self.shown)


def on_numpy(run: Callable[[Backend, str], Result]) -> Result:
    """What it gives on NumPy in float64, whatever variant is in use."""
    with use_backend("numpy") as home:
        return run(home, "float64")


def worst(got: Mapping[str, Any], expected: Mapping[str, Any]) -> float:
    """The largest relative difference of the arrays of the same names."""
    if set(got) != set(expected):
        raise AssertionError(f"{sorted(got)}, expected {sorted(expected)}")
    return max(
        relative_difference(np.asarray(got[name]), np.asarray(value)) for name, value in expected.items()
    )


def forward_and_gradient(got: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[Figure, Figure]:
    """The difference of the output, which is called y, and the largest one of the rest."""
    if set(got) != set(expected):
        raise AssertionError(f"{sorted(got)}, expected {sorted(expected)}")
    rest = [name for name in expected if name != "y"]
    gradient = worst({n: got[n] for n in rest}, {n: expected[n] for n in rest}) if rest else NONE
    return worst({"y": got["y"]}, {"y": expected["y"]}), gradient
