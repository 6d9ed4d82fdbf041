"""Evaluation of runs on data of any source: their own held-out part, or other files, by the task."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from genoml.data import ProfileData, SequenceData
from genoml.data.checks import check_evaluated
from genoml.data.peaks import genome_of
from genoml.data.traits import TrainedOn, Traits
from genoml.io.errors import FormatWarning, shown
from genoml.parallel import ONE_RANK
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import DataSettings
from genoml.runs.folder import RunFolder
from genoml.runs.from_files import expect_same, read_source, recorded_data
from genoml.runs.on_ranks import ready_files
from genoml.runs.profiles import replicate_outputs
from genoml.runs.record import RunRecord
from genoml.runs.run import Run
from genoml.runs.score import (
    outputs_of_data,
    read_known,
    score_labels,
    trained_of,
    unlike_training,
    without_nan,
)
from genoml.runs.split import split_validation
from genoml.runs.task_scores import by_task, task_scores
from genoml.runs.tasks import TaskRecord


def data_of_run(run: Run, values: Mapping[str, Any] | None = None) -> SequenceData:
    """Read data to score a run on: with other files or columns than it was trained on; or its own held-out part.

    Parameters
    ----------
    run : Run
        A run of ``genoml train``.
    values : mapping, optional
        Keys of ``DataSettings`` in the place of the run's; without any the part that was held out.

    Raises
    ------
    FormatError, OSError, ValueError
        For files that cannot be read, or hold other tasks than the run has; if the run's own files have changed.

    Warns
    -----
    FormatWarning
        Of what was left out, such as windows past an end of a chromosome; the held-out part's is in the run's record.
    """
    if not values and "hashes" not in run.record.data:
        raise ValueError(f"{run.path}: its record does not say which data it was trained on; name the data")
    folder, task = RunFolder(run.path, run.record), run.record.task
    by_hand = run.record.config is None
    config = (
        TrainConfig(seed=run.record.seed, ambiguous=run.settings.ambiguous)
        if by_hand
        else run.record.training
    )
    settings = _by_hand(task, dict(values or {})) if by_hand else recorded_data(folder, values)
    if values and settings.h5ad is not None and "targets" not in values:
        settings = settings.changed({"targets": task.names})  # in the run's order
    ready_files(ONE_RANK, settings)
    classes = (task.names or None) if task.kind == "classes" else None
    read = read_source(settings, config, length_bp=run.record.length_bp, classes=classes, by_hand=by_hand)
    if not values:
        expect_same(folder, read, settings)
        return split_validation(read.data, config)[1]
    _expect_tasks(run.record, read.data)
    for note in read.notes:
        warnings.warn(note, FormatWarning, stacklevel=2)
    return read.data


def _by_hand(task: TaskRecord, values: dict[str, Any]) -> DataSettings:
    """Settings of data for a network that was made by hand, whose objective says what they are."""
    values["task"] = task.kind
    if task.kind == "profile":
        values |= {"strands": task.strands, "profile_bp": task.profile_bp}
    elif task.names and task.kind != "classes" and "table" in values:
        values.setdefault("targets", task.names)
    return DataSettings().changed(values)


def _expect_tasks(record: RunRecord, data: SequenceData) -> None:
    """Raise ValueError for data of other tasks than the run's."""
    expected, got = record.task.names, list(data.target_names)
    count = max(1, len(expected))
    if data.targets.shape[1] != count:
        raise ValueError(
            f"the run has {count} task(s) ({', '.join(expected)}), and the data have {data.targets.shape[1]} "
            f"({', '.join(got)})"
        )
    if got != expected and sorted(got) == sorted(expected):
        raise ValueError(
            f"the tasks are {shown(', '.join(got))}, and those of the run {shown(', '.join(expected))}; name them in "
            "the run's order"
        )


def evaluate_data(
    run: Run,
    data: SequenceData,
    *,
    held_out: bool = False,
    intervals: bool = False,
    no_checks: Collection[str] = (),
    replicate: Sequence[str] = (),
) -> dict[str, Any]:
    """Score a run on a data set, by its task, as ``genoml evaluate`` does.

    Parameters
    ----------
    run : Run
        The trained network.
    data : SequenceData
        With targets of the run's task.
    held_out : bool
        Whether it is the run's own held-out part, which the training knows.
    intervals : bool
        Also bootstrap intervals, of one label 0 or 1.
    no_checks : collection of str
        Checks that are left out, see ``genoml.data.checks.check_evaluated``.
    replicate : sequence of path
        Of profiles: bigWig files of another replicate, whose reads are scored in the place of predictions.

    Returns
    -------
    dict
        Of one label 0 or 1 as ``score_labels``. Else ``task``, each score in the mean, ``n_examples``, and ``tasks``:
        the scores of each by its name; of classes also their ``confusion``, true classes in rows. In all cases
        ``warnings``, a line for each check that found something. With a ``replicate`` also its scores of each task:
        what reads of the same experiment reach, drawn once more.
    """
    record, task = run.record, run.record.task
    if replicate and not isinstance(data, ProfileData):
        raise ValueError(f"a replicate has a meaning for the task profile only, got task {task.kind}")
    outputs = outputs_of_data(run.model, record, data, as_trained=held_out)
    both = trained_of(record).both_strands
    known = None if held_out else read_known(run.path, record)
    traits = Traits.of_data(data, task.targets_are, both_strands=both)
    placed = {} if held_out else _check_genome(record, data, known)
    said = check_evaluated(traits, known, None if placed else data, skip=no_checks)
    alphabet = data.alphabet if data.intervals is None else record.alphabet
    placed |= unlike_training(record, traits.length_bp.tolist(), alphabet)
    got = shown(", ".join(data.target_names))
    if task.names and got and list(data.target_names) != task.names:
        placed["names"] = f"{got} are scored as the run's {shown(', '.join(task.names))}, in this order"
    said |= {name: line for name, line in placed.items() if name not in no_checks}
    if task.kind == "binary":
        labelled = np.reshape(data.extras.get("mask", np.ones(len(data))), len(data)) != 0
        probabilities = run.objective.predictions(outputs)[labelled, 0]
        scores = score_labels(probabilities, data.targets[labelled, 0], record, intervals=intervals)
        return scores | {"warnings": said}
    scores = task_scores(task, outputs, data)
    result: dict[str, Any] = {"task": task.kind}
    names = list(data.target_names) or [str(number) for number in range(data.targets.shape[1])]
    if task.kind == "classes":
        result |= scores | _confusion(outputs, data, names)
    else:
        each = by_task(scores, task.names if len(task.names) > 1 else [])
        result |= {key: value for key, value in scores.items() if not _of_a_task(key, each)}
        result["tasks"] = each or {names[0]: scores}
    if replicate and isinstance(data, ProfileData):
        scores = task.objective().scores(replicate_outputs(data, replicate), np.asarray(data.targets))
        result["replicate"] = by_task(scores, task.names if len(task.names) > 1 else []) or {names[0]: scores}
    result["n_examples"] = len(data)
    if record.held_out.baseline and not held_out:
        result["validation"] = {"model": record.held_out.scores, "baseline": record.held_out.baseline}
    elif record.held_out.baseline:
        result["baseline"] = record.held_out.baseline
    found: dict[str, Any] = without_nan(result | {"warnings": said})
    return found


def _check_genome(record: RunRecord, data: SequenceData, known: TrainedOn | None) -> dict[str, str]:
    """A line if windows cannot be compared with those of the training: of another genome, or not in the record."""
    store, trained = genome_of(data), record.data.get("genome_bases")
    if store is None or known is None or "genome" not in record.data:
        return {}
    if trained is None or known.windows is None:
        return {
            "overlap": "the run does not know its windows, as an older version wrote it; windows that overlap them are "
            "not counted, equal sequences are"
        }
    if trained != store.bases_digest:
        return {
            "genome": f"{store.source} is another genome than that of the training, or another build of it; windows "
            "that overlap those of the training are not counted, equal sequences are"
        }
    return {}


def _of_a_task(key: str, each: Mapping[str, Mapping[str, float]]) -> bool:
    return any(key == f"{metric}_{name}" for name, scores in each.items() for metric in scores)


def _confusion(outputs: np.ndarray, data: SequenceData, names: list[str]) -> dict[str, Any]:
    """How many of each true class are called what, and the recall and precision of each class."""
    called = outputs.argmax(axis=1)
    true = data.targets.argmax(axis=1)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (true, called), 1)
    right = np.diag(counts)
    tasks = {
        name: {
            "recall": float(right[at] / counts[at].sum()) if counts[at].any() else None,
            "precision": float(right[at] / counts[:, at].sum()) if counts[:, at].any() else None,
            "n": int(counts[at].sum()),
        }
        for at, name in enumerate(names)
    }
    return {"classes": names, "confusion": counts.tolist(), "tasks": tasks}
