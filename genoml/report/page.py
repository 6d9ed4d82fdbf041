"""Report of a run: its content, computed from the run and from sequences or data."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml.data import SequenceData
from genoml.data.files import NamedSequences
from genoml.genome import GenomeStore
from genoml.report.content import ReportData, attention_views, sequence_views
from genoml.report.filters import filter_matches
from genoml.report.html import build_report
from genoml.report.tasks import sequences_of, task_content
from genoml.report.variants import variant_views
from genoml.runs import Run, RunRecord
from genoml.runs.explained import Explained, explained_output
from genoml.runs.run import SequenceSource
from genoml.runs.score import outputs_of_data
from genoml.train.predict import score_predictions
from genoml.variants import Summary

__all__ = ["expect_writable", "run_details", "write_report", "write_variant_report"]


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
    explain: str | None = None,
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
    explain : str, optional
        The output that they are explained for, see ``explained_output``; the first one, or the counts of profiles.
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
    explained = explained_output(run, explain)
    content: dict[str, Any] = {
        "title": run.path.resolve().name, "history": run.history(), "explained": explained,
    }  # fmt: skip
    if positives is not None and negatives is not None:
        run.expect_one_label("a report of positives and negatives")
        labelled, others = run.read_labelled(positives, negatives)
        predictions = run.predict(labelled)
        content |= _of_labels(run, predictions[:, 0], run.predict(others)[:, 0])
        content["threshold"] = run.threshold if threshold is None else threshold
        content |= _explained(run, labelled, predictions, explained, show, top)
    elif data is not None:
        content |= _of_data(run, data, explained, show, top, threshold, held_out=held_out)
    elif sequences is not None:
        unlabelled = run.read(sequences)
        numbers = run.objective.numbers(run.outputs(unlabelled))
        content |= _explained(run, unlabelled, numbers, explained, show, top)
    build_report(out, ReportData(**content, details=run_details(run.record)))
    return out


def write_variant_report(
    run: Run,
    genome: GenomeStore,
    summary: Summary,
    out: str | PathLike[str],
    *,
    top: int = 5,
    length_bp: int | None = None,
) -> Path:
    """Write a page about the variants with the largest effects: one HTML file, to open anywhere and offline.

    Parameters
    ----------
    run : Run
        The run that scored them.
    genome : GenomeStore
        The genome.
    summary : Summary
        Result of :func:`genoml.variants.score_file`.
    out : path
        HTML file to write.
    top : int
        Number of variants.
    length_bp : int, optional
        Length of a window; that of the training if None.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    ValueError
        If Matplotlib or Jinja is not installed; if ``out`` is a folder, or in none.
    """
    out = Path(out)
    expect_writable(out)
    strongest = summary.strongest[:top]
    statuses = ", ".join(
        f"{count:,} {name}" for name, count in sorted(summary.statuses.items(), key=lambda each: -each[1])
    )
    data = ReportData(
        title=f"Variants scored by {run.path.resolve().name}",
        summary=f"{summary.records:,} records, {summary.alts:,} alternative alleles: {statuses or 'none'}.",
        variants=variant_views(run, genome, strongest, length_bp or run.record.length_bp),
        details=run_details(run.record),
    )
    build_report(out, data)
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
    run: Run,
    data: SequenceData,
    explained: Explained,
    show: Sequence[str],
    top: int,
    threshold: float | None,
    *,
    held_out: bool,
) -> dict[str, Any]:
    """Parts of a report about data with targets of the run's task."""
    predictions = run.objective.numbers(outputs_of_data(run.model, run.record, data, as_trained=held_out))
    if run.record.task.kind == "binary":
        known = np.reshape(data.extras.get("mask", np.ones(len(data))), len(data)) != 0
        positive = known & (data.targets[:, 0] == 1)
        parts = _of_labels(run, predictions[positive, 0], predictions[known & ~positive, 0])
        parts["threshold"] = run.threshold if threshold is None else threshold
    else:
        parts = task_content(run, data, held_out=held_out)
    some, rows = sequences_of(data)
    return parts | _explained(run, some, predictions[rows], explained, show, top)


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
    run: Run,
    sequences: NamedSequences,
    predictions: np.ndarray,
    explained: Explained,
    show: Sequence[str],
    top: int,
) -> dict[str, Any]:
    """Filters, logos and attention maps of a report, of the sequences with the highest predictions (n, tasks)."""
    model = run.model
    parts: dict[str, Any] = {
        "filters": filter_matches(model, sequences.codes(sequences.longest)),
        "sequences": [],
        "attention": [],
    }
    scores = explained.number_of(predictions)
    for place, index in enumerate(_chosen(sequences, scores, show, top)):
        one = sequences.take([index])
        codes = one.codes(max(one.longest, run.record.length_bp))
        parts["sequences"] += sequence_views(model, one.ids, codes, explained=explained)
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
    if record.source is not None:
        return f"the network of {', '.join(record.source.files)}"
    return "the network" if record.config is None else record.config.title


def run_details(record: RunRecord) -> dict[str, str]:
    """Facts about how the run was made."""
    config, data = record.config, record.data
    of_epochs = "" if config is None else f" of {config.epochs}"
    epochs = f"best epoch {record.best_epoch}{of_epochs}" if record.best_epoch is not None else ""
    options = {} if config is None else config.model_options
    source = record.source
    facts = {
        "licence": "" if source is None else source.licence,
        "model": ", ".join(filter(None, [_model_name(record), epochs, record.status])),
        "options": ", ".join(f"{key} {value}" for key, value in options.items()),
        "task": "" if record.task.kind == "binary" else f"{record.task.kind}: {', '.join(record.task.names)}",
        **{
            key: str(data.get(key, ""))
            for key in ("positives", "negatives", "table", "h5ad", "genome", "regions")
        },
        "examples": f"{data.get('n_training', '?')} to train on, {data.get('n_validation', '?')} to validate"
        if source is None
        else "",
        "length": f"{record.length_bp} bp",
        "backend": ", ".join(record.backend.values()),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "seed": str(record.seed),
    }
    return {key: value for key, value in facts.items() if value}
