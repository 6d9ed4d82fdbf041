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
from genoml.data.traits import Traits
from genoml.genome import GenomeStore
from genoml.report.content import Composition, ReportData
from genoml.report.details import first_line, run_details, validation_rows
from genoml.report.downloads import motif_downloads, prediction_download, score_download
from genoml.report.filters import filter_matches
from genoml.report.html import build_report
from genoml.report.labels import label_content, reached
from genoml.report.motifs import found_motifs
from genoml.report.tasks import sequences_of, task_content
from genoml.report.variants import variant_views
from genoml.report.views import attention_views, sequence_views
from genoml.runs import Run
from genoml.runs.explained import Explained, explained_output
from genoml.runs.run import SequenceSource
from genoml.runs.score import outputs_of_data
from genoml.variants import Summary

__all__ = ["expect_writable", "write_report", "write_variant_report"]


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
    replicate: Sequence[str] = (),
    command: str = "",
) -> Path:
    """Write a page about a run: one HTML file, to open anywhere and offline.

    It shows the training curves; with sequences also the filters as motifs, the motifs found in what bases contribute,
    and the bases that matter in some of them; with labelled sequences also ROC and precision-recall, calibration, the
    confusion at the threshold, the worst false calls, and GC content and length of both classes.

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
    replicate : sequence of str
        Of profiles: bigWig files of another replicate, one a track, whose scores stand beside the model's.
    command : str
        How the page was made, which it tells.

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
    if len(replicate) and (data is None or run.record.task.kind != "profile"):
        raise ValueError("a replicate expects data, and a run of the task profile")
    if len(show) and positives is None and sequences is None and data is None:
        raise ValueError("write_report expects sequences to show")
    out = Path(out)
    expect_writable(out)
    explained = explained_output(run, explain)
    content: dict[str, Any] = {
        "title": run.path.resolve().name, "history": run.history(), "explained": explained,
        "validation": validation_rows(run.record),
    }  # fmt: skip
    cut = run.threshold if threshold is None else threshold
    if positives is not None and negatives is not None:
        run.expect_one_label("a report of positives and negatives")
        content |= _of_files(run, *run.read_labelled(positives, negatives), explained, show, top, cut)
    elif data is not None:
        content |= _of_data(run, data, explained, show, top, cut, held_out=held_out, replicate=replicate)
    elif sequences is not None:
        unlabelled = run.read(sequences)
        numbers = run.objective.numbers(run.outputs(unlabelled))
        content |= _explained(run, unlabelled, numbers, explained, show, top)
    content["summary"] = _summary(run, content)
    content["downloads"] = (
        content.get("downloads", {})
        | score_download(content.get("metrics", {}))
        | motif_downloads(content.get("filters", ()), content.get("motifs", ()))
    )
    build_report(out, ReportData(**content, details=run_details(run, command)))
    return out


def _summary(run: Run, content: dict[str, Any]) -> str:
    """First line of the page."""
    found = content.get("motifs", ()), content.get("filters", ())
    if content.get("probabilities") is not None:
        return first_line(run.record, reached(*content["probabilities"]), *found)
    return first_line(run.record, content.get("summary", ""), *found)


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
        details=run_details(run),
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


def _of_files(
    run: Run,
    positives: NamedSequences,
    negatives: NamedSequences,
    explained: Explained,
    show: Sequence[str],
    top: int,
    threshold: float,
) -> dict[str, Any]:
    """Parts of a report about two files of labelled sequences."""
    of_positives = run.predict(positives)
    predictions = np.concatenate([of_positives[:, 0], run.predict(negatives)[:, 0]])
    parts = _of_labels(run, predictions, Traits.of_files(positives, negatives), threshold)
    return parts | _explained(run, positives, of_positives, explained, show, top)


def _of_data(
    run: Run,
    data: SequenceData,
    explained: Explained,
    show: Sequence[str],
    top: int,
    threshold: float,
    *,
    held_out: bool,
    replicate: Sequence[str],
) -> dict[str, Any]:
    """Parts of a report about data with targets of the run's task."""
    if run.record.task.kind == "binary":
        outputs = outputs_of_data(run.model, run.record, data, as_trained=held_out)
        predictions = run.objective.numbers(outputs)
        parts = _of_labels(run, predictions[:, 0], Traits.of_data(data), threshold)
    else:
        predictions, parts = task_content(run, data, held_out=held_out, replicate=replicate)
    some, rows = sequences_of(data)
    return parts | _explained(run, some, predictions[rows], explained, show, top)


def _of_labels(run: Run, predictions: np.ndarray, traits: Traits, threshold: float) -> dict[str, Any]:
    """Parts of a report about sequences with one label, those without one left out."""
    labels = traits.targets.reshape(-1)
    known = ~np.isnan(labels)
    composition = Composition(traits.gc[known], traits.length_bp[known], labels[known] == 1)
    names = [str(name) for name in traits.names[known]]
    parts = label_content(run.record, predictions[known], composition, names, threshold)
    return parts | {"downloads": prediction_download(names, composition.positive, predictions[known])}


def _explained(
    run: Run,
    sequences: NamedSequences,
    predictions: np.ndarray,
    explained: Explained,
    show: Sequence[str],
    top: int,
) -> dict[str, Any]:
    """Filters, logos and attention maps of a report, of the sequences with the highest predictions (n, tasks)."""
    model, scores = run.model, explained.number_of(predictions)
    codes = sequences.codes(max(sequences.longest, run.record.length_bp))
    motifs, note = found_motifs(model, codes[np.argsort(-scores, kind="stable")], explained)
    parts: dict[str, Any] = {
        "filters": filter_matches(model, sequences.codes(sequences.longest)),
        "motifs": motifs,
        "motifs_note": note,
        "alphabet": "RNA" if run.record.alphabet == "RNA" else "DNA",
        "sequences": [],
        "attention": [],
    }
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
