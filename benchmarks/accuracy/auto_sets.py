"""Public data sets for the default training: what is learned from, and what is held out for the test.

A data set gives its splits as settings of ``[data]``: those of the training part, and those that the test part has in
their place. Where the source has no test part, one is drawn at random with the seed, copies of a sequence on one side.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.chip import CHIP, read_seq
from genoml.io import read_fasta, write_fasta
from genoml.random import host_generator

#: settings of the training part and of the test part
Split = tuple[dict[str, Any], dict[str, Any]]
#: (folder of the data, folder for files, seed) -> splits, whose scores are averaged
Splits = Callable[[Path, Path, int], list[Split]]


@dataclass(frozen=True)
class DataSet:
    """One data set."""

    title: str
    splits: Splits
    #: name -> scores by name, as published or measured elsewhere
    peers: dict[str, dict[str, float]]


def rows_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def parts_of(sequences: Sequence[str], seed: int, count: int = 5) -> np.ndarray:
    """Part (n,) of each sequence, at random; that of a copy is the same."""
    distinct = sorted(set(sequences))
    numbers = host_generator(seed, "folds").permutation(len(distinct)) % count
    part = dict(zip(distinct, numbers.tolist(), strict=True))
    return np.array([part[each] for each in sequences])


# ------------------------------------------------------------ two files


def pair(folder: Path, name: str, positives: Iterable[str], negatives: Iterable[str]) -> dict[str, Any]:
    """Settings of two FASTA files that are written here."""
    settings = {}
    for kind, sequences in (("positives", positives), ("negatives", negatives)):
        path = folder / f"{name}.{kind}.fa"
        write_fasta(path, [(f"{kind}{at}", sequence) for at, sequence in enumerate(sequences)])
        settings[kind] = [str(path)]
    return settings


def two_files(train: tuple[str, str], test: tuple[str, str]) -> Splits:
    """Data whose source has a test part: positives and negatives of each."""

    def splits(data: Path, scratch: Path, seed: int) -> list[Split]:
        first, second = (
            {"positives": [str(data / names[0])], "negatives": [str(data / names[1])]}
            for names in (train, test)
        )
        return [(first, second)]

    return splits


def deepbind(name: str) -> Splits:
    """Training negatives are exact dinucleotide shuffles, as the test's are."""

    def splits(data: Path, scratch: Path, seed: int) -> list[Split]:
        test = read_seq(data / CHIP.format(name, "B"))
        bound, free = ([seq for _, seq, b in test if (b == "1") == wanted] for wanted in (True, False))
        training = pair(scratch, "train", [seq for _, seq, _ in read_seq(data / CHIP.format(name, "AC"))], [])
        return [({**training, "negatives": ["shuffle"]}, pair(scratch, "test", bound, free))]

    return splits


def labelled(read: Callable[[Path], tuple[list[str], list[str]]], held: int = 1, parts: int = 5) -> Splits:
    """Data without a test part: ``held`` of ``parts`` random parts are held out, one at a time."""

    def splits(data: Path, scratch: Path, seed: int) -> list[Split]:
        classes = read(data)
        found = []
        for out in range(held):
            sides: list[list[list[str]]] = [[], []]
            for sequences in classes:
                part = parts_of(sequences, seed, parts)
                for side, wanted in zip(sides, (part != out, part == out), strict=True):
                    side.append([sequence for sequence, keep in zip(sequences, wanted, strict=True) if keep])
            found.append((pair(scratch, f"train{out}", *sides[0]), pair(scratch, f"test{out}", *sides[1])))
        return found

    return splits


def fasta(*names: str) -> Callable[[Path], tuple[list[str], list[str]]]:
    """Reader of a file of positives and one of negatives."""

    def read(data: Path) -> tuple[list[str], list[str]]:
        first, second = ([record.sequence for record in read_fasta(data / name)] for name in names)
        return first, second

    return read


def dnabert(data: Path) -> tuple[list[str], list[str]]:
    """Sequences of 101 bp, given as their 6-mers in turn."""
    classes: tuple[list[str], list[str]] = ([], [])
    for row in rows_of(data / "dnabert_sample" / "dev.tsv.gz", "\t"):
        words = row["sequence"].split()
        classes[row["label"] == "0"].append("".join(word[0] for word in words) + words[-1][1:])
    return classes


def uci_promoters(data: Path) -> tuple[list[str], list[str]]:
    classes: tuple[list[str], list[str]] = ([], [])
    for line in (data / "uci_ecoli_promoters" / "promoters.data").read_text().splitlines():
        label, _, sequence = line.split(",")
        classes[label != "+"].append(sequence.strip())
    return classes


def constructed(name: str) -> Callable[[Path], tuple[list[str], list[str]]]:
    """Promoters, and as negatives the same with 12 of 20 pieces in random bases, as DeePromoter made them."""

    def read(data: Path) -> tuple[list[str], list[str]]:
        with gzip.open(data / "deepromoter_tata" / name, "rt") as file:
            positives = [line.strip() for line in file if line.strip()]
        rng = host_generator(0, "deepromoter")
        negatives = []
        for sequence in positives:
            pieces = np.array(list(sequence)).reshape(20, -1)
            changed = rng.permutation(20)[:12]
            pieces[changed] = rng.choice(list("ACGT"), (12, pieces.shape[1]))
            negatives.append("".join(pieces.ravel()))
        return positives, negatives

    return read


def ctcf_pu1(data: Path, scratch: Path, seed: int) -> list[Split]:
    """Chromosomes 8 and 9 are held out."""
    sides: list[list[list[str]]] = [[], []]
    for name in ("ctcf", "pu1"):
        records = list(read_fasta(data / "ctcf_pu1_peaks" / f"{name}.fa.gz"))
        out = [record.name.split(":")[0] in ("chr8", "chr9") for record in records]
        for side, wanted in zip(sides, (False, True), strict=True):
            side.append([r.sequence for r, held in zip(records, out, strict=True) if held == wanted])
    return [(pair(scratch, "train", *sides[0]), pair(scratch, "test", *sides[1]))]


_NANOG, _NFE2, _QKI = "nanog_h1esc", "lsgkm_nfe2", "rbp_clip_pysster"
BINARY = {
    "nanog": DataSet(
        "Nanog ChIP-seq, 4,687 + 5,017 of 200 bp; tested on chromosomes 1 and 2",
        two_files(
            (f"{_NANOG}/positives_train.fa.gz", f"{_NANOG}/negatives_train.fa.gz"),
            (f"{_NANOG}/positives_test.fa.gz", f"{_NANOG}/negatives_test.fa.gz"),
        ),
        {"lsgkm, its published model": {"auroc": 0.8306, "aupr": 0.8231}},
    ),
    "nfe2": DataSet(
        "NF-E2 ChIP-seq, 644 + 644 of 59 to 247 bp; tested on 69 + 69",
        two_files((f"{_NFE2}/tr.fa", f"{_NFE2}/neg.tr.fa"), (f"{_NFE2}/test.fa", f"{_NFE2}/neg.test.fa")),
        {"lsgkm": {"auroc": 0.9929, "aupr": 0.9929}},
    ),
    "qki": DataSet(
        "QKI sites in RNA, 3,262 + 3,262 of 200 nt; tested on 1,088 + 1,088",
        two_files(
            (f"{_QKI}/qki.train.positive.fasta.gz", f"{_QKI}/qki.train.negative.fasta.gz"),
            (f"{_QKI}/qki.test.positive.fasta.gz", f"{_QKI}/qki.test.negative.fasta.gz"),
        ),
        {"GraphProt": {"auroc": 0.888, "aupr": 0.891}, "PyTorch CNN": {"auroc": 0.951, "aupr": 0.958}},
    ),
    "sigma70": DataSet(
        "E. coli sigma70 promoters, 839 + 3,000 of 81 bp; a random fifth held out",
        labelled(fasta("cnnprom_promoters/Ecoli_prom.fa.gz", "cnnprom_promoters/Ecoli_non_prom.fa.gz")),
        {"PyTorch CNN, 5-fold": {"auroc": 0.968}},
    ),
    "uci_promoters": DataSet(
        "UCI E. coli promoters, 53 + 53 of 57 bp; 5-fold", labelled(uci_promoters, held=5), {}
    ),
    "dnabert": DataSet(
        "DNABERT's sample of promoters, 500 + 500 of 101 bp; 5-fold",
        labelled(dnabert, held=5),
        {"4-mer logistic regression, 5-fold": {"auroc": 0.829}},
    ),
    "tata_human": DataSet(
        "Human TATA promoters, 2,929 of 300 bp against DeePromoter's negatives; a random fifth held out",
        labelled(constructed("hs_pos_TATA.txt.gz")),
        {},
    ),
    "tata_mouse": DataSet(
        "Mouse TATA promoters, 3,086 of 300 bp against DeePromoter's negatives; a random fifth held out",
        labelled(constructed("mm_pos_TATA.txt.gz")),
        {},
    ),
    "srf": DataSet(
        "SRF ChIP-seq, 4,605 of 101 bp against shuffles; tested on 500 + 500",
        deepbind("SRF"),
        {"lsgkm, defaults": {"auroc": 0.9709, "aupr": 0.9774}},
    ),
    "ctcf_pu1": DataSet(
        "CTCF or PU.1, 39,184 + 28,677 peaks of 100 bp; tested on chromosomes 8 and 9",
        ctcf_pu1,
        {"6-mer logistic regression": {"auroc": 0.996}},
    ),
    "tcf12": DataSet(
        "TCF12 ChIP-seq, 7,333 of 101 bp against shuffles; tested on 500 + 500",
        deepbind("TCF12"),
        {"lsgkm, defaults": {"auroc": 0.9678, "aupr": 0.9649}},
    ),
}
