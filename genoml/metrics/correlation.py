"""Pearson's and Spearman's correlation."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.losses.negative_binomial import half_poisson_deviance, log_or_zero, log_ratio
from genoml.metrics.arrays import (
    has_nan,
    multiplicities,
    nan_unless,
    pair,
    rankable,
    ratio,
    running,
    widest_float,
)
from genoml.ops.arrays import array_like, clip


def pearson(x: Array, y: Array, *, counts: Array | None = None) -> Array:
    """Pearson's correlation coefficient.

        r = sum_i (x_i - mean x)(y_i - mean y) / sqrt(sum_i (x_i - mean x)^2  sum_i (y_i - mean y)^2)

    Each input is first shifted by its first value and scaled by its largest distance from it, so that
    neither a large offset nor values near the ends of the floating-point range cost accuracy.

    Parameters
    ----------
    x, y : array
        Any real numbers; often predictions and measurements.
    counts : array, optional
        How often each example is in each of many resamples, for one result a resample.

    Shapes
    ------
    x, y : (N,) or (N, 1)
    counts : (resamples, N)
    result : (), or (resamples,) with counts

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
    counts = multiplicities(xp, "pearson", counts, x)
    x_centred, x_valid = _centred(xp, x, counts)
    y_centred, y_valid = _centred(xp, y, counts)
    return _correlation(xp, x_centred, y_centred, counts, x_valid & y_valid)


def spearman(x: Array, y: Array, *, counts: Array | None = None) -> Array:
    """Spearman's rank correlation: Pearson's correlation of the ranks; tied values share their mean rank.

    Parameters
    ----------
    x, y : array
        Any real numbers, infinities included: only their order matters.
    counts : array, optional
        How often each example is in each of many resamples, for one result a resample.

    Shapes
    ------
    x, y : (N,) or (N, 1)
    counts : (resamples, N)
    result : (), or (resamples,) with counts

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
    counts = multiplicities(xp, "spearman", counts, x)
    valid = ~(has_nan(xp, x) | has_nan(xp, y))
    return _correlation(xp, _centred_ranks(xp, x, counts), _centred_ranks(xp, y, counts), counts, valid)


def _centred_ranks(xp: Any, x: Array, counts: Array) -> Array:
    """Centred ranks, (rank - mean rank) * 2 / N among the N of a row; tied values share their mean rank."""
    x = rankable(xp, x)
    order = xp.argsort(x)
    ascending = xp.take(x, order)
    up_to = running(xp, xp.take(counts, order, axis=-1))
    below = xp.take(up_to, xp.searchsorted(ascending, x, side="left"), axis=-1)
    not_above = xp.take(up_to, xp.searchsorted(ascending, x, side="right"), axis=-1)
    # rank = (below + not_above + 1) / 2 and the mean rank is (N + 1) / 2, so the centring is exact.
    return (below + not_above - up_to[..., -1:]) / max(x.shape[0], 1)


def _centred(xp: Any, x: Array, counts: Array) -> tuple[Array, Array]:
    """Values minus the mean of their row, scaled to a spread of about one, and whether all are finite."""
    x = xp.astype(x, counts.dtype)
    finite = xp.isfinite(x)
    if not x.shape[0]:
        return x, xp.all(finite)
    x = 0.5 * xp.where(finite, x, xp.zeros_like(x))  # halved: the shift below cannot overflow
    x = x - x[:1]
    largest = xp.max(xp.abs(x))
    x = x / xp.where(largest > 0, largest, xp.ones_like(largest))
    # subtract a value of the row first: a row of equal values becomes 0 exactly
    held = xp.reshape(xp.argmax(counts, axis=-1), (-1,))
    x = x - xp.reshape(xp.take(x, held), (*counts.shape[:-1], 1))
    total = xp.sum(counts, axis=-1, keepdims=True)
    total = xp.where(total > 0, total, xp.ones_like(total))
    return x - xp.sum(counts * x, axis=-1, keepdims=True) / total, xp.all(finite)


def _correlation(xp: Any, x: Array, y: Array, counts: Array, valid: Array) -> Array:
    """Correlation of centred arrays, sum x y / sqrt(sum x^2 sum y^2), clipped to [-1, 1]."""
    weighted_x = counts * x
    spread = xp.sqrt(xp.sum(weighted_x * x, axis=-1)) * xp.sqrt(xp.sum(counts * y * y, axis=-1))
    return clip(ratio(xp, xp.sum(weighted_x * y, axis=-1), spread, valid), -1.0, 1.0)


def poisson_deviance(predictions: Array, targets: Array) -> Array:
    """Mean deviance of counts y from Poisson means m: twice the loss of log-likelihood against m = y.

        D = (2 / N) sum_i [y_i log(y_i / m_i) - (y_i - m_i)],    0 log 0 = 0

    Parameters
    ----------
    predictions : array
        Means, above 0.
    targets : array
        Counts, 0 or more.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    result : ()

    Returns
    -------
    array
        0 or more. NaN if a mean is not above 0, a count is below 0, either is not finite, or N is 0.

    Raises
    ------
    ValueError, TypeError
        As said at the head of this module.

    References
    ----------
    McCullagh and Nelder (1989), Generalized linear models, 2nd ed., sec. 2.3.
    """
    xp, m, y, valid = _means_and_counts("poisson_deviance", predictions, targets)
    return _mean(xp, 2.0 * half_poisson_deviance(y, m, xp.log(m)), valid)


def negative_binomial_deviance(predictions: Array, targets: Array, dispersion: Any = 1.0) -> Array:
    """Mean deviance of counts y from negative binomial (NB2) means m, variance m + dispersion m^2.

        D = (2 / N) sum_i [y_i log(y_i / m_i) - (y_i + r) log((y_i + r) / (m_i + r))],    r = 1 / dispersion

    Parameters
    ----------
    predictions : array
        Means, above 0.
    targets : array
        Counts, 0 or more.
    dispersion : float or array
        Above 0; one number, or one for each example. For 0 see ``poisson_deviance``, to which D goes.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    result : ()

    Returns
    -------
    array
        0 or more. NaN where ``poisson_deviance`` is, and if a dispersion is not above 0 and finite.

    Raises
    ------
    ValueError, TypeError
        As said at the head of this module.

    References
    ----------
    Hilbe (2011), Negative binomial regression, 2nd ed., doi:10.1017/CBO9780511973420, table 5.1.
    """
    what = "negative_binomial_deviance"
    xp, m, y, valid = _means_and_counts(what, predictions, targets)
    a = xp.broadcast_to(xp.reshape(array_like(dispersion, m, what), (-1,)), m.shape)
    right = xp.isfinite(a) & (a > 0.0)
    r = 1.0 / xp.where(right, a, xp.ones_like(a))
    log_total = log_ratio(y - m, r + m, xp.log((r + y) / (r + m)))
    share = r / (r + m)
    # log(y / m) minus log_total, exact where y is near m
    log_count = log_ratio((y - m) * share, m * ((r + y) / (r + m)), log_or_zero(y / m) - log_total)
    return _mean(xp, 2.0 * (y * log_count - r * log_total), valid & xp.all(right))


def _means_and_counts(function: str, predictions: Array, targets: Array) -> tuple[Any, Array, Array, Array]:
    """Means and counts in the widest float, with 1 for those out of range, and whether all were in range."""
    xp, m, y = pair(function, "predictions", predictions, "targets", targets)
    dtype = widest_float(xp, m)
    m = xp.astype(m, dtype)
    y = xp.astype(y, dtype)
    right = xp.isfinite(m) & xp.isfinite(y) & (m > 0.0) & (y >= 0.0)
    return xp, xp.where(right, m, xp.ones_like(m)), xp.where(right, y, xp.ones_like(y)), xp.all(right)


def _mean(xp: Any, entries: Array, valid: Array) -> Array:
    size = entries.shape[0]
    return nan_unless(array_namespace(entries), valid & (size > 0), xp.sum(entries) / max(size, 1))
