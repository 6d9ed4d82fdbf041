"""The negative binomial likelihood and its derivatives, without loss of digits.

With mean m, size r = 1 / dispersion and count y, the textbook form

    -log p = lgamma(r) + lgamma(y + 1) - lgamma(y + r) + (y + r) log(1 + m / r) - y log(m / r)

subtracts numbers near y log y to get one near 1: at a count of 1e6 the error in single precision is 1. This module
sums small terms instead, after Loader's saddle-point expansion:

    -log p = D + c(y) + [binet(r) - binet(y + r) + log(1 + y / r) / 2]
    D = r log((r + m) / (r + y)) + y log(y (r + m) / (m (r + y)))           half the deviance, >= 0
    c(y) = lgamma(y + 1) - y log y + y

D is 0 at y = m, and as r grows the bracket goes to 0 and D to the Poisson's y log(y / m) + m - y.

References
----------
Loader (2000), Fast and accurate computation of binomial probabilities; Hilbe (2011), Negative binomial
regression, 2nd ed., doi:10.1017/CBO9780511973420, eq. 8.9 (the form called NB2).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops.arrays import clip, constant_like
from genoml.ops.special import binet, digamma_excess, lgamma, weighted

#: Sizes and means are clipped to exp(-LIMIT) .. exp(LIMIT), where nothing overflows in single precision.
LIMIT = 40.0

#: The derivative in log dispersion is -r log m for large m. It is clipped to this, so that a sum of many is finite.
LARGEST = 1e30


class Terms(NamedTuple):
    """Entries of -log p, and of its derivatives in log m and in log dispersion."""

    entries: Array
    log_mean_grad: Array
    log_dispersion_grad: Array


def count_constant(y: Array) -> Array:
    """c(y) = lgamma(y + 1) - y log y + y, which is 0 at 0 and log(2 pi y) / 2 + 1 / (12 y) - .. beyond."""
    xp = array_namespace(y)
    positive = y > 0.0
    safe = xp.where(positive, y, xp.ones_like(y))
    return xp.where(positive, 0.5 * xp.log(2.0 * math.pi * safe) + binet(safe), xp.zeros_like(y))


def log_ratio(difference: Array, denominator: Array, far: Array) -> Array:
    """log(1 + difference / denominator), exact near 0 if the difference is; ``far`` is used elsewhere."""
    xp = array_namespace(difference)
    near = xp.abs(difference) < 0.5 * denominator
    safe = xp.where(near, denominator, xp.ones_like(denominator))
    return xp.where(near, xp.log1p(xp.where(near, difference, xp.zeros_like(difference)) / safe), far)


def log_or_zero(values: Array) -> Array:
    """log(values), or 0 where they are not positive."""
    xp = array_namespace(values)
    return xp.log(xp.where(values > 0.0, values, xp.ones_like(values)))


def half_poisson_deviance(y: Array, m: Array, log_m: Array) -> Array:
    """Half the Poisson deviance: y log(y / m) + m - y >= 0."""
    return weighted(y, log_ratio(y - m, m, log_or_zero(y) - log_m)) - (y - m)


def negative_binomial_terms(log_mean: Array, log_dispersion: Array, y: Array) -> Terms:
    """-log p and its derivatives; all three arguments broadcast.

    Beyond |log m| = LIMIT its change from there on is added, see ``_beyond``. The derivative in log dispersion is
    clipped to +-LARGEST, so that it is finite at any mean.
    """
    xp = array_namespace(log_mean)
    z = clip(log_mean, -LIMIT, LIMIT)
    log_a = clip(log_dispersion, -LIMIT, LIMIT)
    r = xp.exp(-log_a)
    m = xp.exp(z)
    total = r + m
    count = r + y
    share = r / total
    lead = share * (m - y)  # d(-log p) / d log m = (m - y) / (1 + m / r)
    # log((r + y) / (r + m)), and log(y / m) minus that
    log_total = log_ratio(y - m, total, xp.log(count / total))
    log_count = log_ratio((y - m) * share, m * (count / total), log_or_zero(y / m) - log_total)
    first = -r * log_total - lead  # both parts of D are >= 0; their linear terms cancel
    second = y * log_count + lead
    rest = binet(r) - binet(count) + 0.5 * xp.log1p(y / r)
    change = _beyond(log_mean, z, log_a, r, y)
    entries = first + second + count_constant(y) + rest + change.entries
    # d/dr gives log((r+y)/(r+m)) - (y-m)/(r+m) + excess(y+r) - excess(r), times r, as digamma = log + excess
    slope = -first + r * (digamma_excess(count) - digamma_excess(r))
    slope = clip(slope + change.log_dispersion_grad, -LARGEST, LARGEST)
    inside = xp.astype(xp.abs(log_dispersion) <= LIMIT, slope.dtype)
    lead = xp.where(log_mean == z, lead, change.log_mean_grad)
    return Terms(entries, lead, slope * inside)


def _beyond(log_mean: Array, z: Array, log_a: Array, r: Array, y: Array) -> Terms:
    """Change of -log p and of its slope in log a from log mean z = +-LIMIT to log_mean; the slope in the mean there.

    With u = log m - log r, -log p = (y + r) softplus(u) - y u + a constant. Above, where u >= 0, softplus(u) = u +
    softplus(-u), so the change is r (log_mean - z) plus a difference of softplus(-|u|); below it is -y (log_mean - z)
    plus one. The limits: l -> inf with slope r for m -> inf; l -> inf with slope -y, or 0 for y = 0, for m -> 0.
    """
    xp = array_namespace(log_mean)
    infinite = constant_like(z, math.inf)
    small, small_from = (xp.exp(-xp.abs(at + log_a)) for at in (log_mean, z))
    share, share_from = small / (1.0 + small), small_from / (1.0 + small_from)  # sigmoid(-|u|)
    curve = xp.log1p(small) - xp.log1p(small_from)
    step = log_mean - z
    above = step > 0.0
    # where r times the step leaves the dtype's range, it is infinite
    most = xp.finfo(z.dtype).max / xp.maximum(r, xp.ones_like(r))
    linear = weighted(xp.where(above, r, -y), xp.where(step > most, infinite, step))
    lead = xp.where(above, r * (1.0 - share) - y * share, r * share - y * (1.0 - share))
    turn = (y + r) * (share_from - share)
    slope = xp.where(above, turn - linear, -turn) - r * curve
    return Terms(linear + (y + r) * curve, lead, slope)


def log_of(values: Array, floor: float) -> Array:
    """log(max(values, floor))."""
    return array_namespace(values).log(clip(values, floor))


def without_constant(entries: Array, y: Array) -> Array:
    """-log p minus lgamma(y + 1), which does not depend on the predictions."""
    return entries - lgamma(y + 1.0)
