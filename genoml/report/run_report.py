"""Report of a run: its training, and its model's predictions and explanations of sequences."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml.data.files import NamedSequences
from genoml.report.content import ReportData, attention_views, filter_matches, sequence_views
from genoml.report.page import build_report
from genoml.runs import Run, RunRecord
from genoml.runs.run import Given
from genoml.train.predict import score_predictions


def write_report(
    run: Run,
    out: str | PathLike[str],
    positives: Given | None = None,
    negatives: Given | None = None,
    *,
    sequences: Given | None = None,
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
        What ``load_run`` gives.
    out : path
        HTML file to write.
    positives, negatives : iterable of str, or path
        Labelled sequences that the model was not trained on, as in ``Run.evaluate``; both or none.
    sequences : iterable of str, or path
        Sequences without labels, in their place.
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
    if positives is not None and sequences is not None:
        raise ValueError("write_report expects positives and negatives, or sequences, not both")
    if len(show) and positives is None and sequences is None:
        raise ValueError("write_report expects sequences to show")
    out = Path(out)
    expect_writable(out)
    content: dict[str, Any] = {"title": run.path.resolve().name, "history": run.history()}
    if positives is not None and negatives is not None:
        labelled, others = run.read_labelled(positives, negatives)
        predictions = run.predict(labelled)
        content |= _of_labels(run, predictions[:, 0], run.predict(others)[:, 0])
        content["threshold"] = run.threshold if threshold is None else threshold
        content |= _explained(run, labelled, predictions[:, 0], show, top)
    elif sequences is not None:
        unlabelled = run.read(sequences)
        content |= _explained(run, unlabelled, run.predict(unlabelled)[:, 0], show, top)
    build_report(out, ReportData(**content, details=_details(run.record)))
    return out


def expect_writable(out: Path) -> None:
    """Raise ValueError, before any work, if the page cannot be written or drawn."""
    if find_spec("matplotlib") is None or find_spec("jinja2") is None:
        raise ValueError("a report needs Matplotlib and Jinja: pip install 'genoml-xp[report]'")
    if out.is_dir():
        raise ValueError(f"{out}: is a folder; name a file")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: no such folder; make it, or choose another")


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
    model, settings = run.model, run.settings
    both = settings.reverse_complement
    ambiguous = settings.ambiguous
    parts: dict[str, Any] = {
        "filters": filter_matches(model, sequences.codes(sequences.longest), both_strands=both),
        "sequences": [],
        "attention": [],
    }
    for place, index in enumerate(_chosen(sequences, predictions, show, top)):
        one = sequences.take([index])
        codes = one.codes(max(one.longest, run.record.length_bp))
        parts["sequences"] += sequence_views(
            model, one.ids, codes, both_strands=both, objective=run.objective, ambiguous=ambiguous
        )
        if place == 0 or show:
            parts["attention"] += attention_views(model, one.ids, codes, ambiguous=ambiguous)
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
    return "the network" if record.config is None else record.config.model


def _details(record: RunRecord) -> dict[str, str]:
    """Facts about how the run was made."""
    config, data = record.config, record.data
    of_epochs = "" if config is None else f" of {config.epochs}"
    epochs = f"best epoch {record.best_epoch}{of_epochs}" if record.best_epoch is not None else ""
    options = {} if config is None else config.model_options
    facts = {
        "model": ", ".join(filter(None, [_model_name(record), epochs, record.status])),
        "options": ", ".join(f"{key} {value}" for key, value in options.items()),
        "positives": str(data.get("positives", "")),
        "negatives": str(data.get("negatives", "")),
        "examples": f"{data.get('n_training', '?')} to train on, {data.get('n_validation', '?')} to validate",
        "length": f"{record.length_bp} bp",
        "backend": ", ".join(record.backend.values()),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "seed": str(record.seed),
    }
    return {key: value for key, value in facts.items() if value}
