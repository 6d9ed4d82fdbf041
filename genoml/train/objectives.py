"""Objectives of training: the loss, the validation scores, and how outputs become predictions.

An objective joins a loss of ``genoml.losses`` to a model's outputs and to the examples' targets. It computes the loss
on the device in each step, and on the host, in float64, the scores of an epoch. Counts and profiles have own files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from genoml import losses
from genoml.arguments import NotNegative, Positive, Share, checked
from genoml.backend import Array
from genoml.data import SequenceData
from genoml.evaluation import Calibration
from genoml.evaluation.bootstrap import per_task
from genoml.losses.classification import ClassPair
from genoml.losses.labels import FINITE, PROBABILITIES, WEIGHTS, Domain, check_host_labels
from genoml.metrics import aupr, auroc, matthews_correlation, pearson, spearman
from genoml.ops.activations import sigmoid, softmax
from genoml.ops.arrays import array_like, constant_like


@dataclass(frozen=True)
class Objective:
    """Base of the objectives; a subclass defines ``loss`` and ``scores``.

    Attributes
    ----------
    task_names : sequence of str
        Names of the tasks in ``scores``; by default their numbers, from 0. With one task
        there is ``auroc``; with several ``auroc_NAME`` of each, and ``auroc``, their mean.
    """

    task_names: tuple[str, ...] = field(default=(), kw_only=True)

    #: values that targets may have
    domain: ClassVar[Domain] = FINITE
    #: names of the further arrays that the loss takes, see SequenceData.extras
    extras: ClassVar[tuple[str, ...]] = ("sample_weight", "mask")
    #: score that chooses the best epoch; None, or an undefined score: the loss
    best: ClassVar[str | None] = None
    #: whether ``loss`` is a mean over labels, of which parts of a batch compute shares; else it is given whole batches
    in_parts: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        cls.in_parts = cls.__dict__.get("in_parts", cls.in_parts and "loss" not in cls.__dict__)

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        """Loss of a batch, and its gradient with respect to the model's outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define loss")

    def validation_loss(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> float:
        """Loss on held-out data, without class weights and smoothing, which only help training."""
        return float(self.loss(outputs, targets, **extras)[0])

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        """Further scores on held-out data; undefined ones are left out."""
        return {}

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions as people read them: probabilities, rates, values."""
        return outputs

    def logits(self, outputs: np.ndarray) -> np.ndarray | None:
        """log(p / (1 - p)) of predictions p that are probabilities, which tells those near 0 or 1 apart; or None."""
        return None

    def classes(self, targets: np.ndarray) -> np.ndarray | None:
        """The class (n,) of each example; None where targets are no classes of which each example has one."""
        return None

    def numbers(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions as one number a task, (n, tasks), for tables: of a profile its total."""
        return self.predictions(outputs)

    def turned(self, outputs: Array) -> Array:
        """Outputs for the reverse complement as outputs for the sequence; the same unless they have positions."""
        return outputs

    def turned_control(self, control: np.ndarray) -> np.ndarray:
        """Control tracks (n, channels, length) as they are along the reverse complement."""
        raise ValueError(
            f"{type(self).__name__} knows no strands of control tracks; genoml.train.Profile does"
        )

    def for_data(self, data: SequenceData) -> Objective:
        """The objective with what it takes from the training data, such as the weight of a part of the loss."""
        return self

    def contradicts(self, other: Objective) -> bool:
        """Whether outputs trained for this objective mean something else to the other one."""
        return type(self) is not type(other)

    def check(self, targets: np.ndarray, extras: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError, naming the first bad position, if the loss is not defined for the targets."""
        name = type(self).__name__
        unknown = sorted(set(extras) - set(self.extras))
        if unknown:
            raise ValueError(
                f"{name} takes {', '.join(self.extras)} beside targets, got {', '.join(unknown)}"
            )
        check_host_labels(targets, self.domain, f"{name}: targets", extras.get("mask"))
        if "sample_weight" in extras:
            check_host_labels(extras["sample_weight"], WEIGHTS, f"{name}: sample_weight")

    def scores_of_tasks(
        self, metrics: Mapping[str, Any], outputs: np.ndarray, targets: np.ndarray, mask: Any
    ) -> dict[str, float]:
        """Each metric for each task, if there are several, and its mean; undefined values are left out."""
        tasks, scores = targets.shape[1], {}
        if self.task_names and len(self.task_names) != tasks:
            raise ValueError(
                f"{type(self).__name__} expects {len(self.task_names)} tasks, as task_names, got {tasks}"
            )
        for name, metric in metrics.items():
            values = per_task(metric, outputs, targets, mask)
            defined = np.flatnonzero(~np.isnan(values))
            if len(defined):
                scores[name] = float(np.mean(values[defined]))
            if tasks > 1:
                names = self.task_names or range(tasks)
                scores |= {f"{name}_{names[task]}": float(values[task]) for task in defined}
        return scores


def _aupr_of_both(outputs: np.ndarray, targets: np.ndarray) -> float:
    """AUPR, or NaN without a negative, when it would be 1 for any outputs."""
    return float(aupr(outputs, targets)) if (targets == 0).any() else np.nan


@checked
@dataclass(frozen=True)
class BinaryClassification(Objective):
    """Objective for independent labels 0 or 1, from logits.

    Binary cross-entropy, or with ``focal_gamma`` above 0 the focal loss, see ``genoml.losses``. Scores:
    ``auroc`` and ``aupr``, of the tasks that have both classes. A prediction is a probability.

    Attributes
    ----------
    class_weight : (float, float)
        Weight of an example of class 0 and of class 1; of several labels two tuples, a weight a label.
    label_smoothing : float
        s: a label y becomes y (1 - s) + s / 2.
    focal_gamma : float
        Exponent of the focal loss, 0 or more.
    calibration : Calibration or None
        Calibration of the logits before they become probabilities; no part of the loss.
    """

    class_weight: ClassPair = (1.0, 1.0)
    label_smoothing: Share = 0.0
    focal_gamma: NotNegative = 0.0
    calibration: Calibration | None = None

    domain: ClassVar[Domain] = PROBABILITIES
    best: ClassVar[str | None] = "auroc"
    in_parts: ClassVar[bool] = True

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        smooth = self.label_smoothing
        labels = targets * (1.0 - smooth) + 0.5 * smooth if smooth else targets
        if not self.focal_gamma:
            weight = self.class_weight
            return losses.binary_cross_entropy_with_logits(outputs, labels, class_weight=weight, **extras)
        negative, positive = self.class_weight
        if isinstance(negative, tuple) or isinstance(positive, tuple):
            raise ValueError("BinaryClassification expects one class_weight for all labels with focal_gamma")
        # the focal loss weighs classes by alpha and 1 - alpha, which add up to 1
        total = negative + positive
        given = {"gamma": self.focal_gamma, "alpha": positive / total, **extras}
        loss, grad = losses.focal_loss(outputs, labels, **given)
        return total * loss, total * grad

    def classes(self, targets: np.ndarray) -> np.ndarray | None:
        return targets[:, 0] if targets.shape[1] == 1 else None

    def validation_loss(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> float:
        return float(losses.binary_cross_entropy_with_logits(outputs, targets, **extras)[0])

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        metrics = {"auroc": auroc, "aupr": _aupr_of_both}
        return self.scores_of_tasks(metrics, outputs, targets, extras.get("mask"))

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        return np.asarray(sigmoid(self.logits(outputs)))

    def logits(self, outputs: np.ndarray) -> np.ndarray:
        return outputs if self.calibration is None else np.asarray(self.calibration(outputs))


@checked
@dataclass(frozen=True)
class MultiClassification(Objective):
    """Objective for one of several classes, from one logit a class; targets are (n, classes), one-hot or probabilities.

    Softmax cross-entropy. Scores: ``accuracy`` and ``mcc``, Matthews' correlation. A prediction is a
    probability of each class.

    Attributes
    ----------
    class_weight : sequence of float or None
        Weight of an example of each class.
    label_smoothing : float
        As in ``softmax_cross_entropy``.
    """

    class_weight: tuple[float, ...] | None = None
    label_smoothing: Share = 0.0

    domain: ClassVar[Domain] = PROBABILITIES
    best: ClassVar[str | None] = "accuracy"
    in_parts: ClassVar[bool] = True

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        options = {"class_weight": self.class_weight, "label_smoothing": self.label_smoothing, **extras}
        return losses.softmax_cross_entropy(outputs, targets, **options)

    def classes(self, targets: np.ndarray) -> np.ndarray:
        return np.asarray(targets.argmax(axis=1))

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

    def logits(self, outputs: np.ndarray) -> np.ndarray:
        classes = range(outputs.shape[1])
        others = [np.logaddexp.reduce(np.delete(outputs, each, axis=1), axis=1) for each in classes]
        return np.asarray(outputs - np.stack(others, axis=1))


@checked
@dataclass(frozen=True)
class Regression(Objective):
    """Objective for real numbers. Scores: ``pearson`` and ``spearman``.

    With ``mean`` and ``scale`` outputs are compared with standardised targets, (y - mean) / scale, so that tasks of any
    unit count alike; a prediction is turned back, scale * output + mean.

    Attributes
    ----------
    mean, scale : tuple of float
        Of each task's targets, on the training data; empty: targets as they are.
    kind : {"squared", "huber"}
        Mean squared error, or Huber's loss, which outliers move less.
    delta : float
        Error from which on Huber's loss is linear.
    """

    kind: Literal["squared", "huber"] = "squared"
    delta: Positive = 1.0
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    best: ClassVar[str | None] = "pearson"
    in_parts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.scale) or not all(0.0 < each < np.inf for each in self.scale):
            got = f"{self.mean} and {self.scale}"
            raise ValueError(f"Regression expects a mean and a scale above 0 a task, got {got}")

    def contradicts(self, other: Objective) -> bool:
        same = isinstance(other, Regression) and (self.mean, self.scale) == (other.mean, other.scale)
        return not same

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        if self.scale:
            mean, scale = constant_like(outputs, self.mean), constant_like(outputs, self.scale)
            targets = (array_like(targets, outputs, "Regression: targets") - mean) / scale
        if self.kind == "huber":
            return losses.huber_loss(outputs, targets, delta=self.delta, **extras)
        return losses.mean_squared_error(outputs, targets, **extras)

    def scores(self, outputs: np.ndarray, targets: np.ndarray, **extras: Any) -> dict[str, float]:
        metrics = {"pearson": pearson, "spearman": spearman}
        return self.scores_of_tasks(metrics, outputs, targets, extras.get("mask"))

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        if not self.scale:
            return outputs
        return np.asarray(outputs * np.asarray(self.scale) + np.asarray(self.mean))
