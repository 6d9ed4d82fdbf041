"""The confusion matrix, and Matthews' correlation."""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.metrics.arrays import count, has_nan, nan_unless, on_one_library, pair, widest_float


def confusion_matrix(predictions: Array, targets: Array, threshold: float = 0.5) -> Array:
    """Confusion matrix: the number of examples of each true class (row) called each class (column).

        C[i, j] = #{examples of class i that are called j}

    Two classes: [[TN, FP], [FN, TP]], called positive where prediction >= threshold. Several: called the
    class of the greatest prediction, the first of equal ones.

    Parameters
    ----------
    predictions : array
        Probabilities, or whatever ``threshold`` is on the scale of; for several classes, a score of each.
    targets : array
        1 for a positive, 0 for a negative; for several classes, one-hot.
    threshold : float
        The smallest prediction that is called positive; unused for several classes.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1), or (N, classes) with classes > 1
    result : (2, 2), or (classes, classes)

    Returns
    -------
    array
        Counts, in the widest float that the device has. All NaN if a prediction is NaN, or if a target is not
        as above (an exception would need a read of the device).

    Raises
    ------
    ValueError, TypeError
        As said at the head of this module.
    """
    predictions, targets = on_one_library(predictions, targets)
    if predictions.ndim == 2 and predictions.shape[1] > 1:
        return _of_classes(predictions, targets)
    xp, predictions, targets = pair("confusion_matrix", "predictions", predictions, "targets", targets)
    if not xp.isdtype(predictions.dtype, "real floating"):
        predictions = xp.astype(predictions, widest_float(xp, predictions))
    positive = targets if xp.isdtype(targets.dtype, "bool") else targets == 1
    valid = xp.all(positive | (targets == 0)) & ~has_nan(xp, predictions)
    called = predictions >= threshold
    cells = [count(xp, truth & call) for truth in (~positive, positive) for call in (~called, called)]
    return _nan_cells_unless(xp, valid, xp.reshape(xp.stack(cells), (2, 2)))


def matthews_correlation(predictions: Array, targets: Array, threshold: float = 0.5) -> Array:
    """Matthews' correlation of calls and classes: 1 if all are right, 0 at chance, for any class balance.

        MCC = (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))

    and for K classes, with s right of n calls, p_k calls and t_k examples of class k, Gorodkin's R_K

        (n s - sum_k p_k t_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2)).

    Parameters, shapes and errors are those of ``confusion_matrix``.

    Returns
    -------
    array
        0-d, in [-1, 1]; 0 if all calls, or all examples, are of one class. NaN where ``confusion_matrix`` is.

    References
    ----------
    Matthews (1975), doi:10.1016/0005-2795(75)90109-9; Gorodkin (2004), doi:10.1016/j.compbiolchem.2004.09.006,
    eq. 8.
    """
    cells = confusion_matrix(predictions, targets, threshold)
    xp = array_namespace(cells)
    total = xp.sum(cells)
    # as shares, so that no product of counts overflows single precision
    cells = cells / xp.where(total > 0, total, xp.ones_like(total))
    called = xp.sum(cells, axis=0)
    true = xp.sum(cells, axis=1)
    right = xp.sum(cells * xp.eye(cells.shape[0], dtype=cells.dtype, device=device_of(cells)))
    # 1 - sum p^2 as sum p (1 - p), which is 0 exactly where one class has all
    spread = xp.sum(called * (1.0 - called)) * xp.sum(true * (1.0 - true))
    varied = (xp.max(called) < 1.0) & (xp.max(true) < 1.0)
    covariance = right - xp.sum(called * true)
    correlation = covariance / xp.sqrt(xp.where(varied, spread, xp.ones_like(spread)))
    correlation = xp.where(varied, correlation, xp.zeros_like(correlation))
    return nan_unless(xp, ~xp.isnan(total), correlation)


def _of_classes(predictions: Array, targets: Array) -> Array:
    if tuple(predictions.shape) != tuple(targets.shape):
        raise ValueError(
            f"confusion_matrix expects one-hot targets {tuple(predictions.shape)}, as predictions, "
            f"got {tuple(targets.shape)}"
        )
    # the common checks, one column at a time
    columns = [
        pair("confusion_matrix", "predictions", predictions[:, k], "targets", targets[:, k])
        for k in range(predictions.shape[1])
    ]
    xp = columns[0][0]
    scores = xp.stack([column for _, column, _ in columns], axis=1)
    is_class = xp.stack([column == 1 for _, _, column in columns], axis=1)
    zero = xp.stack([column == 0 for _, _, column in columns], axis=1)
    valid = xp.all(is_class | zero) & xp.all(_how_many(xp, is_class) == 1) & ~has_nan(xp, scores)
    classes = xp.arange(predictions.shape[1], dtype=xp.int32, device=device_of(scores))
    called = xp.astype(xp.argmax(scores, axis=1), xp.int32)[:, None] == classes
    rows = [xp.stack([_both(xp, row, col) for col in _split(called)]) for row in _split(is_class)]
    return _nan_cells_unless(xp, valid, xp.stack(rows))


def _split(flags: Array) -> list[Array]:
    return [flags[:, k] for k in range(flags.shape[1])]


def _both(xp: Any, first: Array, second: Array) -> Array:
    return count(xp, first & second)


def _how_many(xp: Any, flags: Array) -> Array:
    return xp.sum(xp.astype(flags, xp.int32), axis=1)


def _nan_cells_unless(xp: Any, valid: Array, cells: Array) -> Array:
    return xp.where(valid, cells, xp.full_like(cells, math.nan))
