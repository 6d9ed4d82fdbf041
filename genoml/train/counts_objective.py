"""Objective for counts: reads of an assay, transcripts, cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace

from genoml import losses
from genoml.arguments import NotNegative, checked
from genoml.backend import Array
from genoml.losses.labels import COUNTS, Domain
from genoml.losses.negative_binomial import LIMIT
from genoml.metrics import negative_binomial_deviance, pearson, poisson_deviance, spearman
from genoml.ops.arrays import array_like, constant_like
from genoml.train.objectives import Objective


@checked
@dataclass(frozen=True)
class Counts(Objective):
    """Objective for counts; outputs are logarithms of rates: mean = exp(output + log_rate + offset).

    ``offset``, one of the extras, is the logarithm of what a count is relative to: sequencing depth, or the
    copies of DNA that the RNA was made from. The best epoch is the one with the smallest loss. Scores:
    ``pearson`` and ``spearman`` of the outputs with log(1 + count) - offset, and, without excess zeros,
    ``deviance_explained``: 1 - D / D_0, D_0 being the deviance of one rate for all examples of a task.

    Attributes
    ----------
    distribution : {"poisson", "negative_binomial", "zero_inflated"}
        ``genoml.evaluation.dispersion.diagnose_counts`` says which the data ask for.
    dispersion : float or None
        Of the negative binomial; None: learned. The model then gives, behind the log-rates of all tasks, as
        many log-dispersions, for example through ``nn.LearnedDispersion``; if zero-inflated, the zeros' logits
        come between them.
    log_rate : tuple of float
        Logarithm of each task's rate on the training data, so that outputs of 0 are that rate; empty: 0.
    """

    distribution: Literal["poisson", "negative_binomial", "zero_inflated"] = "negative_binomial"
    dispersion: NotNegative | None = None
    log_rate: tuple[float, ...] = ()

    domain: ClassVar[Domain] = COUNTS
    extras: ClassVar[tuple[str, ...]] = ("sample_weight", "mask", "offset")
    in_parts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.dispersion is not None and self.distribution != "negative_binomial":
            raise ValueError(f"Counts expects no fixed dispersion with {self.distribution!r}")

    @property
    def _parts(self) -> int:
        """Number of the model's outputs for each task."""
        if self.distribution == "zero_inflated":
            return 3
        return 2 if self.distribution == "negative_binomial" and self.dispersion is None else 1

    def contradicts(self, other: Objective) -> bool:
        if not isinstance(other, Counts):
            return True
        return (self._parts, self.log_rate) != (other._parts, other.log_rate)

    def loss(self, outputs: Array, targets: Any, *, offset: Any = None, **extras: Any) -> tuple[Array, Array]:
        xp = array_namespace(outputs)
        parts = self._split(outputs)
        log_mean = parts[0]
        if offset is not None:
            log_mean = log_mean + array_like(offset, outputs, "Counts: offset")
        if self.log_rate:
            log_mean = log_mean + constant_like(outputs, self.log_rate)
        options: dict[str, Any] = {"log_input": True, "full": True, **extras}
        if self.distribution == "poisson":
            return losses.poisson_loss(log_mean, targets, **options)
        if self.distribution == "zero_inflated":
            loss, grads = losses.zero_inflated_negative_binomial_loss(
                log_mean, parts[1], parts[2], targets, **options
            )
            return loss, xp.concat(grads, axis=1)
        if self.dispersion is not None:
            return losses.negative_binomial_loss(log_mean, targets, dispersion=self.dispersion, **options)
        loss, pair = losses.negative_binomial_loss_with_dispersion(log_mean, parts[1], targets, **options)
        return loss, xp.concat(pair, axis=1)

    def _split(self, outputs: Array) -> list[Array]:
        tasks, rest = divmod(outputs.shape[1], self._parts)
        if rest:
            raise ValueError(
                f"Counts ({self.distribution}, dispersion {self.dispersion or 'learned'}) expects {self._parts} "
                f"outputs a task, got {outputs.shape[1]} outputs"
            )
        return [outputs[:, part * tasks : (part + 1) * tasks] for part in range(self._parts)]

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        parts = self._split(outputs)
        offset, mask = extras.get("offset", 0.0), extras.get("mask")
        metrics = {"pearson": pearson, "spearman": spearman}
        scores = self.scores_of_tasks(metrics, parts[0], np.log1p(targets) - offset, mask)
        if self.distribution == "zero_inflated":  # whose mean is not its rate
            return scores
        return scores | self._deviance_explained(parts, np.broadcast_to(offset, targets.shape), targets, mask)

    def _deviance_explained(
        self, parts: list[np.ndarray], offset: np.ndarray, targets: np.ndarray, mask: Any
    ) -> dict[str, float]:
        """1 - D / D_0, where D_0 is the deviance of one rate for all examples of a task."""
        dispersion = np.exp(np.clip(parts[1], -LIMIT, LIMIT)) if len(parts) > 1 else self.dispersion or 0.0
        means = np.exp(np.clip(parts[0] + self._base + offset, -LIMIT, LIMIT))
        exposures = np.exp(offset)
        packed = np.stack([means, exposures, np.broadcast_to(dispersion, targets.shape)], axis=2)

        def explained(values: np.ndarray, counts: np.ndarray) -> float:
            mean, exposure, spread = values.T
            null = exposure * (counts.sum() / exposure.sum())
            if spread.any():
                of_model = float(negative_binomial_deviance(mean, counts, spread))
                of_null = float(negative_binomial_deviance(null, counts, spread))
            else:
                of_model = float(poisson_deviance(mean, counts))
                of_null = float(poisson_deviance(null, counts))
            return 1.0 - of_model / of_null if of_null > 0 else np.nan

        return self.scores_of_tasks({"deviance_explained": explained}, packed, targets, mask)

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Rates: the mean of a count whose offset is 0."""
        rates: np.ndarray = np.exp(self._split(outputs)[0] + self._base)
        return rates

    @property
    def _base(self) -> np.ndarray:
        return np.asarray(self.log_rate if self.log_rate else 0.0)
