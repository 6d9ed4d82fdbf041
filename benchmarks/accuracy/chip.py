"""`genoml train --model motif_cnn` on ChIP-seq peaks, as a person would type it: nothing is set for a data set.

nanog_h1esc/ is from kundajelab/gkmexplain; encode_chip_deepbind/ holds the ENCODE sets of DeepBind, as distributed
with deepRAM. Peers: lsgkm's published model for Nanog, lsgkm with its defaults for the others.
"""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.accuracy.task import Task
from genoml.io import write_fasta

CHIP = "encode_chip_deepbind/{0}_H1-hESC_{0}_HudsonAlpha_{1}.seq.gz"
COLUMNS = ("AUROC", "AUPR")


def genoml(*arguments: str) -> str:
    command = [sys.executable, "-m", "genoml", *arguments]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def train_and_evaluate(
    train: tuple[str, str], test: tuple[str, str], seed: int, backend: str, folder: Path
) -> tuple[float, ...]:
    out = str(folder / "run")
    options = ("--model", "motif_cnn", "--seed", str(seed), "--backend", backend)
    genoml("train", *train, "--out", out, *options)
    result: dict[str, float] = json.loads(genoml("evaluate", out, *test, "--json", "--backend", backend))
    return result["auroc"], result["aupr"]


def nanog(data: Path, seed: int, backend: str) -> tuple[float, ...]:
    folder = data / "nanog_h1esc"
    train, test = (
        (str(folder / f"positives_{part}.fa.gz"), str(folder / f"negatives_{part}.fa.gz"))
        for part in ("train", "test")
    )
    with tempfile.TemporaryDirectory() as scratch:
        return train_and_evaluate(train, test, seed, backend, Path(scratch))


def read_seq(path: Path) -> list[tuple[str, str, str]]:
    """(name, sequence, bound) of a DeepBind table."""
    with gzip.open(path, "rt", newline="") as file:
        return [(row["EventID"], row["seq"], row["Bound"]) for row in csv.DictReader(file, delimiter="\t")]


def deepbind(name: str, data: Path, seed: int, backend: str) -> tuple[float, ...]:
    """Training negatives are exact dinucleotide shuffles, as the test's are."""
    training = read_seq(data / CHIP.format(name, "AC"))
    test = read_seq(data / CHIP.format(name, "B"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        paths = {part: str(folder / f"{part}.fa") for part in ("train", "positives", "negatives")}
        write_fasta(paths["train"], [(event, seq) for event, seq, _ in training])
        write_fasta(paths["positives"], [(event, seq) for event, seq, bound in test if bound == "1"])
        write_fasta(paths["negatives"], [(event, seq) for event, seq, bound in test if bound != "1"])
        return train_and_evaluate(
            (paths["train"], "shuffle"), (paths["positives"], paths["negatives"]), seed, backend, folder
        )


NANOG = Task(
    "Nanog, 4,687 + 5,017 of 200 bp; tested on chromosomes 1 and 2 (960 + 964)",
    COLUMNS,
    nanog,
    {"lsgkm, its published model": (0.8306, 0.8231), "6-mer logistic regression": (0.779, 0.766)},
    0.855,
)
SRF = Task(
    "SRF, 4,605 peaks of 101 bp against shuffles; tested on 500 + 500",
    COLUMNS,
    lambda data, seed, backend: deepbind("SRF", data, seed, backend),
    {"lsgkm, defaults": (0.9709, 0.9774), "6-mer logistic regression": (0.933, None)},
    0.975,
)
TCF12 = Task(
    "TCF12, 7,333 peaks of 101 bp against shuffles; tested on 500 + 500",
    COLUMNS,
    lambda data, seed, backend: deepbind("TCF12", data, seed, backend),
    {"lsgkm, defaults": (0.9678, 0.9649), "6-mer logistic regression": (0.932, None)},
    0.97,
)
