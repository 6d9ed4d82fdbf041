"""Pearson's and Spearman's correlation."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.metrics._common import has_nan, nan, pair, rankable, ratio, widest_float


def pearson(x: Array, y: Array) -> Array:
    """Pearson's correlation coefficient.

        r = sum_i (x_i - mean x)(y_i - mean y) / sqrt(sum_i (x_i - mean x)^2  sum_i (y_i - mean y)^2)

    Each input is first shifted by its first value and scaled by its largest distance from it, so that
    neither a large offset nor values near the ends of the floating-point range cost accuracy.

    Parameters
    ----------
    x, y : array
        Any real numbers; often predictions and measurements.

    Shapes
    ------
    x, y : (N,) or (N, 1)
    result : ()

    Returns
    -------
    array
        In [-1, 1]. NaN if an input is constant, has fewer than two values, or holds a NaN or an infinity.

    Raises
    ------
    ValueError, TypeError
        As said at the head of this module.
    """
    xp, x, y = pair("pearson", "x", x, "y", y)
    if x.shape[0] < 2:
        return nan(xp, x)
    x_centred, x_valid = _centred(xp, x)
    y_centred, y_valid = _centred(xp, y)
    return _correlation(xp, x_centred, y_centred, x_valid & y_valid)


def spearman(x: Array, y: Array) -> Array:
    """Spearman's rank correlation: Pearson's correlation of the ranks; tied values share their mean rank.

    Parameters
    ----------
    x, y : array
        Any real numbers, infinities included: only their order matters.

    Shapes
    ------
    x, y : (N,) or (N, 1)
    result : ()

    Returns
    -------
    array
        In [-1, 1]. NaN if an input is constant, has fewer than two values, or holds a NaN.

    Raises
    ------
    ValueError, TypeError
        As said at the head of this module.

    References
    ----------
    Spearman (1904), doi:10.2307/1412159.
    """
    xp, x, y = pair("spearman", "x", x, "y", y)
    if x.shape[0] < 2:
        return nan(xp, x)
    valid = ~(has_nan(xp, x) | has_nan(xp, y))
    return _correlation(xp, _centred_ranks(xp, x), _centred_ranks(xp, y), valid)


def _centred_ranks(xp: Any, x: Array) -> Array:
    """Centred ranks, (rank - mean rank) * 2 / N; tied values share their mean rank."""
    x = rankable(xp, x)
    ascending = xp.sort(x)
    below = xp.searchsorted(ascending, x, side="left")
    not_above = xp.searchsorted(ascending, x, side="right")
    length = x.shape[0]
    # rank = (below + not_above + 1) / 2 and the mean rank is (N + 1) / 2, so the centring is exact.
    return xp.astype(below + not_above - length, widest_float(xp, x)) / length


def _centred(xp: Any, x: Array) -> tuple[Array, Array]:
    """Values minus their mean, scaled to a spread of about one, and whether all are finite."""
    x = xp.astype(x, widest_float(xp, x))
    finite = xp.isfinite(x)
    x = 0.5 * xp.where(finite, x, xp.zeros_like(x))  # halved: the shift below cannot overflow
    x = x - x[:1]
    largest = xp.max(xp.abs(x))
    x = x / xp.where(largest > 0, largest, xp.ones_like(largest))
    return x - xp.mean(x), xp.all(finite)


def _correlation(xp: Any, x: Array, y: Array, valid: Array) -> Array:
    """Correlation of centred arrays, sum x y / sqrt(sum x^2 sum y^2), clipped to [-1, 1]."""
    spread = xp.sqrt(xp.sum(x * x)) * xp.sqrt(xp.sum(y * y))
    return xp.clip(ratio(xp, xp.sum(x * y), spread, valid), -1.0, 1.0)
