"""Demo: from real peaks to a report, with the data and motifs of the package."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml.backend import Backend, get_backend
from genoml.data import SequenceData, ShuffledNegatives, split_by_group
from genoml.data.files import chromosomes
from genoml.data.traits import Traits
from genoml.io import read_fasta
from genoml.report.content import Composition, ReportData
from genoml.report.details import known_motifs, run_details
from genoml.report.downloads import motif_downloads, prediction_download, score_download
from genoml.report.filters import FoundFilter, filter_matches
from genoml.report.html import build_report
from genoml.report.labels import label_content, reached
from genoml.report.motifs import found_motifs
from genoml.report.views import sequence_views
from genoml.runs import KmerBaseline, Progress, Run, begin_run
from genoml.runs.config import TrainConfig
from genoml.runs.explained import THE_OUTPUT
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
    ids = [record.id for record in records]
    names = np.array([*ids, *(f"shuffle of {name}" for name in ids)], dtype=object)
    return replace(ShuffledNegatives.of(codes, groups, seed=seed), names=names)


def write_demo_report(demo: Demo) -> Path:
    """Write the report page into the run's folder, and return its path."""
    run, metrics = demo.run, demo.metrics
    record, config = run.record, run.record.training
    backend, data = run.model.backend, demo.test
    predictions, targets = demo.scores[_NETWORK], data.targets[:, 0]
    best = np.argsort(-predictions, kind="stable")
    names = [f"{place} of the held-out peaks" for place in ("first", "second", "third")]
    traits = Traits.of_data(data)
    composition = Composition(traits.gc, traits.length_bp, targets == 1)
    called = [str(name) for name in traits.names]
    motifs, note = found_motifs(run.model, data.codes[best[targets[best] == 1]], THE_OUTPUT)
    named = known_motifs(motifs, demo.filters)
    content: dict[str, Any] = label_content(record, predictions, composition, called, run.threshold) | {
        "metrics": metrics,
        "curves": {name: (values, targets) for name, values in demo.scores.items()},
    }
    page = ReportData(
        title="CTCF binding sites",
        summary=(
            f"On chromosomes that it never saw, the network {reached(predictions, targets)}; {_BASELINE} reaches "
            f"{metrics[_BASELINE]['auroc']:.3f}.{named}"
        ),
        history=run.history(),
        filters=demo.filters,
        motifs=motifs,
        motifs_note=note,
        sequences=sequence_views(run.model, names, data.codes[best[:_N_SEQUENCES]]),
        details={
            "data": "6,000 CTCF ChIP-seq peaks of 100 bp and one exact dinucleotide shuffle of each",
            "held out": f"{', '.join(TEST_CHROMOSOMES)} (test), {', '.join(VALIDATION_CHROMOSOMES)} (validation)",
            **run_details(
                run,
                f"genoml demo --epochs {config.epochs} --seed {record.seed}"
                + (f" --backend {backend.name}" if backend.name != "numpy" else ""),
            ),
            "time": f"{demo.seconds:.0f} s",
        },
        downloads=score_download(metrics)
        | prediction_download(called, targets, predictions)
        | motif_downloads(demo.filters, motifs),
        **content,
    )
    build_report(run.path / "report.html", page)
    return run.path / "report.html"
