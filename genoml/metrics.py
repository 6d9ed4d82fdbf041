"""Metrics of a model's predictions, exact with tied scores and computed where the predictions lie.

Every function takes two arrays of N values, as ``(N,)`` or ``(N, 1)``, and returns a 0-d array on the same
device: nothing is read back to the host. A quantity that does not exist is NaN, without a warning: AUROC
with one class, AUPR without a positive, the correlation of a constant, anything computed from a NaN.

The two inputs are of one library and on one device; a list or a NumPy array beside a device array is moved to
that device. ValueError is raised if the shapes differ or are not those above, or if the arrays lie on two
devices; TypeError if one does not hold real numbers, or if they are of two libraries.

Ties are handled by counting: with the scores sorted, ``searchsorted`` from the left and from the right gives
for every score how many scores lie below it and how many do not lie above it. Counts are integers throughout
and only the last division is made in floating point, in the widest type that the device has.
"""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace, device, is_array_api_obj, is_numpy_array

from genoml.backend import Array, get_backend

__all__ = ["aupr", "auroc", "f1_score", "pearson", "spearman"]


def auroc(predictions: Array, targets: Array) -> Array:
    """Area under the receiver operating characteristic curve.

        AUROC = (#{s_neg < s_pos} + 0.5 #{s_neg = s_pos}) / (n_pos n_neg)

    over all pairs of a positive and a negative: the probability that a random positive scores above a random
    negative, a tie counting one half (the Mann-Whitney U statistic over n_pos n_neg).

    Parameters
    ----------
    predictions : array
        Scores, probabilities or logits: only their order matters. May be infinite.
    targets : array
        1 for a positive, 0 for a negative (bool, integer or float).

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    result : ()

    Returns
    -------
    array
        In [0, 1]. NaN if one class is absent, if a prediction is NaN, or if a target is neither 0 nor 1 (an
        exception would need a read of the device).

    Raises
    ------
    ValueError, TypeError
        As said at the head of this module.

    References
    ----------
    Hanley and McNeil (1982), doi:10.1148/radiology.143.1.7063747.
    """
    xp, predictions, targets = _pair("auroc", "predictions", predictions, "targets", targets)
    positive, valid = _classes(xp, predictions, targets)
    below, not_above, positive = _sorted_counts(xp, _rankable(xp, predictions), positive)
    # Negatives below each score, and negatives not above it, from the running count of negatives.
    negatives = _running_count(xp, ~positive)
    twice_wins = xp.take(negatives, below) + xp.take(negatives, not_above)
    twice_u = _exact_sum(xp, xp.where(positive, twice_wins, xp.zeros_like(twice_wins)))
    n_positives, n_negatives = _count(xp, positive), _count(xp, ~positive)
    return _ratio(xp, twice_u, 2.0 * n_positives * n_negatives, valid)


def aupr(predictions: Array, targets: Array) -> Array:
    """Area under the precision-recall curve, as the average precision.

        AUPR = sum_t (R_t - R_(t-1)) P_t = (1 / n_pos) sum_{i positive} P(s_i)

    over the distinct scores t from the highest down, tied scores being one threshold; P(s) is the precision
    when every score >= s is called positive. There is no interpolation between the points, which would be
    optimistic. A random ranking has AUPR near the share of positives, n_pos / N.

    Parameters
    ----------
    predictions : array
        Scores, probabilities or logits: only their order matters. May be infinite.
    targets : array
        1 for a positive, 0 for a negative (bool, integer or float).

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    result : ()

    Returns
    -------
    array
        In (0, 1]. NaN if there is no positive, if a prediction is NaN, or if a target is neither 0 nor 1.

    Raises
    ------
    ValueError, TypeError
        As said at the head of this module.

    References
    ----------
    Davis and Goadrich (2006), doi:10.1145/1143844.1143874, on why not to interpolate linearly.
    """
    xp, predictions, targets = _pair("aupr", "predictions", predictions, "targets", targets)
    positive, valid = _classes(xp, predictions, targets)
    below, _, positive = _sorted_counts(xp, _rankable(xp, predictions), positive)
    positives = _running_count(xp, positive)
    n_called = predictions.shape[0] - below
    n_true = positives[-1] - xp.take(positives, below)
    dtype = _widest_float(xp, predictions)
    precision = xp.astype(n_true, dtype) / xp.astype(n_called, dtype)
    total = xp.sum(xp.where(positive, precision, xp.zeros_like(precision)), dtype=dtype)
    return _ratio(xp, total, _count(xp, positive), valid)


def f1_score(predictions: Array, targets: Array, threshold: float = 0.5) -> Array:
    """F1, the harmonic mean of precision and recall at one threshold.

        F1 = 2 TP / (2 TP + FP + FN),    called positive: prediction >= threshold

    Parameters
    ----------
    predictions : array
        Probabilities, or whatever ``threshold`` is on the scale of: for logits use ``threshold=0.0``.
    targets : array
        1 for a positive, 0 for a negative (bool, integer or float).
    threshold : float
        The smallest prediction that is called positive.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    result : ()

    Returns
    -------
    array
        In [0, 1]; 0 if nothing is positive and nothing is called positive. NaN if a prediction is NaN, or if
        a target is neither 0 nor 1.

    Raises
    ------
    ValueError, TypeError
        As said at the head of this module.
    """
    xp, predictions, targets = _pair("f1_score", "predictions", predictions, "targets", targets)
    positive, valid = _classes(xp, predictions, targets)
    if not xp.isdtype(predictions.dtype, "real floating"):
        predictions = xp.astype(predictions, _widest_float(xp, predictions))
    called = predictions >= threshold
    found = _count(xp, positive & called)
    total = _count(xp, positive) + _count(xp, called)
    score = 2.0 * found / xp.where(total > 0, total, xp.ones_like(total))
    return _nan_unless(xp, valid, score)


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
    xp, x, y = _pair("pearson", "x", x, "y", y)
    if x.shape[0] < 2:
        return _nan(xp, x)
    x_centred, x_valid = _centred(xp, x)
    y_centred, y_valid = _centred(xp, y)
    return _correlation(xp, x_centred, y_centred, x_valid & y_valid)


def spearman(x: Array, y: Array) -> Array:
    """Spearman's rank correlation: Pearson's correlation of the ranks, tied values sharing their mean rank.

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
    xp, x, y = _pair("spearman", "x", x, "y", y)
    if x.shape[0] < 2:
        return _nan(xp, x)
    valid = ~(_has_nan(xp, x) | _has_nan(xp, y))
    return _correlation(xp, _centred_ranks(xp, x), _centred_ranks(xp, y), valid)


# ---------------------------------------------------------------- input


def _pair(function: str, name_a: str, a: Array, name_b: str, b: Array) -> tuple[Any, Array, Array]:
    """Both arrays flat, of one length and one library, on one device, with their namespace."""
    a, b = _on_one_library(a, b)
    if is_numpy_array(b) and not is_numpy_array(a):
        b = _move(b, a)
    elif is_numpy_array(a) and not is_numpy_array(b):
        a = _move(a, b)
    xp_a, xp = array_namespace(a), array_namespace(b)
    if xp_a is not xp:
        raise TypeError(
            f"{function} expects {name_a} and {name_b} of one array library, "
            f"got {xp_a.__name__} and {xp.__name__}"
        )
    if device(a) != device(b):
        raise ValueError(
            f"{function} expects {name_a} and {name_b} on one device, got {device(a)} and {device(b)}"
        )
    sizes = [x.shape[0] for x in (a, b) if x.ndim == 1 or (x.ndim == 2 and x.shape[1] == 1)]
    if len(sizes) < 2 or sizes[0] != sizes[1]:
        raise ValueError(
            f"{function} expects {name_a} and {name_b} of one length, each (N,) or (N, 1), "
            f"got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    return xp, _flat(xp, function, name_a, a), _flat(xp, function, name_b, b)


def _on_one_library(a: Array, b: Array) -> tuple[Array, Array]:
    """Lists become arrays: of the other argument's library, or of the default backend's."""
    if not is_array_api_obj(a):
        a = _move(a, b) if is_array_api_obj(b) else get_backend().asarray(a)
    if not is_array_api_obj(b):
        b = _move(b, a)
    return a, b


def _move(values: Any, like: Array) -> Array:
    # A copy, because some libraries warn about sharing memory that is read-only.
    xp = array_namespace(like)
    return xp.asarray(values, device=device(like), copy=True)  # lint: allow creation, labels keep their kind


def _flat(xp: Any, function: str, name: str, x: Array) -> Array:
    if not xp.isdtype(x.dtype, ("bool", "integral", "real floating")):
        raise TypeError(f"{function} expects real numbers in {name}, got dtype {x.dtype}")
    return xp.reshape(x, (-1,)) if x.ndim == 2 else x


def _classes(xp: Any, predictions: Array, targets: Array) -> tuple[Array, Array]:
    """Which targets are positive, and whether every target is 0 or 1 and no prediction is NaN."""
    if xp.isdtype(targets.dtype, "bool"):
        return targets, ~_has_nan(xp, predictions)
    positive = targets == 1
    return positive, xp.all(positive | (targets == 0)) & ~_has_nan(xp, predictions)


def _has_nan(xp: Any, x: Array) -> Array:
    if xp.isdtype(x.dtype, "real floating"):
        return xp.any(xp.isnan(x))
    return xp.zeros((), dtype=xp.bool, device=device(x))


def _rankable(xp: Any, x: Array) -> Array:
    """The same order without its traps: bool has no order, and some sorts put -0.0 before 0.0."""
    if xp.isdtype(x.dtype, "bool"):
        return xp.astype(x, xp.uint8)
    return xp.where(x == 0, xp.zeros_like(x), x)


# ---------------------------------------------------------------- counts


def _sorted_counts(xp: Any, scores: Array, positive: Array) -> tuple[Array, Array, Array]:
    """For each score, in ascending order: how many are below it, how many not above, is it a positive."""
    order = xp.argsort(scores)
    ascending = xp.take(scores, order)
    below = xp.searchsorted(ascending, ascending, side="left")
    not_above = xp.searchsorted(ascending, ascending, side="right")
    return below, not_above, xp.take(positive, order)


def _running_count(xp: Any, mask: Array) -> Array:
    """How many of the first i are true, for i from 0 to N."""
    ones = xp.astype(mask, _widest_integer(xp, mask))
    return xp.cumulative_sum(ones, dtype=ones.dtype, include_initial=True)


def _count(xp: Any, mask: Array) -> Array:
    """How many are true: counted as integers, returned as the widest float."""
    dtype = _widest_integer(xp, mask)
    return xp.astype(xp.sum(xp.astype(mask, dtype), dtype=dtype), _widest_float(xp, mask))


def _exact_sum(xp: Any, counts: Array) -> Array:
    """The sum of N counts of at most 2 N each, rounded once, to the widest float.

    Where 32 bits are all there is, the counts are cut into digits of so few bits that N of them fit.
    """
    integer, real = _widest_integer(xp, counts), _widest_float(xp, counts)
    if integer == xp.int64:
        return xp.astype(xp.sum(counts, dtype=integer), real)
    length = counts.shape[0]
    bits = 31 - length.bit_length()
    total = xp.zeros((), dtype=real, device=device(counts))
    for shift in range(0, (2 * length).bit_length(), bits):
        digit = (counts >> shift) & (2**bits - 1)
        total = total + 2.0**shift * xp.astype(xp.sum(digit, dtype=integer), real)
    return total


def _centred_ranks(xp: Any, x: Array) -> Array:
    """(rank - mean rank) * 2 / N, tied values sharing their mean rank."""
    x = _rankable(xp, x)
    ascending = xp.sort(x)
    below = xp.searchsorted(ascending, x, side="left")
    not_above = xp.searchsorted(ascending, x, side="right")
    length = x.shape[0]
    # rank = (below + not_above + 1) / 2 and the mean rank is (N + 1) / 2, so the centring is exact.
    return xp.astype(below + not_above - length, _widest_float(xp, x)) / length


# ---------------------------------------------------------------- floating point


def _centred(xp: Any, x: Array) -> tuple[Array, Array]:
    """Each value less the mean, scaled to a spread of about one, and whether every value is finite."""
    x = xp.astype(x, _widest_float(xp, x))
    finite = xp.isfinite(x)
    x = 0.5 * xp.where(finite, x, xp.zeros_like(x))  # halved: the shift below cannot overflow
    x = x - x[:1]
    largest = xp.max(xp.abs(x))
    x = x / xp.where(largest > 0, largest, xp.ones_like(largest))
    return x - xp.mean(x), xp.all(finite)


def _correlation(xp: Any, x: Array, y: Array, valid: Array) -> Array:
    """The quotient sum x y / sqrt(sum x^2 sum y^2) of centred arrays, kept within [-1, 1]."""
    spread = xp.sqrt(xp.sum(x * x)) * xp.sqrt(xp.sum(y * y))
    return xp.clip(_ratio(xp, xp.sum(x * y), spread, valid), -1.0, 1.0)


def _ratio(xp: Any, top: Array, bottom: Array, valid: Array) -> Array:
    """Divide top by bottom: NaN if bottom is 0 or the input is not valid, and never a warning."""
    defined = bottom > 0
    return _nan_unless(xp, valid & defined, top / xp.where(defined, bottom, xp.ones_like(bottom)))


def _nan_unless(xp: Any, valid: Array, value: Array) -> Array:
    # [()] turns NumPy's 0-d array into its scalar, which can be formatted; elsewhere it changes nothing.
    return xp.where(valid, value, xp.full_like(value, math.nan))[()]


def _nan(xp: Any, x: Array) -> Array:
    return xp.full((), math.nan, dtype=_widest_float(xp, x), device=device(x))[()]


def _widest_float(xp: Any, x: Array) -> Any:
    offered = xp.__array_namespace_info__().dtypes(device=device(x), kind="real floating")
    return offered["float64" if "float64" in offered else "float32"]


def _widest_integer(xp: Any, x: Array) -> Any:
    offered = xp.__array_namespace_info__().dtypes(device=device(x), kind="signed integer")
    return offered["int64" if "int64" in offered else "int32"]
