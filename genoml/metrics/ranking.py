"""Metrics of binary classification: AUROC, AUPR and F1."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.metrics.arrays import (
    count,
    has_nan,
    multiplicities,
    nan_unless,
    pair,
    rankable,
    ratio,
    running,
    widest_float,
)


def auroc(predictions: Array, targets: Array, *, counts: Array | None = None) -> Array:
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
    counts : array, optional
        How often each example is in each of many resamples, for one result a resample.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    counts : (resamples, N)
    result : (), or (resamples,) with counts

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
    counts = multiplicities(xp, "auroc", counts, predictions)
    positive, valid = _classes(xp, predictions, targets)
    below, not_above, positives, negatives = _ascending(xp, predictions, positive, counts)
    negatives = running(xp, negatives)
    # twice the number of negatives below a score, where a tie counts one half
    twice_wins = xp.take(negatives, below, axis=-1) + xp.take(negatives, not_above, axis=-1)
    twice_u = xp.sum(positives * twice_wins, axis=-1)
    return ratio(xp, twice_u, 2.0 * xp.sum(positives, axis=-1) * negatives[..., -1], valid)


def aupr(predictions: Array, targets: Array, *, counts: Array | None = None) -> Array:
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
    counts : array, optional
        How often each example is in each of many resamples, for one result a resample.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    counts : (resamples, N)
    result : (), or (resamples,) with counts

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
    counts = multiplicities(xp, "aupr", counts, predictions)
    positive, valid = _classes(xp, predictions, targets)
    below, _, positives, negatives = _ascending(xp, predictions, positive, counts)
    true = _from_each(xp, positives, below)
    called = true + _from_each(xp, negatives, below)
    precision = true / xp.where(called > 0, called, xp.ones_like(called))
    return ratio(xp, xp.sum(positives * precision, axis=-1), xp.sum(positives, axis=-1), valid)


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
    """Whether each target is positive, and whether all targets are 0 or 1 and no prediction is NaN."""
    if xp.isdtype(targets.dtype, "bool"):
        return targets, ~has_nan(xp, predictions)
    positive = targets == 1
    return positive, xp.all(positive | (targets == 0)) & ~has_nan(xp, predictions)


def _ascending(xp: Any, scores: Array, positive: Array, counts: Array) -> tuple[Array, Array, Array, Array]:
    """For each score, in ascending order: the number below it, the number not above it, and its counts.

    The counts are how often it is a positive and how often a negative, of the shape of ``counts``.
    """
    scores = rankable(xp, scores)
    order = xp.argsort(scores)
    ascending = xp.take(scores, order)
    below = xp.searchsorted(ascending, ascending, side="left")
    not_above = xp.searchsorted(ascending, ascending, side="right")
    counts = xp.take(counts, order, axis=-1)
    positives = counts * xp.astype(xp.take(positive, order), counts.dtype)
    return below, not_above, positives, counts - positives


def _from_each(xp: Any, tally: Array, below: Array) -> Array:
    """The sum of a tally over all scores that are not below each."""
    up_to = running(xp, tally)
    return up_to[..., -1:] - xp.take(up_to, below, axis=-1)
