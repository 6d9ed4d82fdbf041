"""Metrics of binary classification: AUROC, AUPR and F1."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.metrics._common import (
    count,
    exact_sum,
    has_nan,
    nan_unless,
    pair,
    rankable,
    ratio,
    running_count,
    widest_float,
)


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
    xp, predictions, targets = pair("auroc", "predictions", predictions, "targets", targets)
    positive, valid = _classes(xp, predictions, targets)
    below, not_above, positive = _sorted_counts(xp, rankable(xp, predictions), positive)
    # the numbers of negatives below each score and not above it, from the running count of negatives
    negatives = running_count(xp, ~positive)
    twice_wins = xp.take(negatives, below) + xp.take(negatives, not_above)
    twice_u = exact_sum(xp, xp.where(positive, twice_wins, xp.zeros_like(twice_wins)))
    n_positives, n_negatives = count(xp, positive), count(xp, ~positive)
    return ratio(xp, twice_u, 2.0 * n_positives * n_negatives, valid)


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
    xp, predictions, targets = pair("aupr", "predictions", predictions, "targets", targets)
    positive, valid = _classes(xp, predictions, targets)
    below, _, positive = _sorted_counts(xp, rankable(xp, predictions), positive)
    positives = running_count(xp, positive)
    n_called = predictions.shape[0] - below
    n_true = positives[-1] - xp.take(positives, below)
    dtype = widest_float(xp, predictions)
    precision = xp.astype(n_true, dtype) / xp.astype(n_called, dtype)
    total = xp.sum(xp.where(positive, precision, xp.zeros_like(precision)), dtype=dtype)
    return ratio(xp, total, count(xp, positive), valid)


def f1_score(predictions: Array, targets: Array, threshold: float = 0.5) -> Array:
    """F1 score: the harmonic mean of precision and recall at one threshold.

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
    xp, predictions, targets = pair("f1_score", "predictions", predictions, "targets", targets)
    positive, valid = _classes(xp, predictions, targets)
    if not xp.isdtype(predictions.dtype, "real floating"):
        predictions = xp.astype(predictions, widest_float(xp, predictions))
    called = predictions >= threshold
    true_positives = count(xp, positive & called)
    total = count(xp, positive) + count(xp, called)
    score = 2.0 * true_positives / xp.where(total > 0, total, xp.ones_like(total))
    return nan_unless(xp, valid, score)


def _classes(xp: Any, predictions: Array, targets: Array) -> tuple[Array, Array]:
    """Which targets are positive, and whether every target is 0 or 1 and no prediction is NaN."""
    if xp.isdtype(targets.dtype, "bool"):
        return targets, ~has_nan(xp, predictions)
    positive = targets == 1
    return positive, xp.all(positive | (targets == 0)) & ~has_nan(xp, predictions)


def _sorted_counts(xp: Any, scores: Array, positive: Array) -> tuple[Array, Array, Array]:
    """For each score, in ascending order: the number below it, the number not above it, whether it is positive."""
    order = xp.argsort(scores)
    ascending = xp.take(scores, order)
    below = xp.searchsorted(ascending, ascending, side="left")
    not_above = xp.searchsorted(ascending, ascending, side="right")
    return below, not_above, xp.take(positive, order)
