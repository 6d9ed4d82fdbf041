"""Accuracy of the default `genoml train` on public ChIP-seq sets, beside published tools.

    python benchmarks/accuracy.py --data FOLDER [--sets nanog srf tcf12] [--seeds 3] [--backend numpy]

FOLDER holds nanog_h1esc/ (kundajelab/gkmexplain) and encode_chip_deepbind/ (the DeepBind ENCODE sets, as
distributed with deepRAM). Every run is the command a person would type; nothing is set for a data set. Peers'
figures: lsgkm's published model for Nanog, lsgkm with its defaults for the others, 6-mer logistic regression.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from genoml.io import write_fasta

CHIP = "encode_chip_deepbind/{0}_H1-hESC_{0}_HudsonAlpha_{1}.seq.gz"


@dataclass
class Task:
    """One data set as four arguments of the command, and what others reach: (AUROC, AUPR)."""

    train: tuple[str, str]
    test: tuple[str, str]
    peers: dict[str, tuple[float, float | None]]
    target: tuple[float, float | None]


def nanog(data: Path, folder: Path) -> Task:
    files = {
        f"{kind}_{part}": str(data / "nanog_h1esc" / f"{kind}_{part}.fa.gz")
        for kind in ("positives", "negatives")
        for part in ("train", "test")
    }
    return Task(
        (files["positives_train"], files["negatives_train"]),
        (files["positives_test"], files["negatives_test"]),
        {"lsgkm": (0.8306, 0.8231), "6-mer logistic regression": (0.779, 0.766)},
        (0.845, 0.84),
    )


def read_seq(path: Path) -> list[tuple[str, str, str]]:
    """(name, sequence, bound) of a DeepBind table."""
    with gzip.open(path, "rt", newline="") as file:
        return [(row["EventID"], row["seq"], row["Bound"]) for row in csv.DictReader(file, delimiter="\t")]


def chip(name: str, data: Path, folder: Path) -> Task:
    training = read_seq(data / CHIP.format(name, "AC"))
    test = read_seq(data / CHIP.format(name, "B"))
    paths = {part: str(folder / f"{name}_{part}.fa") for part in ("train", "positives", "negatives")}
    write_fasta(paths["train"], [(event, seq) for event, seq, _ in training])
    write_fasta(paths["positives"], [(event, seq) for event, seq, bound in test if bound == "1"])
    write_fasta(paths["negatives"], [(event, seq) for event, seq, bound in test if bound != "1"])
    peers = {
        "SRF": {"lsgkm": (0.9709, 0.9774), "6-mer logistic regression": (0.933, None)},
        "TCF12": {"lsgkm": (0.9678, 0.9649), "6-mer logistic regression": (0.932, None)},
    }
    return Task(
        (paths["train"], "shuffle"),
        (paths["positives"], paths["negatives"]),
        peers[name],
        {"SRF": (0.975, None), "TCF12": (0.97, None)}[name],
    )


TASKS = {
    "nanog": nanog,
    "srf": lambda data, folder: chip("SRF", data, folder),
    "tcf12": lambda data, folder: chip("TCF12", data, folder),
}


def genoml(*arguments: str) -> str:
    command = [sys.executable, "-m", "genoml", *arguments]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def run(task: Task, folder: Path, seed: int, backend: str) -> dict[str, float]:
    out = folder / f"run{time.time_ns()}"
    start = time.perf_counter()
    genoml("train", *task.train, "--out", str(out), "--seed", str(seed), "--backend", backend)
    seconds = time.perf_counter() - start
    result: dict[str, float] = json.loads(
        genoml("evaluate", str(out), *task.test, "--json", "--backend", backend)
    )
    return result | {"seconds": seconds}


def cell(value: float | None) -> str:
    return "     -" if value is None else f"{value:6.4f}"


def report(name: str, task: Task, results: list[dict[str, float]]) -> str:
    lines = [f"{name:10}{'AUROC':>8}{'AUPR':>9}{'seconds':>9}"]
    for i, result in enumerate(results):
        lines.append(f"  seed {i:<4} {result['auroc']:8.4f} {result['aupr']:8.4f} {result['seconds']:8.0f}")
    mean = {key: statistics.mean(result[key] for result in results) for key in ("auroc", "aupr", "seconds")}
    lines.append(f"  mean      {mean['auroc']:8.4f} {mean['aupr']:8.4f} {mean['seconds']:8.0f}")
    lines += [f"  {peer}: {cell(a)} {cell(b)}" for peer, (a, b) in task.peers.items()]
    lines.append(f"  to reach: {cell(task.target[0])} {cell(task.target[1])}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backend", default="numpy")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.sets:
            task = TASKS[name](arguments.data, Path(folder))
            results = [run(task, Path(folder), seed, arguments.backend) for seed in range(arguments.seeds)]
            print(report(name, task, results), flush=True)


if __name__ == "__main__":
    main()
