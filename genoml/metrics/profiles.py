"""Figures of merit of profiles: predicted and observed reads along sequences, one number a profile.

Both inputs are (..., length), not negative, in any unit: a profile is compared by its shape.
"""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.metrics.arrays import nan_unless, on_one_library
from genoml.ops.arrays import clip


def jensen_shannon_distance(predictions: Array, targets: Array) -> Array:
    """Jensen-Shannon distance of each predicted profile to the observed one.

        d = sqrt((KL(p | m) + KL(q | m)) / 2),   m = (p + q) / 2,   p, q = profiles divided by their sums

    Parameters
    ----------
    predictions, targets : array
        Not negative.

    Shapes
    ------
    predictions, targets : (..., length)
    result : (...)

    Returns
    -------
    array
        From 0 to sqrt(log 2) = 0.833, in nats. NaN where a profile is 0 everywhere.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Endres and Schindelin (2003), A new metric for probability distributions, doi:10.1109/TIT.2003.813506.
    """
    predictions, targets = _alike("jensen_shannon_distance", predictions, targets)
    xp = array_namespace(predictions)
    p, p_known = _shares(predictions)
    q, q_known = _shares(targets)
    middle = 0.5 * (p + q)
    safe = xp.where(middle > 0, middle, xp.ones_like(middle))
    ratios = [xp.where(share > 0, share / safe, xp.ones_like(share)) for share in (p, q)]
    terms = p * xp.log(ratios[0]) + q * xp.log(ratios[1])
    divergence = 0.5 * xp.sum(terms, axis=-1)
    return nan_unless(xp, p_known & q_known, xp.sqrt(clip(divergence, 0.0)))


def profile_pearson(predictions: Array, targets: Array) -> Array:
    """Pearson's correlation of each predicted profile with the observed one, over its positions.

    Parameters
    ----------
    predictions, targets : array
        Any real numbers.

    Shapes
    ------
    predictions, targets : (..., length)
    result : (...)

    Returns
    -------
    array
        In [-1, 1]; NaN where a profile is constant.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    predictions, targets = _alike("profile_pearson", predictions, targets)
    xp = array_namespace(predictions)
    x = predictions - xp.mean(predictions, axis=-1, keepdims=True)
    y = targets - xp.mean(targets, axis=-1, keepdims=True)
    xx, yy = xp.sum(x * x, axis=-1), xp.sum(y * y, axis=-1)
    known = (xx > 0) & (yy > 0)
    scale = xp.where(known, xp.sqrt(xx) * xp.sqrt(yy), xp.ones_like(xx))
    return nan_unless(xp, known, clip(xp.sum(x * y, axis=-1) / scale, -1.0, 1.0))


def _alike(function: str, predictions: Array, targets: Array) -> tuple[Array, Array]:
    predictions, targets = on_one_library(predictions, targets)
    if tuple(predictions.shape) != tuple(targets.shape) or predictions.ndim < 1:
        raise ValueError(
            f"{function} expects profiles of one shape (..., length), got {tuple(predictions.shape)} and "
            f"{tuple(targets.shape)}"
        )
    return predictions, targets


def _shares(profiles: Array) -> tuple[Array, Array]:
    """Profiles divided by their sums, and where there is a sum."""
    xp = array_namespace(profiles)
    total = xp.sum(profiles, axis=-1)
    known = total > 0
    return profiles / xp.expand_dims(xp.where(known, total, xp.ones_like(total)), axis=-1), known
