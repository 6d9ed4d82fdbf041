"""The Motif record, the consensus of a motif, and the checks of the arguments of a position weight matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from genoml.sequence.alphabet import CODE_LETTERS, MEMBERSHIP, PAD_CODE
from genoml.sequence.motifs.drawing import logo_html

__all__ = [
    "Motif",
    "check_p_value",
    "checked_background",
    "checked_matrix",
    "consensus",
    "degenerate_consensus",
]

#: Tolerance of the sum of a position's probabilities, which files round.
_SUM_TOLERANCE = 0.01
#: Rounding error allowed for in sums of probabilities.
_ROUNDING = 1e-12


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

    def _repr_html_(self) -> str:
        return logo_html(self.probabilities, f"{self.name} {self.symbol}".strip())

    @property
    def width(self) -> int:
        """Number of positions, in bases."""
        return int(self.matrix.shape[0])

    @property
    def probabilities(self) -> np.ndarray:
        """Probabilities (width, 4): each row divided by its sum."""
        return np.asarray(self.matrix / self.matrix.sum(axis=1, keepdims=True))


def consensus(probabilities: np.ndarray) -> str:
    """The most probable base at each position, ties to the first of A, C, G, T: (width, 4) -> letters."""
    return "".join("ACGT"[base] for base in probabilities.argmax(axis=1))


def degenerate_consensus(probabilities: np.ndarray) -> str:
    """The consensus in IUPAC letters, by the rule of Cavener (1987) as TRANSFAC uses it.

    A position is one base if that is more frequent than all others together, and more than twice as frequent
    as the second; else two bases if they make up more than 75 %; else three if the fourth is never there;
    else N.

    Shapes
    ------
    probabilities : (width, 4), columns A, C, G, T, each row summing to 1

    References
    ----------
    Cavener (1987), Comparison of the consensus sequence flanking translational start sites in Drosophila and
    vertebrates, doi:10.1093/nar/15.4.1353.
    """
    first, second, _, fourth = np.sort(probabilities, axis=1)[:, ::-1].T
    one = (first > 0.5 + _ROUNDING) & (first > 2 * second + _ROUNDING)
    n_bases = np.select([one, first + second > 0.75 + _ROUNDING, fourth == 0], [1, 2, 3], 4)
    # the rank of each base in its row; ties go to the first of A, C, G, T
    ranks = np.argsort(np.argsort(-probabilities, axis=1, kind="stable"), axis=1)
    members = ranks < n_bases[:, None]
    codes = (members[:, None, :] == MEMBERSHIP[None, :PAD_CODE]).all(axis=2).argmax(axis=1)
    return "".join(CODE_LETTERS[code] for code in codes)


def checked_matrix(values: ArrayLike, what: str) -> np.ndarray:
    """A float64 copy (width, 4), checked to be finite and not negative."""
    matrix = np.array(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] == 0 or matrix.shape[1] != 4:
        hint = "; transpose it" if matrix.ndim == 2 and matrix.shape[0] == 4 else ""
        raise ValueError(f"PWM expects {what} of shape (width >= 1, 4), got {matrix.shape}{hint}")
    if not np.all(np.isfinite(matrix)) or np.any(matrix < 0):
        raise ValueError(f"PWM expects finite {what}, none below 0")
    return matrix


def checked_background(values: Sequence[float]) -> np.ndarray:
    """A float64 copy (4,), checked to be probabilities above 0."""
    background = np.array(values, dtype=np.float64)
    if background.shape != (4,) or np.any(background <= 0) or abs(float(background.sum()) - 1.0) > 1e-6:
        raise ValueError(f"PWM expects a background of 4 probabilities above 0 that sum to 1, got {values}")
    return background


def check_p_value(p_value: float) -> None:
    """Raise unless 0 < p_value <= 1."""
    if not 0.0 < p_value <= 1.0:
        raise ValueError(f"PWM expects 0 < p_value <= 1, got {p_value}")
