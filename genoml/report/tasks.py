"""Reports of other tasks than one label: scores of each task, and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml import plot
from genoml.data import NamedSequences, ProfileData, SequenceData
from genoml.evaluation.specificity import gini
from genoml.metrics import pearson
from genoml.report.content import ReportData
from genoml.report.details import model_name
from genoml.report.figures import number, one_figure
from genoml.runs import Run
from genoml.runs.evaluate import evaluate_data
from genoml.runs.score import outputs_of_data
from genoml.runs.tasks import LABELS
from genoml.sequence import decode

#: tasks with figures of their own, at most
MOST_TASKS = 4
#: scores in the first line, at most
_IN_WORDS = 3
#: sequences in which the filters' motifs are looked for, at most, and their bases
_MOST_SEQUENCES, _MOST_BP = 4000, 1 << 20


def task_content(
    run: Run, data: SequenceData, *, held_out: bool, replicate: Sequence[str] = ()
) -> tuple[NDArray[np.floating[Any]], dict[str, Any]]:
    """Predictions of a run on a data set; and what it reaches, its scores and figures' data.

    ``replicate``: see ``evaluate_data``.
    """
    outputs = outputs_of_data(run.model, run.record, data, as_trained=held_out)
    predictions = run.objective.numbers(outputs)
    result = evaluate_data(run, data, held_out=held_out, replicate=replicate)
    return predictions, _content(run, data, outputs, predictions, result, held_out=held_out)


def _content(
    run: Run,
    data: SequenceData,
    outputs: np.ndarray,
    predictions: np.ndarray,
    result: dict[str, Any],
    *,
    held_out: bool,
) -> dict[str, Any]:
    task = run.record.task
    names = list(result["tasks"])
    shown = [key for key in LABELS if key in result]
    where = "on its held-out part" if held_out else f"on {len(data):,} examples"
    known = [f"{LABELS[key]} {result[key]:.3f}" for key in shown if result[key] is not None]
    words = ", ".join(known[:_IN_WORDS])
    several = len(names) > 1 and task.kind != "classes"
    scored = len(names)
    if task.kind == "multilabel":  # a label of one class has no score
        scored = sum(each.get("auroc") is not None for each in result["tasks"].values())
    mean = f"{scored} of {len(names)}" if scored < len(names) else len(names)
    content: dict[str, Any] = {
        "summary": f"reaches {words} {where}" + (f", in the mean over {mean} tasks" if several else ""),
        "metrics": _rows(result, names, shown, model_name(run.record)),
        "ranked": False,
    }
    if len(names) > MOST_TASKS and several:
        content["tasks_note"] = f"Figures are of the first {MOST_TASKS} of {len(names)} tasks."
    if task.kind == "classes":
        return content | {"confusion": (np.array(result["confusion"]), names)}
    if isinstance(data, ProfileData):
        return content | _profile_parts(run, outputs, data, names)
    if task.kind == "cell_types":
        return content | _cell_type_parts(task.log_multiplier, predictions, data, names)
    mask = np.broadcast_to(data.extras.get("mask", np.ones((1, 1))), data.targets.shape) != 0
    pairs = {
        each: (predictions[mask[:, at], at], data.targets[mask[:, at], at])
        for at, each in enumerate(names[:MOST_TASKS])
    }
    if task.kind == "multilabel":
        return content | {
            "curves": {key: pair for key, pair in pairs.items() if len(np.unique(pair[1])) == 2}
        }
    if task.kind == "counts":
        offset = np.broadcast_to(data.extras.get("offset", np.zeros((1, 1))), data.targets.shape)
        means = {
            each: (predictions[mask[:, at], at] * np.exp(offset[mask[:, at], at]), pairs[each][1])
            for at, each in enumerate(pairs)
        }
        logs = {each: tuple(np.log10(1.0 + values) for values in pair) for each, pair in means.items()}
        return content | {"numbers": logs, "unit": ", log10 (1 + count)", "counts": means}
    return content | {"numbers": pairs}


def _profile_parts(run: Run, outputs: np.ndarray, data: ProfileData, names: list[str]) -> dict[str, Any]:
    """Counts of each track, and the mean profile of the windows in which most reads are predicted."""
    counts, totals = run.objective.numbers(outputs), data.totals
    most = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: max(1, len(data) // 10)])
    reads = run.objective.predictions(outputs[most]).mean(axis=0)
    observed = data.targets[most].mean(axis=0)
    logs = {
        name: (np.log10(1.0 + counts[:, at]), np.log10(1.0 + totals[:, at])) for at, name in enumerate(names)
    }
    return {
        "numbers": dict(list(logs.items())[:MOST_TASKS]),
        "unit": ", log10 (1 + reads)",
        "profiles": {name: (reads[at], observed[at]) for at, name in enumerate(names[:MOST_TASKS])},
    }


def _cell_type_parts(
    multiplier: float, predictions: np.ndarray, data: SequenceData, names: list[str]
) -> dict[str, Any]:
    """Logarithms of the values in each cell type, and how specific regions are."""
    logs = [np.log10(1.0 + multiplier * np.maximum(each, 0.0)) for each in (predictions, data.targets)]
    unit = f", log10 (1 + {multiplier:g} value)" if multiplier != 1.0 else ", log10 (1 + value)"
    indices = np.stack([gini(predictions), gini(np.maximum(data.targets, 0.0))])
    known = ~np.isnan(indices).any(axis=0)
    return {
        "numbers": {name: (logs[0][:, at], logs[1][:, at]) for at, name in enumerate(names[:MOST_TASKS])},
        "unit": unit,
        "specificity": (indices[0, known], indices[1, known]) if known.sum() > 1 else None,
    }


def _rows(
    result: dict[str, Any], names: list[str], shown: list[str], model: str
) -> dict[str, dict[str, float]]:
    """Rows of the table of scores: the mean, and each task."""
    whole = {key: _number(result[key]) for key in shown}
    if result["task"] == "classes":
        return {model: whole | {"n_examples": result["n_examples"]}}
    rows = {names[0]: whole | {"n_examples": result["n_examples"]}}
    if len(names) > 1:
        rows = {"mean": whole} | _rows_of(result["tasks"], shown)
    return rows | _rows_of(result.get("replicate", {}), shown, ", the replicate")


def _rows_of(
    scores: dict[str, dict[str, Any]], shown: list[str], also: str = ""
) -> dict[str, dict[str, float]]:
    return {f"{name}{also}": {key: _number(each.get(key)) for key in shown} for name, each in scores.items()}


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def sequences_of(data: SequenceData) -> tuple[NamedSequences, np.ndarray]:
    """Some sequences of a data set as letters with names, and their rows; the positives of one label."""
    rows = np.arange(len(data))
    if data.targets.shape[1] == 1 and np.isin(data.targets, (0.0, 1.0)).all():
        rows = np.flatnonzero(data.targets[:, 0] == 1)
    most = max(1, min(_MOST_SEQUENCES, _MOST_BP // data.codes.shape[1]))
    rows = rows[:: max(1, -(-len(rows) // most))]
    letters = decode(np.asarray(data.codes[rows]), alphabet=data.alphabet)
    return NamedSequences(
        "the data", [data.name_of(int(row)).replace(" ", "_") for row in rows], list(letters)
    ), rows


# ------------------------------------------------------------ figures


def number_figures(content: ReportData) -> list[dict[str, str]]:
    """Predicted against true numbers of each task, and the calibration of counts."""
    figures = []
    for name, (predictions, targets) in content.numbers.items():
        r = float(pearson(np.asarray(predictions, np.float64), np.asarray(targets, np.float64)))
        alt = f"{name}: predicted against true values, Pearson's r {number(r, count=False)}."
        draw = partial(plot.scatter, predictions=predictions, targets=targets, unit=content.unit)
        figures.append(one_figure(alt, draw, height=4.3, title=name))
    for name, (predicted, observed) in content.profiles.items():
        alt = f"{name}: mean profile of the windows with the most predicted reads, predicted over observed."
        draw = partial(plot.profile, predicted=predicted, observed=observed)
        figures.append(one_figure(alt, draw, height=3.2, title=f"{name}, where most reads are predicted"))
    for name, (means, counts) in content.counts.items():
        alt = f"{name}: mean counts against predicted means, in groups by the predicted mean."
        draw = partial(plot.count_calibration, means=means, counts=counts)
        figures.append(one_figure(alt, draw, height=4.3, title=f"{name}, calibration"))
    return figures


def specificity_figures(content: ReportData) -> list[dict[str, str]]:
    """Predicted against measured Gini index of regions over their cell types."""
    if content.specificity is None:
        return []
    predicted, measured = (np.asarray(each, np.float64) for each in content.specificity)
    r = number(float(pearson(predicted, measured)), count=False)
    alt = f"Gini index of each region over the cell types: predicted against true values, Pearson's r {r}."
    draw = partial(plot.scatter, predictions=predicted, targets=measured, unit=", Gini index")
    return [one_figure(alt, draw, height=4.3, title="Specificity: Gini index over the cell types")]


def class_figures(confusion: tuple[ArrayLike, Sequence[str]] | None) -> list[dict[str, str]]:
    """Table of true and predicted classes."""
    if confusion is None:
        return []
    counts, names = np.asarray(confusion[0]), confusion[1]
    right = f"{int(np.trace(counts)):,} of {int(counts.sum()):,} examples are called what they are."
    return [
        one_figure(
            f"Confusion of {len(names)} classes; {right}",
            lambda ax: plot.class_table(ax, counts, names),
            height=4.3,
        )
    ]
