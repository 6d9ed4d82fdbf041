"""Parts of a report about sequences with one label: scores, curves, false calls, GC content and length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml import metrics
from genoml.evaluation.bootstrap import bootstrap
from genoml.report.content import Composition, FalseCall
from genoml.report.details import model_name
from genoml.runs import RunRecord
from genoml.train.predict import score_predictions

__all__ = ["false_calls", "label_content", "reached"]

#: false calls of either kind on a page
_WORST = 5


def label_content(
    record: RunRecord,
    predictions: NDArray[np.floating[Any]],
    composition: Composition,
    names: Sequence[str],
    threshold: float,
) -> dict[str, Any]:
    """Parts of a report that need labels, those of ``composition.positive``."""
    targets = composition.positive.astype(np.float64)
    return {
        "metrics": {model_name(record): score_predictions(predictions, targets)},
        "curves": {model_name(record): (predictions, targets)},
        "probabilities": (predictions, targets),
        "composition": composition,
        "false_calls": false_calls(predictions, composition.positive, names, threshold),
        "threshold": threshold,
    }


def reached(predictions: NDArray[np.floating[Any]], targets: NDArray[np.floating[Any]]) -> str:
    """What a network reaches, in words, with the 95 % interval of the AUROC."""
    scores, interval = score_predictions(predictions, targets), bootstrap(metrics.auroc, predictions, targets)
    return (
        f"tells {scores['n_positives']:,} positives from {scores['n_negatives']:,} negatives with "
        f"AUROC {scores['auroc']:.3f} [{interval.low:.3f}, {interval.high:.3f}] and AUPR {scores['aupr']:.3f}"
    )


def false_calls(
    predictions: NDArray[np.floating[Any]],
    positive: NDArray[np.bool_],
    names: Sequence[str],
    threshold: float,
) -> list[FalseCall]:
    """The negatives with the highest probabilities and the positives with the lowest, of those on the wrong side."""
    called = predictions >= threshold
    order = np.argsort(-predictions, kind="stable")
    above = order[(called & ~positive)[order]][:_WORST]
    below = order[::-1][(~called & positive)[order[::-1]]][:_WORST]
    return [FalseCall(names[row], float(predictions[row]), bool(positive[row])) for row in (*above, *below)]
