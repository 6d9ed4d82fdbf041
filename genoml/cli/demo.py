"""``genoml demo``: train on the peaks that come with genoml, test, and write a report."""

from __future__ import annotations

import time
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

from genoml.cli.common import backend_option, open_backend
from genoml.cli.progress import TerminalProgress
from genoml.config import TrainConfig
from genoml.data import SequenceData, ShuffledNegatives, split_by_group
from genoml.data.files import chromosomes
from genoml.inference import predict, score_predictions
from genoml.runs import KmerBaseline, Run, begin_run, refuse_existing
from genoml.sequence import base_codes

TEST_CHROMOSOMES = ("chr8", "chr9")
VALIDATION_CHROMOSOMES = ("chr10",)
_N_FILTERS, _N_SEQUENCES = 8, 3
_BASELINE = "6-mer logistic regression"


@click.command("demo")
@click.option(
    "--out",
    default="genoml-demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to make, for the run and the report.",
)
@click.option("--epochs", default=8, show_default=True, type=click.IntRange(1), help="Passes over the data.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Key of all randomness.")
@backend_option
def command(out: Path, epochs: int, seed: int, backend_name: str | None) -> None:
    """Train a network on CTCF ChIP-seq peaks, test it on held-out chromosomes, and write a report.

    6,000 real peaks of 100 bp stand against their exact dinucleotide shuffles, so that base composition tells
    nothing. Chromosomes 8 and 9 are held out for the test and chromosome 10 for choosing the epoch. The report
    shows the curves and the motifs that the network found, each beside the JASPAR motif most like it.
    """
    backend = open_backend(backend_name)
    refuse_existing(out)
    from genoml.report import filter_matches

    start = time.perf_counter()
    config = TrainConfig(epochs=epochs, seed=seed, validation_chromosomes=list(VALIDATION_CHROMOSOMES))
    rest, test = split_by_group(load_peaks(seed), TEST_CHROMOSOMES)
    training, validation = split_by_group(rest, VALIDATION_CHROMOSOMES)
    sources = {"positives": "CTCF peaks shipped with genoml", "negatives": "dinucleotide shuffles"}
    run = begin_run(
        out, training, validation, config, backend=backend, sources=sources, display=TerminalProgress
    )
    model = run.model

    scores = {
        "genoml motif_cnn": predict(model, test.codes)[:, 0],
        _BASELINE: KmerBaseline(backend=backend).fit(training.codes, training.targets).predict(test.codes),
    }
    metrics = {name: score_predictions(values, test.targets[:, 0]) for name, values in scores.items()}
    print_table(metrics)
    filters = filter_matches(model, test.codes[test.targets[:, 0] == 1], limit=_N_FILTERS)
    for _, match, _ in filters[:3]:
        if match is not None:
            click.echo(f"motif {match.label}, similarity {match.similarity:.2f}, p = {match.p_value:.1g}")
    seconds = time.perf_counter() - start
    write_report(run, metrics, scores, test, filters, seconds)


def load_peaks(seed: int) -> SequenceData:
    """The CTCF peaks that come with genoml and one shuffle of each, with chromosomes as groups."""
    from genoml.io import read_fasta

    records = list(read_fasta(str(files("genoml").joinpath("resources", "ctcf_peaks.fa.gz"))))
    codes = base_codes([record.sequence for record in records])
    groups = chromosomes([record.name for record in records])
    if groups is None:
        raise ValueError("the shipped peaks have lost their coordinates; reinstall genoml-xp")
    return ShuffledNegatives.of(codes, groups, seed=seed)


def print_table(metrics: dict[str, dict[str, float]]) -> None:
    """Print AUROC, AUPR and F1 of each model on the held-out chromosomes."""
    width = max(map(len, metrics))
    click.echo(f"\n{'held-out ' + ', '.join(TEST_CHROMOSOMES):{width}}   AUROC    AUPR      F1")
    for name, row in metrics.items():
        click.echo(f"{name:{width}}  {row['auroc']:.4f}  {row['aupr']:.4f}  {row['f1']:.4f}")
    click.echo("")


def write_report(
    run: Run,
    metrics: dict[str, dict[str, float]],
    scores: dict[str, np.ndarray],
    test: SequenceData,
    filters: list[Any],
    seconds: float,
) -> None:
    """Write the report page, or print how to get one."""
    if find_spec("matplotlib") is None or find_spec("jinja2") is None:
        click.echo("no report page: pip install 'genoml-xp[report]' and run the demo again")
        return
    from genoml.report import ReportData, build_report, sequence_views

    record = run.record
    backend = run.model.backend
    out = run.path
    config = record.training
    row = next(iter(metrics.values()))
    predictions = next(iter(scores.values()))
    best = np.argsort(-predictions, kind="stable")[:_N_SEQUENCES]
    names = [f"{place} of the held-out peaks" for place in ("first", "second", "third")]
    content = ReportData(
        title="CTCF binding sites",
        summary=(
            f"On chromosomes that it never saw, the network tells CTCF peaks from their dinucleotide shuffles "
            f"with AUROC {row['auroc']:.3f}; {_BASELINE} reaches {metrics[_BASELINE]['auroc']:.3f}."
        ),
        metrics=metrics,
        history=run.history(),
        curves={name: (values, test.targets[:, 0]) for name, values in scores.items()},
        probabilities=(predictions, test.targets[:, 0]),
        filters=filters,
        sequences=sequence_views(run.model, names, test.codes[best]),
        details={
            "data": "6,000 CTCF ChIP-seq peaks of 100 bp and one exact dinucleotide shuffle of each",
            "held out": f"{', '.join(TEST_CHROMOSOMES)} (test), {', '.join(VALIDATION_CHROMOSOMES)} (validation)",
            "model": f"{config.model}, best epoch {record.best_epoch} of {config.epochs}",
            "backend": ", ".join(record.backend.values()),
            "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
            "seed": str(record.seed),
            "time": f"{seconds:.0f} s",
            "command": f"genoml demo --epochs {config.epochs} --seed {record.seed}"
            + (f" --backend {backend.name}" if backend.name != "numpy" else ""),
        },
    )
    build_report(out / "report.html", content)
    click.echo(f"report: {out / 'report.html'} (open it in any browser)")
