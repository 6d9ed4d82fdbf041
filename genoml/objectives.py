"""What ``fit`` makes small, what it watches on validation data, and what a prediction is.

An objective joins a loss of ``genoml.losses`` to a model's outputs and to the examples' targets. It computes
the loss on the device in each step, and on the host, in float64, the scores of an epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace

from genoml import losses
from genoml.backend import Array
from genoml.calibration import Calibration
from genoml.labels import COUNTS, FINITE, PROBABILITIES, Domain, check_host_labels
from genoml.losses._negative_binomial import LIMIT
from genoml.metrics import (
    aupr,
    auroc,
    matthews_correlation,
    negative_binomial_deviance,
    pearson,
    poisson_deviance,
    spearman,
)
from genoml.ops.activations import sigmoid, softmax
from genoml.ops.arrays import array_like
from genoml.resampling import per_task


@dataclass(frozen=True)
class Objective:
    """Base of the objectives; a subclass defines ``loss`` and ``scores``.

    Attributes
    ----------
    task_names : sequence of str
        What the tasks are called in ``scores``; their numbers, from 0, where none are given. With one task
        there is ``auroc``; with several ``auroc_NAME`` of each, and ``auroc``, their mean.
    """

    task_names: tuple[str, ...] = field(default=(), kw_only=True)

    #: what a model's outputs are compared with
    domain: ClassVar[Domain] = FINITE
    #: names of the arrays beside the targets that the loss takes, see SequenceData.extras
    extras: ClassVar[tuple[str, ...]] = ("sample_weight", "mask")
    #: score by which the best epoch is chosen, the greatest, where it is defined; else the smallest loss
    best: ClassVar[str | None] = None

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        """The loss of a batch, and its gradient with respect to the model's outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define loss")

    def validation_loss(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> float:
        """The loss on held-out data, without what only helps training (class weights, smoothing)."""
        return float(self.loss(outputs, targets, **extras)[0])

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        """Further scores of held-out data; those that are undefined there are left out."""
        return {}

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """What a person reads: probabilities, rates, values."""
        return outputs

    def check(self, targets: np.ndarray, extras: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError, naming the first bad position, for targets that the loss is not defined for."""
        name = type(self).__name__
        unknown = sorted(set(extras) - set(self.extras))
        if unknown:
            raise ValueError(
                f"{name} takes {', '.join(self.extras)} beside targets, got {', '.join(unknown)}"
            )
        check_host_labels(targets, self.domain, f"{name}: targets", extras.get("mask"))

    def _scores_of_tasks(
        self, metrics: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray, mask: Any
    ) -> dict[str, float]:
        """Each metric: of each task, if there are several, and the mean; where it is defined."""
        tasks, scores = targets.shape[1], {}
        if self.task_names and len(self.task_names) != tasks:
            raise ValueError(
                f"{type(self).__name__} expects {len(self.task_names)} tasks, as task_names, got {tasks}"
            )
        for name, metric in metrics.items():
            found = per_task(metric, outputs, targets, mask)
            defined = np.flatnonzero(~np.isnan(found))
            if len(defined):
                scores[name] = float(np.mean(found[defined]))
            if tasks > 1:
                names = self.task_names or range(tasks)
                scores |= {f"{name}_{names[task]}": float(found[task]) for task in defined}
        return scores


def _aupr_of_both(outputs: np.ndarray, targets: np.ndarray) -> float:
    """AUPR, or NaN without a negative, where it is 1 whatever the outputs."""
    return float(aupr(outputs, targets)) if (targets == 0).any() else np.nan


@dataclass(frozen=True)
class BinaryClassification(Objective):
    """Independent labels 0 or 1, from logits.

    Binary cross-entropy, or with ``focal_gamma`` above 0 the focal loss, see ``genoml.losses``. Scores:
    ``auroc`` and ``aupr``, of the tasks that have both classes. A prediction is a probability.

    Attributes
    ----------
    class_weight : (float, float)
        What an example of class 0 and of class 1 counts.
    label_smoothing : float
        s: a label y becomes y (1 - s) + s / 2.
    focal_gamma : float
        Exponent of the focal loss, 0 or more.
    calibration : Calibration or None
        What the logits go through before they become probabilities; no part of the loss.
    """

    class_weight: tuple[float, float] = (1.0, 1.0)
    label_smoothing: float = 0.0
    focal_gamma: float = 0.0
    calibration: Calibration | None = None

    domain: ClassVar[Domain] = PROBABILITIES
    best: ClassVar[str | None] = "auroc"

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        smooth = self.label_smoothing
        labels = targets * (1.0 - smooth) + 0.5 * smooth if smooth else targets
        if not self.focal_gamma:
            return losses.binary_cross_entropy_with_logits(
                outputs, labels, class_weight=self.class_weight, **extras
            )
        negative, positive = self.class_weight
        # the focal loss weighs classes by alpha and 1 - alpha, which add up to 1
        total = negative + positive
        loss, grad = losses.focal_loss(
            outputs, labels, gamma=self.focal_gamma, alpha=positive / total, **extras
        )
        return total * loss, total * grad

    def validation_loss(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> float:
        return float(losses.binary_cross_entropy_with_logits(outputs, targets, **extras)[0])

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        metrics = {"auroc": auroc, "aupr": _aupr_of_both}
        return self._scores_of_tasks(metrics, outputs, targets, extras.get("mask"))

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        return np.asarray(sigmoid(outputs if self.calibration is None else self.calibration(outputs)))


@dataclass(frozen=True)
class MultiClassification(Objective):
    """One of several classes, from one logit a class; targets are (n, classes), one-hot or probabilities.

    Softmax cross-entropy. Scores: ``accuracy`` and ``mcc``, Matthews' correlation. A prediction is a
    probability of each class.

    Attributes
    ----------
    class_weight : sequence of float or None
        What an example of each class counts.
    label_smoothing : float
        As in ``softmax_cross_entropy``.
    """

    class_weight: tuple[float, ...] | None = None
    label_smoothing: float = 0.0

    domain: ClassVar[Domain] = PROBABILITIES
    best: ClassVar[str | None] = "accuracy"

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        return losses.softmax_cross_entropy(
            outputs,
            targets,
            class_weight=self.class_weight,
            label_smoothing=self.label_smoothing,
            **extras,
        )

    def validation_loss(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> float:
        return float(losses.softmax_cross_entropy(outputs, targets, **extras)[0])

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        mask = extras.get("mask")
        if mask is not None:
            present = np.reshape(mask, len(outputs)) != 0
            outputs, targets = outputs[present], targets[present]
        if not len(outputs):
            return {}
        true = np.eye(targets.shape[1])[targets.argmax(axis=1)]
        right = outputs.argmax(axis=1) == targets.argmax(axis=1)
        return {"accuracy": float(right.mean()), "mcc": float(matthews_correlation(outputs, true))}

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        return np.asarray(softmax(outputs, axis=1))


@dataclass(frozen=True)
class Regression(Objective):
    """Real numbers, from outputs as they are. Scores: ``pearson`` and ``spearman``.

    Attributes
    ----------
    kind : {"squared", "huber"}
        Mean squared error, or Huber's loss, which outliers move less.
    delta : float
        Where Huber's loss turns from square to straight.
    """

    kind: Literal["squared", "huber"] = "squared"
    delta: float = 1.0

    best: ClassVar[str | None] = "pearson"

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        if self.kind == "huber":
            return losses.huber_loss(outputs, targets, delta=self.delta, **extras)
        return losses.mean_squared_error(outputs, targets, **extras)

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        metrics = {"pearson": pearson, "spearman": spearman}
        return self._scores_of_tasks(metrics, outputs, targets, extras.get("mask"))


@dataclass(frozen=True)
class Counts(Objective):
    """Counts, from the logarithm of their rate: mean = exp(output + offset).

    ``offset``, one of the extras, is the logarithm of what a count is relative to: sequencing depth, or the
    copies of DNA that the RNA was made from. The best epoch is the one with the smallest loss. Scores:
    ``pearson`` and ``spearman`` of the outputs with log(1 + count) - offset, and, but for excess zeros,
    ``deviance_explained``: 1 - D / D_0, D_0 being the deviance of one rate for all examples of a task.

    Attributes
    ----------
    distribution : {"poisson", "negative_binomial", "zero_inflated"}
        ``genoml.dispersion.diagnose_counts`` says which the data ask for.
    dispersion : float or None
        Of the negative binomial; None: learned. The model then gives, behind the log-rates of all tasks, as
        many log-dispersions, for example through ``nn.LearnedDispersion``; zero-inflated, the zeros' logits
        stand between them.
    """

    distribution: Literal["poisson", "negative_binomial", "zero_inflated"] = "negative_binomial"
    dispersion: float | None = None

    domain: ClassVar[Domain] = COUNTS
    extras: ClassVar[tuple[str, ...]] = ("sample_weight", "mask", "offset")

    def __post_init__(self) -> None:
        known = ("poisson", "negative_binomial", "zero_inflated")
        if self.distribution not in known:
            raise ValueError(f"Counts expects distribution {', '.join(known)}, got {self.distribution!r}")
        if self.dispersion is not None and self.distribution != "negative_binomial":
            raise ValueError(f"Counts expects no fixed dispersion with {self.distribution!r}")

    @property
    def _parts(self) -> int:
        """How many outputs of the model there are a task."""
        if self.distribution == "zero_inflated":
            return 3
        return 2 if self.distribution == "negative_binomial" and self.dispersion is None else 1

    def loss(self, outputs: Array, targets: Any, *, offset: Any = None, **extras: Any) -> tuple[Array, Array]:
        xp, parts = array_namespace(outputs), self._split(outputs)
        log_mean = parts[0] if offset is None else parts[0] + array_like(offset, outputs, "Counts: offset")
        options: dict[str, Any] = {"log_input": True, "full": True, **extras}
        if self.distribution == "poisson":
            return losses.poisson_loss(log_mean, targets, **options)
        if self.distribution == "zero_inflated":
            found, grads = losses.zero_inflated_negative_binomial_loss(
                log_mean, parts[1], parts[2], targets, **options
            )
            return found, xp.concat(grads, axis=1)
        if self.dispersion is not None:
            return losses.negative_binomial_loss(log_mean, targets, dispersion=self.dispersion, **options)
        found, pair = losses.negative_binomial_loss_with_dispersion(log_mean, parts[1], targets, **options)
        return found, xp.concat(pair, axis=1)

    def _split(self, outputs: Array) -> list[Array]:
        tasks, rest = divmod(outputs.shape[1], self._parts)
        if rest:
            raise ValueError(
                f"Counts ({self.distribution}, dispersion {self.dispersion or 'learned'}) expects {self._parts} "
                f"outputs a task, got {outputs.shape[1]} outputs"
            )
        return [outputs[:, part * tasks : (part + 1) * tasks] for part in range(self._parts)]

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        parts, offset, mask = self._split(outputs), extras.get("offset", 0.0), extras.get("mask")
        metrics = {"pearson": pearson, "spearman": spearman}
        scores = self._scores_of_tasks(metrics, parts[0], np.log1p(targets) - offset, mask)
        if self.distribution == "zero_inflated":  # whose mean is not its rate
            return scores
        return scores | self._deviance_explained(parts, np.broadcast_to(offset, targets.shape), targets, mask)

    def _deviance_explained(
        self, parts: list[np.ndarray], offset: np.ndarray, targets: np.ndarray, mask: Any
    ) -> dict[str, float]:
        """1 - D / D_0, D_0 that of one rate for all examples of a task, of this distribution and dispersion."""
        dispersion = np.exp(np.clip(parts[1], -LIMIT, LIMIT)) if len(parts) > 1 else self.dispersion or 0.0
        means, exposures = np.exp(np.clip(parts[0] + offset, -LIMIT, LIMIT)), np.exp(offset)
        packed = np.stack([means, exposures, np.broadcast_to(dispersion, targets.shape)], axis=2)

        def explained(values: np.ndarray, counts: np.ndarray) -> float:
            mean, exposure, spread = values.T
            null = exposure * (counts.sum() / exposure.sum())
            if not spread.any():
                model, none = (float(poisson_deviance(m, counts)) for m in (mean, null))
            else:
                model, none = (float(negative_binomial_deviance(m, counts, spread)) for m in (mean, null))
            return 1.0 - model / none if none > 0 else np.nan

        return self._scores_of_tasks({"deviance_explained": explained}, packed, targets, mask)

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Rates: the mean of a count whose offset is 0."""
        rates: np.ndarray = np.exp(self._split(outputs)[0])
        return rates
