"""The Motif record, and the line reader shared by the motif formats."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genoml.io.errors import FormatError, shown
from genoml.io.files import Source

__all__ = ["Motif", "MotifLines"]

#: Tolerance of the sum of a position's probabilities, which files round.
_SUM_TOLERANCE = 0.01
# Python's own float() also takes 1_000, nan, infinity and the digits of other scripts
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, eq=False)
class Motif:
    """A motif: a matrix of counts or probabilities, with its names.

    Parameters
    ----------
    name : str
        Accession or identifier, such as ``"MA0139.2"``.
    matrix : numpy.ndarray
        (width, 4) float64, columns A, C, G, T, nothing negative and no row of zeros.
    kind : {"counts", "probabilities"}
        What the matrix holds.
    symbol : str
        Name of the factor, such as ``"CTCF"``; may be empty.
    n_sites : float, optional
        How many sites the probabilities were estimated from, above 0, if known.

    Raises
    ------
    ValueError
        For a matrix of another shape, negative or non-finite entries, a row that sums to zero (to anything
        but 1, for probabilities), or a number of sites that is not above 0.
    """

    name: str
    matrix: np.ndarray
    kind: Literal["counts", "probabilities"] = "probabilities"
    symbol: str = ""
    n_sites: float | None = None

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if self.kind not in ("counts", "probabilities"):
            raise ValueError(f"kind expects 'counts' or 'probabilities', got {self.kind!r}")
        if matrix.ndim != 2 or matrix.shape[0] == 0 or matrix.shape[1] != 4:
            raise ValueError(f"motif {self.name} expects a matrix (width >= 1, 4), got {matrix.shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            sums = matrix.sum(axis=1)
        if not np.all(np.isfinite(sums)) or np.any(matrix < 0) or np.any(sums <= 0):
            raise ValueError(f"motif {self.name} expects finite entries, none negative, and no row of zeros")
        if self.kind == "probabilities" and np.any(np.abs(sums - 1) > _SUM_TOLERANCE):
            raise ValueError(f"motif {self.name} expects probabilities that sum to 1, got {sums.tolist()}")
        if self.n_sites is not None and not (math.isfinite(self.n_sites) and self.n_sites > 0):
            raise ValueError(f"motif {self.name} expects n_sites above 0, got {self.n_sites}")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @property
    def width(self) -> int:
        """Number of positions, in bases."""
        return int(self.matrix.shape[0])

    @property
    def probabilities(self) -> np.ndarray:
        """Probabilities (width, 4): each row divided by its sum."""
        return np.asarray(self.matrix / self.matrix.sum(axis=1, keepdims=True))


class MotifLines:
    """The lines of a motif file, with the place of the current line for errors."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.path = source.path
        self.number = 0
        self.record: str | None = None

    def __iter__(self) -> Iterator[str]:
        with self._source.open() as stream:
            for self.number, line in enumerate(stream, 1):
                yield line.decode("utf-8", "replace").strip()

    def error(self, what: str, fix: str = "") -> FormatError:
        """A FormatError for the current line."""
        return FormatError(what, path=self.path, line=self.number, record=self.record, fix=fix)

    def value(self, field: str) -> float:
        """Convert a field to a number; it must be finite, not negative and in digits."""
        value = float(field) if _NUMBER.fullmatch(field) else math.nan
        if not math.isfinite(value) or value < 0:
            raise self.error(f"got {shown(field)!r}", "expects a finite number, 0 or above")
        return value

    def row(self, fields: list[str]) -> list[float]:
        """Convert fields to the four numbers of one position, which must not all be 0."""
        if len(fields) != 4:
            raise self.error(f"got {shown(' '.join(fields))!r}", "expects four numbers: A, C, G, T")
        values = [self.value(field) for field in fields]
        if not any(values):
            raise self.error("a position of zeros", "expects a base that is seen there")
        return values

    def motif(self, make: Callable[[], Motif]) -> Motif:
        """Make a motif; a ValueError becomes a FormatError for the current line."""
        try:
            return make()
        except ValueError as error:
            raise self.error(str(error)) from error
