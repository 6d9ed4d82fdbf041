"""``genoml report``: write one page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from genoml.cli.common import (
    Sequences,
    backend_option,
    encode,
    open_backend,
    refuse_two_inputs,
    score_sequences,
)
from genoml.nn.base import Layer
from genoml.objectives import BinaryClassification
from genoml.runs import RunRecord, load_run, read_log


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("labelled", nargs=-1, metavar="[POSITIVES NEGATIVES]")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="HTML file to write.")
@click.option("--sequences", "unlabelled", metavar="FILE", help="Sequences to explain, without labels.")
@click.option("--show", multiple=True, metavar="NAME", help="Explain this sequence; may be repeated.")
@click.option(
    "--top", default=3, show_default=True, type=click.IntRange(0), help="Explain the highest-scoring ones."
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Probability from which on a sequence is called positive (that of the run, or 0.5).",
)
@backend_option
def command(
    run: Path,
    labelled: tuple[str, ...],
    out: Path,
    unlabelled: str | None,
    show: tuple[str, ...],
    top: int,
    threshold: float | None,
    backend_name: str | None,
) -> None:
    """Write a page about the run folder RUN: one HTML file, to open anywhere and offline.

    It shows the training curves. With POSITIVES and NEGATIVES, FASTA or FASTQ files that the model was not
    trained on, also ROC and precision-recall, calibration, the confusion at the threshold, the filters as
    motifs with what they resemble in JASPAR, and the bases that matter in the highest-scoring positives, or
    in those that --show names. --sequences shows the latter two for sequences without labels.
    """
    from genoml.report import ReportData, build_report

    if len(labelled) not in (0, 2):
        raise click.UsageError(f"expects POSITIVES and NEGATIVES, both or none, got {len(labelled)} file(s)")
    if labelled and unlabelled:
        raise click.UsageError("expects POSITIVES and NEGATIVES, or --sequences, not both")
    if show and not (labelled or unlabelled):
        raise click.UsageError("--show expects POSITIVES and NEGATIVES, or --sequences")
    _refuse_early(out)
    model, record = load_run(run, open_backend(backend_name))
    content: dict[str, Any] = {"title": run.resolve().name, "history": read_log(run)}
    if threshold is None:
        threshold = 0.5 if record.held_out.threshold is None else record.held_out.threshold
    explained: tuple[Sequences, np.ndarray] | None = None
    if labelled:
        refuse_two_inputs(*labelled)
        explained, more = _scored(model, record, labelled, threshold)
        content |= more
    elif unlabelled:
        explained = score_sequences(model, record, unlabelled)
    if explained is not None:
        content |= _explained(model, record, explained, show, top)
    build_report(out, ReportData(**content, details=_details(record)))
    click.echo(f"report: {out} (open it in any browser)")


def _refuse_early(out: Path) -> None:
    """Raise before any work if the page cannot be drawn or written."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None or find_spec("jinja2") is None:
        raise ValueError("a report needs Matplotlib and Jinja: pip install 'genoml-xp[report]'")
    if out.is_dir():
        raise ValueError(f"{out}: is a folder; name a file")
    if not out.parent.is_dir():
        raise ValueError(f"{out.parent}: no such folder; make it, or choose another")


def _scored(
    model: Layer, record: RunRecord, files: tuple[str, ...], threshold: float
) -> tuple[tuple[Sequences, np.ndarray], dict[str, Any]]:
    """The positives with their predictions, and the parts of a report that need labels."""
    from genoml.inference import score_predictions

    of_positives = score_sequences(model, record, files[0])
    _, of_negatives = score_sequences(model, record, files[1])
    predictions = np.concatenate([of_positives[1], of_negatives])[:, 0]
    targets = np.concatenate([np.ones(len(of_positives[1])), np.zeros(len(of_negatives))])
    scores = score_predictions(predictions, targets)
    name = record.config.model
    return of_positives, {
        "summary": (
            f"{name} tells {scores['n_positives']:,} positives from {scores['n_negatives']:,} negatives with "
            f"AUROC {scores['auroc']:.3f} and AUPR {scores['aupr']:.3f}."
        ),
        "metrics": {name: scores},
        "curves": {name: (predictions, targets)},
        "probabilities": (predictions, targets),
        "threshold": threshold,
    }


def _explained(
    model: Layer,
    record: RunRecord,
    scored: tuple[Sequences, np.ndarray],
    show: tuple[str, ...],
    top: int,
) -> dict[str, Any]:
    """The filters, logos and attention maps of a report."""
    from genoml.report import attention_views, filter_matches, sequence_views

    sequences, predictions = scored
    both = record.config.reverse_complement
    objective = BinaryClassification(calibration=record.held_out.calibration)
    chosen = _chosen(sequences, predictions[:, 0], show, top)
    parts: dict[str, Any] = {
        "filters": filter_matches(model, encode(sequences, sequences.longest), both_strands=both),
        "sequences": [],
        "attention": [],
    }
    for place, index in enumerate(chosen):
        one = Sequences(sequences.path, [sequences.names[index]], [sequences.letters[index]])
        codes = encode(one, max(one.longest, record.length_bp))
        names = [one.names[0].split(maxsplit=1)[0]]
        options: dict[str, Any] = {"ambiguous": record.config.ambiguous}
        parts["sequences"] += sequence_views(
            model, names, codes, both_strands=both, objective=objective, **options
        )
        if place == 0 or show:
            parts["attention"] += attention_views(model, names, codes, **options)
    return parts


def _chosen(sequences: Sequences, predictions: np.ndarray, show: tuple[str, ...], top: int) -> list[int]:
    """Indices of the sequences to explain: those named, or those that score highest."""
    if not show:
        return [int(i) for i in np.argsort(-predictions, kind="stable")[:top]]
    places = {name.split(maxsplit=1)[0]: i for i, name in reversed(list(enumerate(sequences.names)))}
    missing = [name for name in show if name not in places]
    if missing:
        raise ValueError(f"{sequences.path}: no sequence is named {missing[0]}")
    return [places[name] for name in show]


def _details(record: RunRecord) -> dict[str, str]:
    """The settings and data of the run, for the end of a report."""
    config = record.config
    data = record.data
    epochs = f"best epoch {record.best_epoch} of {config.epochs}" if record.best_epoch is not None else ""
    details = {
        "model": ", ".join(filter(None, [config.model, epochs, record.status])),
        "options": ", ".join(f"{key} {value}" for key, value in config.model_options.items()),
        "positives": str(data.get("positives", "")),
        "negatives": str(data.get("negatives", "")),
        "examples": f"{data.get('n_training', '?')} to train on, {data.get('n_validation', '?')} to validate",
        "length": f"{record.length_bp} bp",
        "backend": ", ".join(record.backend.values()),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "seed": str(record.seed),
    }
    return {key: value for key, value in details.items() if value}
