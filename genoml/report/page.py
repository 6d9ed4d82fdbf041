"""Page of a report: the content of a run's report, and the page as HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml.data import SequenceData
from genoml.data.files import NamedSequences
from genoml.io.files import write_whole
from genoml.report.content import ReportData, attention_views, filter_matches, sequence_views
from genoml.report.figures import (
    attention_card,
    curve_figures,
    filter_card,
    number,
    probability_figures,
    sequence_card,
    training_figures,
    variant_card,
)
from genoml.report.tasks import class_figures, number_figures, predicted_what, sequences_of, task_content
from genoml.runs import Run, RunRecord
from genoml.runs.run import SequenceSource
from genoml.runs.score import outputs_of_data
from genoml.runs.tasks import LABELS
from genoml.train.predict import score_predictions

__all__ = ["build_report", "expect_writable", "write_report"]

# Headings of the table of metrics; other keys appear as they are.
_HEADINGS = {
    "n_examples": "examples",
    "n_positives": "positives",
    "n_negatives": "negatives",
}


def write_report(
    run: Run,
    out: str | PathLike[str],
    positives: SequenceSource | None = None,
    negatives: SequenceSource | None = None,
    *,
    sequences: SequenceSource | None = None,
    data: SequenceData | None = None,
    held_out: bool = False,
    show: Sequence[str] = (),
    top: int = 3,
    threshold: float | None = None,
) -> Path:
    """Write a page about a run: one HTML file, to open anywhere and offline.

    It shows the training curves; with sequences also the filters as motifs, and the bases that matter in some of
    them; with labelled sequences also ROC and precision-recall, calibration and the confusion at the threshold.

    Parameters
    ----------
    run : Run
        Result of ``load_run``.
    out : path
        HTML file to write.
    positives, negatives : iterable of str, or path
        Labelled sequences that the model was not trained on, as in ``Run.evaluate``; both or none.
    sequences : iterable of str, or path
        Sequences without labels, in their place.
    data : SequenceData, optional
        Data with targets of the run's task, in their place; see ``genoml.runs.evaluate.data_of_run``.
    held_out : bool
        Whether they are the part that the run held out itself.
    show : sequence of str
        Names of the sequences to explain; by default the ``top`` ones that score highest.
    threshold : float, optional
        Probability from which on a sequence is called positive; that of the run if None.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    ValueError
        If the files do not go together or a name in ``show`` is not among them; if Matplotlib or Jinja is not
        installed; if ``out`` is a folder, or in none.
    FormatError, OSError
        For sequences that cannot be read.
    """
    if (positives is None) != (negatives is None):
        raise ValueError("write_report expects positives and negatives, both or none")
    if sum(each is not None for each in (positives, sequences, data)) > 1:
        raise ValueError("write_report expects positives and negatives, or sequences, or data, not both")
    if len(show) and positives is None and sequences is None and data is None:
        raise ValueError("write_report expects sequences to show")
    out = Path(out)
    expect_writable(out)
    content: dict[str, Any] = {"title": run.path.resolve().name, "history": run.history()}
    if positives is not None and negatives is not None:
        run.expect_one_label("a report of positives and negatives")
        labelled, others = run.read_labelled(positives, negatives)
        predictions = run.predict(labelled)
        content |= _of_labels(run, predictions[:, 0], run.predict(others)[:, 0])
        content["threshold"] = run.threshold if threshold is None else threshold
        content |= _explained(run, labelled, predictions[:, 0], show, top)
    elif data is not None:
        content |= _of_data(run, data, show, top, threshold, held_out=held_out)
    elif sequences is not None:
        unlabelled = run.read(sequences)
        content |= _explained(run, unlabelled, run.predict(unlabelled)[:, 0], show, top)
    build_report(out, ReportData(**content, predicted=predicted_what(run), details=run_details(run.record)))
    return out


def expect_writable(out: Path) -> None:
    """Raise ValueError, before any work, if the page cannot be written or drawn."""
    if find_spec("matplotlib") is None or find_spec("jinja2") is None:
        raise ValueError("a report needs Matplotlib and Jinja: pip install 'genoml-xp[report]'")
    if out.is_dir():
        raise ValueError(f"{out}: is a folder; name a file")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: no such folder; make it, or choose another")


def _of_data(
    run: Run, data: SequenceData, show: Sequence[str], top: int, threshold: float | None, *, held_out: bool
) -> dict[str, Any]:
    """Parts of a report about data with targets of the run's task."""
    if run.record.task.kind == "profile":
        return task_content(run, data, held_out=held_out)
    predictions = run.objective.predictions(outputs_of_data(run.model, run.record, data, as_trained=held_out))
    if run.record.task.kind == "binary":
        known = np.reshape(data.extras.get("mask", np.ones(len(data))), len(data)) != 0
        positive = known & (data.targets[:, 0] == 1)
        parts = _of_labels(run, predictions[positive, 0], predictions[known & ~positive, 0])
        parts["threshold"] = run.threshold if threshold is None else threshold
    else:
        parts = task_content(run, data, held_out=held_out)
    some, rows = sequences_of(data)
    return parts | _explained(run, some, predictions[rows, 0], show, top)


def _of_labels(run: Run, of_positives: np.ndarray, of_negatives: np.ndarray) -> dict[str, Any]:
    """Parts of a report that need labels."""
    predictions = np.concatenate([of_positives, of_negatives])
    targets = np.concatenate([np.ones(len(of_positives)), np.zeros(len(of_negatives))])
    scores = score_predictions(predictions, targets)
    name = _model_name(run.record)
    return {
        "summary": (
            f"{name} tells {scores['n_positives']:,} positives from {scores['n_negatives']:,} negatives with "
            f"AUROC {scores['auroc']:.3f} and AUPR {scores['aupr']:.3f}."
        ),
        "metrics": {name: scores},
        "curves": {name: (predictions, targets)},
        "probabilities": (predictions, targets),
    }


def _explained(
    run: Run, sequences: NamedSequences, predictions: np.ndarray, show: Sequence[str], top: int
) -> dict[str, Any]:
    """Filters, logos and attention maps of a report."""
    model = run.model
    parts: dict[str, Any] = {
        "filters": filter_matches(model, sequences.codes(sequences.longest)),
        "sequences": [],
        "attention": [],
    }
    for place, index in enumerate(_chosen(sequences, predictions, show, top)):
        one = sequences.take([index])
        codes = one.codes(max(one.longest, run.record.length_bp))
        parts["sequences"] += sequence_views(model, one.ids, codes)
        if place == 0 or show:
            parts["attention"] += attention_views(model, one.ids, codes)
    return parts


def _chosen(sequences: NamedSequences, predictions: np.ndarray, show: Sequence[str], top: int) -> list[int]:
    """Indices of the sequences to explain: those named, or those that score highest."""
    if not show:
        return [int(i) for i in np.argsort(-predictions, kind="stable")[:top]]
    places = {name: i for i, name in reversed(list(enumerate(sequences.ids)))}
    missing = [name for name in show if name not in places]
    if missing:
        raise ValueError(f"{sequences.path}: no sequence is named {missing[0]}")
    return [places[name] for name in show]


def _model_name(record: RunRecord) -> str:
    return "the network" if record.config is None else record.config.title


def run_details(record: RunRecord) -> dict[str, str]:
    """Facts about how the run was made."""
    config, data = record.config, record.data
    of_epochs = "" if config is None else f" of {config.epochs}"
    epochs = f"best epoch {record.best_epoch}{of_epochs}" if record.best_epoch is not None else ""
    options = {} if config is None else config.model_options
    facts = {
        "model": ", ".join(filter(None, [_model_name(record), epochs, record.status])),
        "options": ", ".join(f"{key} {value}" for key, value in options.items()),
        "task": "" if record.task.kind == "binary" else f"{record.task.kind}: {', '.join(record.task.names)}",
        **{key: str(data.get(key, "")) for key in ("positives", "negatives", "table", "genome", "regions")},
        "examples": f"{data.get('n_training', '?')} to train on, {data.get('n_validation', '?')} to validate",
        "length": f"{record.length_bp} bp",
        "backend": ", ".join(record.backend.values()),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "seed": str(record.seed),
    }
    return {key: value for key, value in facts.items() if value}


def build_report(path: str | PathLike[str], content: ReportData) -> None:
    """Write a report as one HTML file without any reference to the network.

    The figures are SVG images within it, drawn by :mod:`genoml.plot`. The file appears under its name only
    when it is complete; the same content gives the same bytes.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced.
    content : ReportData
        Its content.

    Raises
    ------
    ImportError
        If Matplotlib or Jinja is missing: ``pip install genoml-xp[report]``.
    FileNotFoundError, IsADirectoryError
        If there is no directory for the file, or ``path`` is one.
    ValueError
        If the curves' predictions and targets do not fit each other.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise ImportError("a report needs Jinja and Matplotlib: pip install genoml-xp[report]") from error
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("genoml").joinpath("resources", "report.html.j2").read_text(encoding="utf-8")
    page = environment.from_string(source).render(
        content=content,
        table=_table(content.metrics, content.ranked),
        numbers=number_figures(content),
        classes=class_figures(content.confusion),
        training=training_figures(content.history),
        curves=curve_figures(content.curves),
        probabilities=probability_figures(content.probabilities, content.threshold),
        filters=[filter_card(*entry) for entry in content.filters],
        sequences=[sequence_card(view) for view in content.sequences],
        attention=[attention_card(view) for view in content.attention],
        variants=[variant_card(view) for view in content.variants],
    )
    with write_whole(path) as stream:
        stream.write(page.encode("utf-8"))


def _table(metrics: Mapping[str, Mapping[str, float]], ranked: bool) -> dict[str, Any]:
    """Headings and rows as text, the best of each score marked where rows are models."""
    keys = list(dict.fromkeys(key for row in metrics.values() for key in row))
    scores = [key for key in keys if not key.startswith("n_")]
    best = {
        key: max(
            (row[key] for row in metrics.values() if math.isfinite(row.get(key, math.nan))), default=None
        )
        for key in scores
    }
    rows = [
        {
            "name": name,
            "cells": [
                {
                    "text": number(row.get(key), count=key not in scores),
                    "best": ranked and len(metrics) > 1 and key in scores and row.get(key) == best[key],
                }
                for key in keys
            ],
        }
        for name, row in metrics.items()
    ]
    headings = [_HEADINGS.get(key, LABELS.get(key, key)) for key in keys]
    return {"headings": headings, "rows": rows, "first": "model" if ranked else "task"}
