"""Deviance of counts from predicted means."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.losses._negative_binomial import half_poisson_deviance, log_or_zero, log_ratio
from genoml.metrics._common import nan_unless, pair, widest_float
from genoml.ops.arrays import array_like


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
