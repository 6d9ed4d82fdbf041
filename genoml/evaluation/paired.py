"""Statistics of paired differences: their mean, its standard error, Wilcoxon's test, and false discovery rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PairedStatistics", "benjamini_hochberg", "paired_statistics", "signed_rank_p_value"]

#: up to so many differences without ties the distribution of the rank sum is counted
_MOST_COUNTED = 50


@dataclass(frozen=True, eq=False)
class PairedStatistics:
    """Statistics of rows of paired differences, the result of :func:`paired_statistics`.

    Attributes
    ----------
    n : int
        Differences of each row.
    mean : array of shape (...)
        Of the differences.
    standard_error : array of shape (...)
        Of the mean, s / sqrt(n); NaN of one difference.
    t : array of shape (...)
        Paired t, mean / standard error.
    p_value : array of shape (...)
        Wilcoxon's signed-rank test, two-sided; NaN of one difference.
    fdr : array of shape (...)
        The p-values by Benjamini and Hochberg, over all rows.
    """

    n: int
    mean: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    t: NDArray[np.float64]
    p_value: NDArray[np.float64]
    fdr: NDArray[np.float64]


def paired_statistics(differences: ArrayLike, *, rounding: float = 0.0) -> PairedStatistics:
    """Statistics of differences between pairs, such as a model's output with and without a motif in a background.

        s^2 = sum_i (d_i - mean)^2 / (n - 1),    t = mean sqrt(n) / s

    Parameters
    ----------
    differences : array_like
        Rows of them.
    rounding : float
        Differences as small as this, of either sign, are none to Wilcoxon's test: it would call a rounding error that
        always has one sign.

    Shapes
    ------
    differences : (..., n >= 1)

    Raises
    ------
    ValueError
        Without differences, or for one that is not finite.
    """
    rows = np.asarray(differences, np.float64)
    if not rows.ndim or not rows.shape[-1] or not np.isfinite(rows).all():
        raise ValueError(f"paired_statistics expects finite differences (..., n >= 1), got {rows.shape}")
    n = rows.shape[-1]
    mean = rows.mean(axis=-1)
    if n == 1:
        unknown = [np.full(mean.shape, np.nan) for _ in range(4)]
        return PairedStatistics(n, mean, *unknown)
    error = rows.std(axis=-1, ddof=1) / math.sqrt(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((mean == 0) & (error == 0), 0.0, mean / error)
    tested = np.where(np.abs(rows) <= rounding, 0.0, rows).reshape(-1, n)
    p = np.array([signed_rank_p_value(row) for row in tested]).reshape(mean.shape)
    return PairedStatistics(n, mean, error, t, p, benjamini_hochberg(p))


def signed_rank_p_value(differences: ArrayLike) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test: are differences as often and as far above 0 as below?

        W = sum of the ranks of abs(d_i) over d_i > 0

    Differences of 0 are left out; equal ones have the mean of their ranks. Up to 50 that all differ, the distribution
    of W is counted: each of 2^n sets of the ranks 1 .. n is as likely. Otherwise W is taken as normal, with mean
    n (n + 1) / 4 and variance n (n + 1) (2 n + 1) / 24 - sum_ties (t^3 - t) / 48.

    Shapes
    ------
    differences : (n,)

    References
    ----------
    Wilcoxon (1945), doi:10.2307/3001968; Lehmann (1975), Nonparametrics, for the correction of ties.
    """
    d = np.asarray(differences, np.float64)
    d = d[d != 0]
    n = len(d)
    if n == 0:
        return 1.0
    _, place, ties = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2
    w = float(ranks[place][d > 0].sum())
    if n <= _MOST_COUNTED and len(ties) == n:
        below = _cumulative(n)
        least = min(w, n * (n + 1) / 2 - w)  # W is symmetric
        return min(1.0, 2.0 * float(below[int(least)]))
    variance = n * (n + 1) * (2 * n + 1) / 24 - float((ties**3.0 - ties).sum()) / 48
    if variance == 0:
        return 1.0
    return math.erfc(abs(w - n * (n + 1) / 4) / math.sqrt(2.0 * variance))


@lru_cache(maxsize=_MOST_COUNTED)
def _cumulative(n: int) -> NDArray[np.float64]:
    """P(W <= w) of n ranks: sets with a sum, counted rank by rank, as products of (1 + x^r) / 2."""
    share = np.ones(1)
    for rank in range(1, n + 1):
        with_it = np.concatenate([np.zeros(rank), share])
        share = 0.5 * (with_it + np.concatenate([share, np.zeros(rank)]))
    return np.cumsum(share)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """The false discovery rate at which each of several tests is called, of their p-values.

        q_(i) = min_{j >= i} p_(j) m / j,    p_(1) <= ... <= p_(m)

    A NaN stays one, and is not counted.

    References
    ----------
    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    p = np.asarray(p_values, np.float64)
    found, known = np.full(p.size, np.nan), np.flatnonzero(~np.isnan(p.reshape(-1)))
    values = p.reshape(-1)[known]
    order = np.argsort(values)[::-1]
    scaled = values[order] * len(values) / np.arange(len(values), 0, -1)
    found[known[order]] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return found.reshape(p.shape)
