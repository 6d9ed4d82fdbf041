"""Demo: from real peaks to a report, with the data and motifs of the package."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.resources import files
from os import PathLike
from pathlib import Path

import numpy as np

from genoml.backend import Backend, get_backend
from genoml.data import SequenceData, ShuffledNegatives, split_by_group
from genoml.data.files import chromosomes
from genoml.io import read_fasta
from genoml.report.content import ReportData, sequence_views
from genoml.report.filters import FoundFilter, filter_matches
from genoml.report.html import build_report
from genoml.runs import KmerBaseline, Progress, Run, begin_run
from genoml.runs.config import TrainConfig
from genoml.sequence import base_codes
from genoml.train.predict import predict, score_predictions

TEST_CHROMOSOMES = ("chr8", "chr9")
VALIDATION_CHROMOSOMES = ("chr10",)
_N_FILTERS, _N_SEQUENCES = 8, 3
_NETWORK = "genoml motif_cnn"
_BASELINE = "6-mer logistic regression"


@dataclass(frozen=True)
class Demo:
    """Result of the demo.

    Attributes
    ----------
    run : Run
        The trained network.
    test : SequenceData
        The peaks and shuffles of the held-out chromosomes.
    scores : dict
        Model -> its predictions of them.
    metrics : dict
        Model -> AUROC, AUPR and F1.
    filters : list
        As ``filter_matches`` gives them.
    seconds : float
        Time of the demo.
    """

    run: Run
    test: SequenceData
    scores: dict[str, np.ndarray]
    metrics: dict[str, dict[str, float]]
    filters: list[FoundFilter]
    seconds: float


def run_demo(
    out: str | PathLike[str],
    *,
    epochs: int = 8,
    seed: int = 0,
    backend: str | Backend | None = None,
    display: type[Progress] = Progress,
) -> Demo:
    """Train a network on CTCF ChIP-seq peaks against their shuffles, and test it on held-out chromosomes.

    Raises
    ------
    RunError
        If the folder exists, or cannot be written.
    """
    start, backend = time.perf_counter(), get_backend(backend)
    config = TrainConfig(
        model="motif_cnn", epochs=epochs, seed=seed, validation_chromosomes=list(VALIDATION_CHROMOSOMES)
    )
    rest, test = split_by_group(load_peaks(seed), TEST_CHROMOSOMES)
    training, validation = split_by_group(rest, VALIDATION_CHROMOSOMES)
    sources = {"positives": "CTCF peaks shipped with genoml", "negatives": "dinucleotide shuffles"}
    run = begin_run(out, training, validation, config, backend=backend, sources=sources, display=display)
    baseline = KmerBaseline(backend=backend).fit(training.codes, training.targets)
    targets = test.targets[:, 0]
    scores = {_NETWORK: predict(run.model, test.codes)[:, 0], _BASELINE: baseline.predict(test.codes)}
    metrics = {name: score_predictions(values, targets) for name, values in scores.items()}
    filters = filter_matches(run.model, test.codes[targets == 1], limit=_N_FILTERS)
    return Demo(run, test, scores, metrics, filters, time.perf_counter() - start)


def load_peaks(seed: int) -> SequenceData:
    """The shipped CTCF peaks and one shuffle of each, with chromosomes as groups."""
    records = list(read_fasta(str(files("genoml").joinpath("resources", "ctcf_peaks.fa.gz"))))
    codes = base_codes([record.sequence for record in records])
    groups = chromosomes([record.name for record in records])
    if groups is None:
        raise ValueError("the shipped peaks have lost their coordinates; reinstall genoml-xp")
    return ShuffledNegatives.of(codes, groups, seed=seed)


def write_demo_report(demo: Demo) -> Path:
    """Write the report page into the run's folder, and return its path."""
    run, metrics = demo.run, demo.metrics
    record, config = run.record, run.record.training
    backend, targets = run.model.backend, demo.test.targets[:, 0]
    predictions = demo.scores[_NETWORK]
    best = np.argsort(-predictions, kind="stable")[:_N_SEQUENCES]
    names = [f"{place} of the held-out peaks" for place in ("first", "second", "third")]
    content = ReportData(
        title="CTCF binding sites",
        summary=(
            "On chromosomes that it never saw, the network tells CTCF peaks from their dinucleotide shuffles "
            f"with AUROC {metrics[_NETWORK]['auroc']:.3f}; {_BASELINE} reaches {metrics[_BASELINE]['auroc']:.3f}."
        ),
        metrics=metrics,
        history=run.history(),
        curves={name: (values, targets) for name, values in demo.scores.items()},
        probabilities=(predictions, targets),
        filters=demo.filters,
        sequences=sequence_views(run.model, names, demo.test.codes[best]),
        details={
            "data": "6,000 CTCF ChIP-seq peaks of 100 bp and one exact dinucleotide shuffle of each",
            "held out": f"{', '.join(TEST_CHROMOSOMES)} (test), {', '.join(VALIDATION_CHROMOSOMES)} (validation)",
            "model": f"{config.model}, best epoch {record.best_epoch} of {config.epochs}",
            "backend": ", ".join(record.backend.values()),
            "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
            "seed": str(record.seed),
            "time": f"{demo.seconds:.0f} s",
            "command": f"genoml demo --epochs {config.epochs} --seed {record.seed}"
            + (f" --backend {backend.name}" if backend.name != "numpy" else ""),
        },
    )
    build_report(run.path / "report.html", content)
    return run.path / "report.html"
