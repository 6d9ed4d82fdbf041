"""The task of training data: what is learned from their targets, and which settings have a meaning for it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from genoml.data import SequenceData
from genoml.evaluation import diagnose_counts
from genoml.random import host_generator
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import TaskKind
from genoml.runs.tasks import TaskRecord, guess_task, present

#: counts of a task that the dispersion is estimated from, at most
_MOST_COUNTS = 10_000


def make_task(data: SequenceData, config: TrainConfig) -> tuple[TaskRecord, list[str]]:
    """The task of training data, with what is learned from their targets, and lines that say what was chosen.

    Raises
    ------
    ValueError
        For targets that the task does not allow, or settings that have no meaning for it.
    """
    kind, said = config.data.task or guess_task(data), []
    if config.data.task is None and kind != "binary":
        said = [f"task: {kind}, guessed from the targets"]
    check_settings(kind, config)
    known = present(data)
    for task in np.flatnonzero(~known.any(axis=0)).tolist():
        raise ValueError(f"target {_name(data, task)} has no value in the training part; leave it out")
    names = list(data.target_names)
    if kind == "regression":
        columns = [data.targets[known[:, task], task].astype(np.float64) for task in range(known.shape[1])]
        scale = [float(np.std(column)) for column in columns]
        if 0.0 in scale:
            raise ValueError(
                f"target {_name(data, scale.index(0.0))} is one number in the training part; leave it out"
            )
        return TaskRecord(
            kind=kind, names=names, mean=[float(np.mean(c)) for c in columns], scale=scale
        ), said
    if kind == "counts":
        return _counts(data, known, config, names)
    if kind == "cell_types":
        return _cell_types(data, config, names, said)
    if kind == "multilabel":
        for task in range(known.shape[1]):
            first, *others = np.unique(data.targets[known[:, task], task]).tolist()
            if not others:
                said.append(
                    f"target {_name(data, task)} is {first:g} throughout the training part: nothing to learn"
                )
    if kind == "multilabel" and config.class_weight != "none":
        said.append("class_weight: probabilities are moved back to each label's share in the training part")
    return TaskRecord(kind=kind, names=names), said


def _name(data: SequenceData, task: int) -> str:
    return data.target_names[task] if data.target_names else str(task)


def _cell_types(
    data: SequenceData, config: TrainConfig, names: list[str], said: list[str]
) -> tuple[TaskRecord, list[str]]:
    """The task of activities in cell types: the multiplier of their logarithms, and the mean of each."""
    mean = data.targets.mean(axis=0, dtype=np.float64)
    multiplier = config.log_multiplier
    if multiplier is None:  # coverage of a base, or numbers of reads
        multiplier = 1000.0 if mean.mean() < 1.0 else 1.0
    for task in np.flatnonzero(mean == 0.0).tolist():
        raise ValueError(f"cell type {_name(data, task)} is 0 in the whole training part; leave it out")
    line = f"cell types: values of {mean.mean():.3g} in the mean; logarithms are of 1 + {multiplier:g} value"
    record = TaskRecord(kind="cell_types", names=names, mean=mean.tolist(), log_multiplier=multiplier)
    return record, [*said, line]


def _counts(
    data: SequenceData, known: np.ndarray, config: TrainConfig, names: list[str]
) -> tuple[TaskRecord, list[str]]:
    """The task of counts: the distribution that the counts ask for, or the one that was asked for."""
    found, fits, more = [], [], []
    offsets = np.broadcast_to(data.extras.get("offset", np.zeros((1, 1))), data.targets.shape)
    for task in range(known.shape[1]):
        rows = np.flatnonzero(known[:, task])
        if len(rows) > _MOST_COUNTS:
            rows = np.sort(host_generator(config.seed, "counts").permutation(rows)[:_MOST_COUNTS])
        try:
            diagnosis = diagnose_counts(
                data.targets[rows, task], offset=offsets[rows, task].astype(np.float64)
            )
        except ValueError as error:
            said = str(error).removeprefix("diagnose_counts ")
            raise ValueError(f"target {_name(data, task)} {said}") from error
        label = f"{_name(data, task)}: " if known.shape[1] > 1 else ""
        found.append(f"{label}{diagnosis.verdict}")
        fits.append(diagnosis.fit)
        more.append(diagnosis.overdispersed)
    wanted = config.count_distribution
    advised: Literal["poisson", "negative_binomial"] = "negative_binomial" if any(more) else "poisson"
    chosen = advised if wanted == "auto" else wanted
    dispersed = [fit.dispersion for fit in fits if fit.dispersion > 0.0]
    record = TaskRecord(
        kind="counts",
        names=names,
        offset=config.data.offset or ("offset" if "offset" in data.extras else ""),
        distribution=chosen,
        dispersion=float(np.exp(np.mean(np.log(dispersed)))) if dispersed else 0.1,
        log_rate=[float(fit.log_rate or 0.0) for fit in fits],
    )
    said = "as advised" if wanted == "auto" else "as count_distribution says"
    lines = [*found[:3], *([f"and {len(found) - 3} more tasks"] if len(found) > 3 else [])]
    return record, [f"counts: {chosen.replace('_', ' ')}, {said}. {' '.join(lines)}"]


#: settings -> the tasks that they have a meaning for
_MEANT_FOR: dict[str, tuple[TaskKind, ...]] = {
    "focal_gamma": ("binary", "multilabel"),
    "label_smoothing": ("binary", "multilabel", "classes"),
    "class_weight": ("binary", "multilabel", "classes"),
    "sampling": ("binary", "classes"),
    "calibrate": ("binary",),
    "threshold_by": ("binary",),
    "huber_delta": ("regression",),
    "count_distribution": ("counts",),
    "log_multiplier": ("cell_types",),
}


def check_settings(kind: TaskKind, config: TrainConfig) -> None:
    """Raise ValueError for a setting that would silently do nothing for a task."""
    default = type(config)()
    for key, kinds in _MEANT_FOR.items():
        if kind not in kinds and getattr(config, key) != getattr(default, key):
            raise ValueError(f"{key}: has a meaning for the task {' and '.join(kinds)} only, got task {kind}")
    if kind == "multilabel" and config.class_weight != "none" and config.focal_gamma:
        raise ValueError(
            "class_weight: expects none beside focal_gamma for the task multilabel, got balanced"
        )
    if kind == "classes" and config.sampling == "negatives":
        raise ValueError('sampling: expects "uniform" or "balanced" for the task classes, got "negatives"')
    if kind != "counts" and config.data.offset is not None:
        raise ValueError(f"data.offset: has a meaning for the task counts only, got task {kind}")


def class_weights(
    config: TrainConfig, task: TaskRecord, data: SequenceData
) -> tuple[float, ...] | tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Weight of each class, the inverse of its share over the number of classes; of several labels two a label."""
    if config.class_weight == "none":
        return None
    if task.kind == "classes":
        return tuple((1.0 / (data.targets.shape[1] * data.targets.mean(axis=0))).tolist())
    share = label_shares(data)
    negatives, positives = (0.5 / (1.0 - share)).tolist(), (0.5 / share).tolist()
    return (tuple(negatives), tuple(positives)) if task.kind == "multilabel" else (negatives[0], positives[0])


def label_shares(data: SequenceData) -> np.ndarray:
    """Share of the positives of each label; one half of a label of one class, which has nothing to weigh."""
    known = present(data)
    positive = np.where(known, data.targets, 0.0).sum(axis=0) / known.sum(axis=0)
    both = (positive > 0.0) & (positive < 1.0)
    found: np.ndarray = np.where(both, positive, 0.5)
    return found
