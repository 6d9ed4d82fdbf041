"""Scores of outputs on targets, for each task and in the mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.data import SequenceData
from genoml.metrics import pearson, spearman
from genoml.runs.tasks import LABELS, TaskRecord
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression


def task_scores(task: TaskRecord, outputs: np.ndarray, data: SequenceData) -> dict[str, float]:
    """Scores of outputs as the objective has them, ``NAME`` in the mean and ``NAME_TASK`` of each; and ``mse``.

    The mean squared error of a regression is in the unit of its targets.
    """
    objective = task.objective()
    outputs = outputs.astype(np.float64)
    scores = objective.scores(outputs, np.asarray(data.targets), **extras_of(objective, data))
    if task.kind == "regression":
        predicted = objective.predictions(outputs)
        scores |= objective.scores_of_tasks(
            {"mse": _squared_error}, predicted, data.targets, data.extras.get("mask")
        )
    return scores


def extras_of(objective: Objective, data: SequenceData) -> dict[str, Any]:
    """The extras of data that an objective's scores take."""
    return {name: values for name, values in data.extras.items() if name in objective.extras}


def _squared_error(predicted: np.ndarray, targets: np.ndarray) -> float:
    return float(np.mean(np.square(predicted - targets))) if len(targets) else np.nan


def linear_scores(task: TaskRecord, predicted: np.ndarray, data: SequenceData) -> dict[str, float]:
    """Scores of a linear model's predictions of the targets: numbers that rank them, in their own unit."""
    names = task.objective().task_names
    mask = data.extras.get("mask")
    if task.kind in ("binary", "multilabel"):
        return BinaryClassification(task_names=names).scores(predicted, data.targets, mask=mask)
    if task.kind == "classes":
        return MultiClassification(task_names=names).scores(predicted, data.targets, mask=mask)
    plain = Regression(task_names=names)
    values = data.targets
    if task.kind == "counts":
        values = np.log1p(values) - data.extras.get("offset", 0.0)
        return plain.scores_of_tasks({"pearson": pearson, "spearman": spearman}, predicted, values, mask)
    metrics = {"pearson": pearson, "spearman": spearman, "mse": _squared_error}
    if task.kind == "cell_types":
        values = np.log1p(task.log_multiplier * values)
        del metrics["mse"]
    return plain.scores_of_tasks(metrics, predicted, values, mask)


def by_task(scores: dict[str, float], names: list[str]) -> dict[str, dict[str, float]]:
    """Scores of each task by its name, out of keys such as ``auroc_TASK``."""
    metrics = [key for key in scores if key in LABELS]
    return {
        name: {metric: scores[f"{metric}_{name}"] for metric in metrics if f"{metric}_{name}" in scores}
        for name in names
    }
