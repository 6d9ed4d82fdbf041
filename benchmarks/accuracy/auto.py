"""Measure `genoml train` as it is by default on a data set, beside its own baselines on the same sequences."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.accuracy.auto_page import write_page
from benchmarks.accuracy.auto_sets import BINARY, DataSet
from benchmarks.accuracy.auto_tables import TABLES
from genoml import __version__
from genoml.data import SequenceData
from genoml.runs import Run, RunFolder, load_run, read_source, split_validation
from genoml.runs.evaluate import data_of_run, evaluate_data
from genoml.runs.from_files import recorded_data
from genoml.runs.score_baselines import scores_of_baselines
from genoml.sequence.alphabet import PAD_CODE

SETS = BINARY | TABLES


def genoml(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "genoml", *arguments], check=True, stderr=subprocess.DEVNULL)


def words(settings: Mapping[str, Any]) -> list[str]:
    """Settings of ``[data]`` as options of the command."""
    found = []
    for key, value in settings.items():
        found += [f"--{key.replace('_', '-')}", ",".join(value) if isinstance(value, list) else str(value)]
    return found


def baselines_on(run: Run, test: SequenceData) -> dict[str, dict[str, float]]:
    """Scores on the test part of baselines that learned from the run's training part."""
    record = run.record
    settings = recorded_data(RunFolder(run.path, record))
    data, _ = split_validation(read_source(settings, record.training).data, record.training)
    width = max(data.codes.shape[1], test.codes.shape[1])
    return scores_of_baselines(widened(data, width), widened(test, width), record.training, record.task)


def widened(data: SequenceData, width: int) -> SequenceData:
    """The data with sequences that are padded to a length."""
    codes = np.asarray(data.codes[np.arange(len(data))])
    padded = np.pad(codes, ((0, 0), (0, width - codes.shape[1])), constant_values=PAD_CODE)
    return SequenceData(padded, data.targets, extras=data.extras, alphabet=data.alphabet)


def measure_split(train: dict[str, Any], test: dict[str, Any], seed: int, folder: Path) -> dict[str, Any]:
    """Train by the command; scores of the run and of its baselines on the test part."""
    start = time.perf_counter()
    genoml("train", *words(train), "--out", str(folder), "--seed", str(seed))
    seconds = time.perf_counter() - start
    run = load_run(folder)
    record, held = run.record, data_of_run(run, test)
    result = evaluate_data(run, held, no_checks=["trained"])
    return {
        "seconds": seconds,
        "network": record.training.title,
        "strands": 2 if record.training.reverse_complement else 1,
        "n_training": record.data["n_training"] + record.data["n_validation"],
        "n_test": len(held),
        "task": record.task.kind,
        "scores": {key: value for key, value in result.items() if isinstance(value, float)},
        "baselines": baselines_on(run, held),
        "validation": {"network": record.held_out.scores, "baselines": record.baselines},
        "auto": record.auto,
    }


def measure(name: str, chosen: DataSet, data: Path, seed: int) -> dict[str, Any]:
    """A row of results: the splits of a data set with one seed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        splits = [
            measure_split(*split, seed, folder / f"run{at}")
            for at, split in enumerate(chosen.splits(data, folder, seed))
        ]
    return {"set": name, "seed": seed, "date": date.today().isoformat(), "version": __version__} | {
        "seconds": sum(each["seconds"] for each in splits),
        "scores": means([each["scores"] for each in splits]),
        "baselines": {
            baseline: means([each["baselines"][baseline] for each in splits])
            for baseline in splits[0]["baselines"]
        },
        "splits": splits,
    }


def means(scores: list[dict[str, float]]) -> dict[str, float]:
    return {key: mean(each[key] for each in scores) for key in scores[0]}


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def measure_missing(data: Path, path: Path, page: Path, names: Iterable[str], seeds: int) -> None:
    """Measure what the file of results lacks, seed by seed, a row each as it comes; then write the page."""
    known = {(row["set"], row["seed"]) for row in read_rows(path)}
    for seed in range(seeds):
        for name in names:
            if (name, seed) in known:
                continue
            row = measure(name, SETS[name], data, seed)
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(name, seed, row["scores"], f"{row['seconds']:.0f} s", flush=True)
    write_page(page, SETS, read_rows(path))
