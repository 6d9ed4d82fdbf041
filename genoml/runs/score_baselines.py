"""Baselines of a task by name, and their scores: what a network must at least reach."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.data import SequenceData
from genoml.random import host_generator
from genoml.runs.baseline import KmerBaseline, KmerRidge
from genoml.runs.config import TrainConfig
from genoml.runs.site_baselines import composition_baseline, positional_baseline
from genoml.runs.task_scores import linear_scores
from genoml.runs.tasks import TaskRecord
from genoml.sequence.alphabet import PAD_CODE

#: training sequences that a baseline learns from, at most, so that it takes a small part of the run
MOST_FOR_BASELINE = 10_000
#: values of targets among them, at most
_MOST_VALUES = 200_000
#: length up to which there are weights for each position, of logistic and of ridge regression
_LONGEST_BP, _LONGEST_OF_RIDGE_BP = 1000, 300
#: names of the baselines, as lines and records have them; those of k-mers follow k
TRAITS, POSITIONS = "length and GC alone", "base at each position"


def kmer_names(task: TaskRecord) -> tuple[str, str]:
    """Names of the k-mers of both strands, and of one."""
    k = 6 if task.kind == "binary" else 5
    return f"{k}-mers", f"{k}-mers of one strand"


def baseline_score(task: TaskRecord) -> str:
    """The score of baselines: the one that runs are compared by, which of counts linear models do not have."""
    return "pearson" if task.kind == "counts" else task.score


def baseline_scores(
    data: SequenceData, validation: SequenceData, config: TrainConfig, task: TaskRecord | None = None
) -> dict[str, float]:
    """Score in validation of each baseline by name; that of positions for sequences of one length alone.

    The score is AUROC of labels, accuracy of classes, Pearson's r of numbers, and of the logarithms of counts.
    """
    task = task or TaskRecord()
    name = baseline_score(task)
    found = scores_of_baselines(data, validation, config, task)
    return {baseline: scores[name] for baseline, scores in found.items() if name in scores}


def scores_of_baselines(
    data: SequenceData, held_out: SequenceData, config: TrainConfig, task: TaskRecord
) -> dict[str, dict[str, float]]:
    """All scores on a held-out part of each baseline by name, trained on the training part, or a part of it."""
    part = data.take(some_examples(data, task, config.seed))
    codes, held = np.asarray(part.codes), np.asarray(held_out.codes[np.arange(len(held_out))])
    values = linear_targets(part, task)
    longest = _LONGEST_BP if task.kind == "binary" else _LONGEST_OF_RIDGE_BP
    one_length = codes.shape[1] <= longest and not any((each == PAD_CODE).any() for each in (codes, held))
    models = baselines(task, config, data.alphabet, positions=one_length)
    predicted = {name: model.fit(codes, values).predict(held) for name, model in models.items()}
    return {
        name: linear_scores(task, np.reshape(found, (len(held), -1)).astype(np.float64), held_out)
        for name, found in predicted.items()
    }


def baselines(task: TaskRecord, config: TrainConfig, alphabet: str, *, positions: bool) -> dict[str, Any]:
    """The baselines of a task by name: logistic regression of one label 0 or 1, else ridge regression."""
    both, binary = config.reads_both_strands(alphabet), task.kind == "binary"
    options: dict[str, Any] = {"ambiguous": config.ambiguous}
    kmers, one_strand = kmer_names(task)
    of_kmers = KmerBaseline if binary else KmerRidge
    found: dict[str, Any] = {
        TRAITS: composition_baseline(binary),
        kmers: of_kmers(both_strands=both, **options),
    }
    if both:
        found[one_strand] = of_kmers(both_strands=False, **options)
    if positions:
        found[POSITIONS] = positional_baseline(bool(config.reverse_complement), binary=binary, **options)
    return found


def linear_targets(data: SequenceData, task: TaskRecord) -> np.ndarray:
    """Numbers (n, tasks) that a linear model learns: of counts (by their offset) and of cell types, logarithms.

    A missing value is the mean of its task.
    """
    values = np.asarray(data.targets, np.float64)
    if task.kind == "counts":
        values = np.log1p(values) - data.extras.get("offset", 0.0)
    if task.kind == "cell_types":
        values = np.log1p(task.log_multiplier * values)
    known = np.broadcast_to(data.extras.get("mask", np.ones((1, 1))), values.shape) != 0
    means = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled: np.ndarray = np.where(known, values, means)
    return filled


def some_examples(data: SequenceData, task: TaskRecord, seed: int) -> np.ndarray:
    """Positions of at most ``MOST_FOR_BASELINE`` examples, in order, fewer of many tasks.

    Of one label the rarer class is there in full as far as half of them.
    """
    most = max(1, min(MOST_FOR_BASELINE, _MOST_VALUES // data.targets.shape[1]))
    if len(data) <= most:
        return np.arange(len(data))
    rng = host_generator(seed, "baseline")
    if task.kind != "binary":
        return np.sort(rng.permutation(np.arange(len(data)))[:most])
    labels = data.targets[:, 0]
    rarer = labels == (labels.mean() < 0.5)
    few = rng.permutation(np.flatnonzero(rarer))[: most // 2]
    many = rng.permutation(np.flatnonzero(~rarer))[: most - len(few)]
    return np.sort(np.concatenate([few, many]))
