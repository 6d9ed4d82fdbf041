"""Information content of motifs, in bits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["base_probabilities", "information_content"]


def base_probabilities(matrix: ArrayLike) -> NDArray[np.float64]:
    """Rows of a motif matrix, of counts or probabilities, scaled to sum to 1.

    Shapes
    ------
    matrix : (width, 4), columns A C G T
    result : (width, 4); a row of zeros becomes 0.25 each

    Raises
    ------
    ValueError
        If the matrix is not (width, 4), or holds a value that is negative or not finite.
    """
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 4:
        raise ValueError(f"a motif matrix is (width, 4), columns A C G T, got {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("a motif matrix holds counts or probabilities, got a value below 0 or not finite")
    totals = values.sum(axis=1, keepdims=True)
    return np.where(totals > 0, values, 0.25) / np.where(totals > 0, totals, 1.0)


def information_content(matrix: ArrayLike, *, n_sites: float | None = None) -> NDArray[np.float64]:
    """Information content of each position against equal base frequencies, in bits.

        IC[i] = 2 + sum_b p[i, b] log2 p[i, b] - e(n),    e(n) = 3 / (2 ln(2) n)

    Few sites look more conserved than they are; e(n) is the small-sample correction for n sites. Values below
    0 are set to 0.

    Parameters
    ----------
    matrix : array_like
        Counts or probabilities.
    n_sites : float, optional
        How many sites the matrix was made from; without it e(n) = 0.

    Shapes
    ------
    matrix : (width, 4), columns A C G T
    result : (width,), in [0, 2] bits

    Raises
    ------
    ValueError
        If the matrix is not one of counts or probabilities, or ``n_sites`` is not positive.

    References
    ----------
    Schneider et al. (1986), doi:10.1016/0022-2836(86)90165-8; Schneider and Stephens (1990),
    doi:10.1093/nar/18.20.6097.
    """
    if n_sites is not None and not n_sites > 0:
        raise ValueError(f"n_sites must be positive, got {n_sites}")
    probabilities = base_probabilities(matrix)
    log2 = np.log2(np.where(probabilities > 0, probabilities, 1.0))
    correction = 0.0 if n_sites is None else 3.0 / (2.0 * math.log(2.0) * n_sites)
    bits: NDArray[np.float64] = 2.0 + (probabilities * log2).sum(axis=1) - correction
    return np.clip(bits, 0.0, 2.0)
