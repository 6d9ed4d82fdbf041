"""Objective for the activity of regions in cell types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from genoml import losses
from genoml.backend import Array
from genoml.evaluation.specificity import specificity, specificity_scores
from genoml.losses.labels import FINITE, Domain
from genoml.metrics import pearson, spearman
from genoml.ops.activations import activation_vjp
from genoml.train.objectives import Objective


@dataclass(frozen=True)
class CellTypes(Objective):
    """Objective for values of 0 or more in several cell types or topics, such as mean coverage: y = softplus(output).

    The loss is ``genoml.losses.cosine_log_loss`` of y; through the softplus, dl/dz = dl/dy sigmoid(z). A prediction is
    y. Scores: ``pearson`` and ``spearman`` of log(1 + m y) in each cell type and their means, and how well cell types
    are told apart: ``specificity``, Pearson's r of each cell type's specificity, ``pearson_across``, ``gini`` and
    ``top_cell_type``, see ``genoml.evaluation.specificity``.

    Attributes
    ----------
    multiplier : float
        m of the logarithms: 1000 for mean coverage of about 1000 bp, 1 for counts.
    cosine_weight : float
        Weight of the cosine similarity.
    """

    multiplier: float = 1000.0
    cosine_weight: float = 1.0

    domain: ClassVar[Domain] = FINITE
    extras: ClassVar[tuple[str, ...]] = ("sample_weight",)
    best: ClassVar[str | None] = "pearson"
    in_parts: ClassVar[bool] = True

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        values, back = activation_vjp("softplus")(outputs)
        loss, grad = losses.cosine_log_loss(
            values, targets, multiplier=self.multiplier, cosine_weight=self.cosine_weight, **extras
        )
        return loss, back(grad)

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        values = self.predictions(outputs)
        logs = [np.log1p(self.multiplier * np.maximum(each, 0.0)) for each in (values, targets)]
        metrics = {"pearson": pearson, "spearman": spearman}
        scores = self.scores_of_tasks(metrics, logs[0], logs[1], None)
        if targets.shape[1] > 1:
            own, other = (specificity(np.maximum(each, 0.0)) for each in (values, targets))
            scores |= self.scores_of_tasks({"specificity": pearson}, own, other, None)
        return scores | specificity_scores(values, targets)

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Values of 0 or more."""
        values: np.ndarray = np.logaddexp(0.0, outputs)
        return values
