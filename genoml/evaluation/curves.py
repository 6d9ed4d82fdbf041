"""ROC and precision-recall curves, as points to draw, on the host.

The number of points depends on the data (one for each distinct score), so these are NumPy functions: convert device
arrays with ``get_backend().to_numpy`` first. The areas under the curves are in :mod:`genoml.metrics`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["cumulative_calls", "host_binary", "precision_recall_curve", "roc_curve"]

Floats = NDArray[np.float64]


def roc_curve(predictions: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Points of the receiver operating characteristic curve.

        FPR(t) = #{negatives with s >= t} / n_neg,    TPR(t) = #{positives with s >= t} / n_pos

    for every distinct score t from the highest down, after the point (0, 0) at t = inf. The trapezoids under
    the points sum to :func:`genoml.metrics.auroc`.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    false_positive_rate, true_positive_rate, thresholds : (number of distinct scores + 1,)

    Returns
    -------
    tuple of arrays
        ``(false_positive_rate, true_positive_rate, thresholds)``; a rate is NaN if its class is absent.

    Raises
    ------
    ValueError
        If the shapes differ or are not those above, a prediction is NaN, or a target is neither 0 nor 1.
    """
    true, false, thresholds = cumulative_calls("roc_curve", predictions, targets)
    return (
        _share(np.concatenate(([0], false))),
        _share(np.concatenate(([0], true))),
        np.concatenate(([np.inf], thresholds)),
    )


def precision_recall_curve(predictions: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Points of the precision-recall curve.

        P(t) = TP(t) / (TP(t) + FP(t)),    R(t) = TP(t) / n_pos

    for every distinct score t from the lowest up, and last the point of recall 0 and precision 1, which has
    no threshold. The steps between the points sum to :func:`genoml.metrics.aupr`.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)
    precision, recall : (number of distinct scores + 1,)
    thresholds : (number of distinct scores,)

    Returns
    -------
    tuple of arrays
        ``(precision, recall, thresholds)``; recall is NaN if there is no positive.

    Raises
    ------
    ValueError
        If the shapes differ or are not those above, a prediction is NaN, or a target is neither 0 nor 1.
    """
    true, false, thresholds = cumulative_calls("precision_recall_curve", predictions, targets)
    precision = np.concatenate(([1.0], true / (true + false)))
    recall = _share(np.concatenate(([0], true)))
    return precision[::-1], recall[::-1], thresholds[::-1]


def cumulative_calls(
    function: str, predictions: ArrayLike, targets: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Numbers of true and false positives at each distinct score t, from the highest, if all scores >= t are called.

    Returns
    -------
    tuple of arrays
        ``(true, false, thresholds)``, one entry a distinct score.

    Raises
    ------
    ValueError
        As ``host_binary``.
    """
    scores, positive = host_binary(function, predictions, targets)
    order = np.argsort(-scores, kind="stable")
    scores, positive = scores[order], positive[order]
    last_of_ties = np.flatnonzero(np.append(scores[1:] != scores[:-1], len(scores) > 0))
    true = np.cumsum(positive, dtype=np.int64)[last_of_ties]
    return true, last_of_ties + 1 - true, scores[last_of_ties]


def _share(counts: NDArray[np.int64]) -> Floats:
    """Counts divided by the last, which is their total; NaN if that is 0."""
    total = counts[-1]
    return counts / total if total else np.full(counts.shape, np.nan)


def host_binary(
    function: str, predictions: ArrayLike, targets: ArrayLike
) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores as float64, and whether each is a positive, both flat; ValueError if they are not valid.

    Raises
    ------
    ValueError
        If the shapes differ or are neither (N,) nor (N, 1), a score is NaN, or a target is neither 0 nor 1.
    """
    arrays: list[NDArray[Any]] = [np.asarray(predictions), np.asarray(targets)]
    shapes = [array.shape for array in arrays]
    if any(array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1) for array in arrays) or (
        shapes[0][0] != shapes[1][0]
    ):
        raise ValueError(
            f"{function} expects predictions and targets of one length, each (N,) or (N, 1), "
            f"got {shapes[0]} and {shapes[1]}"
        )
    scores = arrays[0].reshape(-1).astype(np.float64)
    labels = arrays[1].reshape(-1)
    if np.isnan(scores).any():
        raise ValueError(f"{function} expects no NaN in predictions, got {int(np.isnan(scores).sum())}")
    positive = labels == 1
    if not (positive | (labels == 0)).all():
        wrong = labels[~(positive | (labels == 0))][0]
        raise ValueError(f"{function} expects targets of 0 and 1, got {wrong}")
    return scores, positive
