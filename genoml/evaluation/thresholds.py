"""Decision thresholds: the score at which an example is called positive, chosen on held-out data."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.evaluation.curves import cumulative_calls, host_binary
from genoml.metrics import confusion_matrix, f1_score, matthews_correlation

__all__ = ["Criterion", "choose_threshold", "score_calls"]

Criterion = Literal["f1", "mcc", "precision", "recall"]
Floats = NDArray[np.float64]


def choose_threshold(
    predictions: ArrayLike, targets: ArrayLike, criterion: Criterion = "f1", *, at_least: float | None = None
) -> float:
    """Choose the best threshold t for these data; a prediction >= t is called positive.

    - ``"f1"``, ``"mcc"``: the greatest F1, or Matthews correlation;
    - ``"precision"``: the greatest recall among thresholds whose precision is at least ``at_least``;
    - ``"recall"``: the greatest precision among thresholds whose recall is at least ``at_least``.

    All distinct scores are tried; of equally good thresholds the highest is taken. The result is half-way between that
    score and the next lower one, which calls the same examples and does not depend on the last digits of either.

    Parameters
    ----------
    predictions : array
        Probabilities or logits.
    targets : array
        1 for a positive, 0 for a negative.
    criterion : str
        As above.
    at_least : float
        From 0 to 1, for ``"precision"`` and ``"recall"`` only.

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)

    Raises
    ------
    ValueError
        If the shapes differ or are not those above, a prediction is NaN, a target is neither 0 nor 1, a class
        is absent, an option is not as above, or no threshold has the required precision.
    """
    if criterion not in ("f1", "mcc", "precision", "recall"):
        raise ValueError(
            f"choose_threshold expects criterion f1, mcc, precision or recall, got {criterion!r}"
        )
    constrained = criterion in ("precision", "recall")
    if constrained != (at_least is not None) or not 0.0 <= (at_least or 0.0) <= 1.0:
        wanted = "at_least, from 0 to 1," if constrained else "no at_least"
        raise ValueError(f"choose_threshold expects {wanted} with criterion {criterion!r}, got {at_least}")
    true, false, thresholds = cumulative_calls("choose_threshold", predictions, targets)
    if not len(true) or not true[-1] or not false[-1]:
        raise ValueError("choose_threshold expects both classes, got one")
    value = _values(criterion, true.astype(np.float64), false.astype(np.float64), at_least or 0.0)
    best = int(np.argmax(value))
    if not np.isfinite(value[best]):
        reached = float(np.max(true / (true + false)))
        raise ValueError(
            f"choose_threshold: no threshold has precision {at_least}; the best has {reached:.4g}"
        )
    if best + 1 == len(thresholds) or not np.isfinite(thresholds[best + 1]):
        return float(thresholds[best])
    upper = float(thresholds[best])
    lower = float(thresholds[best + 1])
    middle = lower + (upper - lower) / 2
    return middle if lower < middle <= upper else upper


def score_calls(predictions: ArrayLike, targets: ArrayLike, threshold: float = 0.5) -> dict[str, Any]:
    """Metrics of the calls at one threshold.

    Returns
    -------
    dict
        threshold, f1, mcc, sensitivity = TP / (TP + FN), specificity = TN / (TN + FP), precision = TP / (TP + FP)
        (NaN where the divisor is 0), accuracy, and confusion: [[TN, FP], [FN, TP]].

    Raises
    ------
    ValueError
        If the shapes differ or are not (N,) or (N, 1), a prediction is NaN, or a target is neither 0 nor 1.
    """
    scores, labels = host_binary("score_calls", predictions, targets)
    cells = np.asarray(confusion_matrix(scores, labels, threshold))
    called = cells.sum(axis=0)
    actual = cells.sum(axis=1)
    right = np.diag(cells)

    def share(part: float, whole: float) -> float:
        return float(part / whole) if whole else float("nan")

    return {
        "threshold": float(threshold),
        "f1": float(f1_score(scores, labels, threshold)),
        "mcc": float(matthews_correlation(scores, labels, threshold)),
        "sensitivity": share(right[1], actual[1]),
        "specificity": share(right[0], actual[0]),
        "precision": share(right[1], called[1]),
        "accuracy": share(right.sum(), cells.sum()),
        "confusion": cells.astype(np.int64).tolist(),
    }


def _values(criterion: Criterion, true: Floats, false: Floats, at_least: float) -> Floats:
    """The criterion to maximise, at each threshold from the highest; -inf if it is not allowed."""
    positives = true[-1]
    negatives = false[-1]
    precision = true / (true + false)
    recall = true / positives
    if criterion == "f1":
        value: Floats = 2.0 * true / (true + false + positives)
    elif criterion == "mcc":
        # (TP TN - FP FN) = TP N - FP P, as TN = N - FP and FN = P - TP
        called = true + false
        spread = called * (positives + negatives - called) * positives * negatives
        value = (true * negatives - false * positives) / np.sqrt(np.where(spread > 0, spread, 1.0))
    elif criterion == "precision":
        value = np.where(precision >= at_least, recall, -np.inf)
    else:
        value = np.where(recall >= at_least, precision, -np.inf)
    return value
