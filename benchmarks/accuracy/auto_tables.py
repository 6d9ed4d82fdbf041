"""Public data sets in tables, for the default training: numbers, counts and classes."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.auto_sets import DataSet, Split, Splits, parts_of, rows_of

#: a sequence and a value a column
Row = tuple[str, tuple[Any, ...]]
#: folder of the data -> rows, and the part of each, or None where it is drawn: 1 is the test part
Reader = Callable[[Path], tuple[list[Row], list[int] | None]]


def table(read: Reader, columns: tuple[str, ...], task: str, **others: Any) -> Splits:
    """Splits of rows that are written as tables."""

    def splits(data: Path, scratch: Path, seed: int) -> list[Split]:
        rows, given = read(data)
        part = np.array(given) if given else parts_of([sequence for sequence, _ in rows], seed) == 0
        names = [str(scratch / f"{name}.tsv") for name in ("train", "test")]
        for name, wanted in zip(names, (0, 1), strict=True):
            with open(name, "w") as file:
                file.write("\t".join(["sequence", *columns]) + "\n")
                for (sequence, values), own in zip(rows, part, strict=True):
                    if own == wanted:
                        file.write("\t".join([sequence, *map(str, values)]) + "\n")
        of = (
            {"classes": columns[0]}
            if task == "classes"
            else {"targets": [c for c in columns if c not in others.values()]}
        )
        return [({"table": names[0], "task": task, **of, **others}, {"table": names[1]})]

    return splits


def columns_of(path: str, sequence: str, targets: tuple[str, ...], delimiter: str = ",") -> Reader:
    """Reader of columns of one table."""

    def read(data: Path) -> tuple[list[Row], None]:
        rows = rows_of(data / path, delimiter)
        return [
            (row[sequence].strip().lstrip("N"), tuple(row[name].strip() for name in targets)) for row in rows
        ], None

    return read


def samples(path: str, parts: tuple[str, ...], sequence: str, targets: tuple[str, ...]) -> Reader:
    """Reader of a sample whose source has parts: the last is the test part."""

    def read(data: Path) -> tuple[list[Row], list[int]]:
        rows: list[Row] = []
        part: list[int] = []
        for name in parts:
            found, _ = columns_of(path.format(name), sequence, targets, "\t")(data)
            rows += found
            part += [int(name == parts[-1])] * len(found)
        return rows, part

    return read


def dream(data: Path) -> tuple[list[Row], None]:
    with gzip.open(data / "yeast_promoters" / "dream2022_demo_train.txt.gz", "rt") as file:
        rows = [line.split() for line in file]
    return [(sequence, (value,)) for sequence, value in rows if set(sequence) <= set("ACGTN")], None


def mpsa(data: Path) -> tuple[list[Row], list[int]]:
    rows = rows_of(data / "mavenn" / "mpsa_data.csv.gz")
    return [(row["x"], (row["y"],)) for row in rows], [int(row["set"] == "test") for row in rows]


def sortseq(data: Path) -> tuple[list[Row], list[int]]:
    """The mean number of the bin that cells with a promoter were sorted into."""
    rows, part = [], []
    for row in rows_of(data / "mavenn" / "sortseq_data.csv.gz"):
        counts = np.array([float(row[f"ct_{bin}"]) for bin in range(10)])
        rows.append((row["x"], (counts @ np.arange(10) / counts.sum(),)))
        part.append(int(row["set"] == "test"))
    return rows, part


def lafleur_counts(data: Path) -> tuple[list[Row], None]:
    """RNA of promoters, relative to their DNA; the rows of high quality."""
    pieces = ("UP", "h35", "spacs", "h10", "disc", "ITR")
    found: list[Row] = []
    for row in rows_of(data / "ecoli_tx_lafleur" / "MOESM5_counts.csv.gz"):
        if row["high quality"] == "Yes":
            values = row["RNA1 [counts]"], math.log(float(row["DNA1 [counts]"]))
            found.append(("".join(row[piece] for piece in pieces), values))
    return found, None


_LAFLEUR, _YEAST = "ecoli_tx_lafleur", "yeast_promoters"
_LOG_RATE = "Observed log(TX/Txref)"
TABLES = {
    "splice": DataSet(
        "UCI splice junctions, 3,190 of 60 bp, three classes; a random fifth held out",
        table(columns_of("uci_splice/splice.csv.gz", "sequence", ("label",)), ("kind",), "classes"),
        {"one-hot softmax regression, 10-fold": {"accuracy": 0.958}},
    ),
    "deepstarr": DataSet(
        "DeepSTARR's sample, 2,000 of 249 bp; tested on 1,000",
        table(
            samples(
                "deepstarr_sample/sample_{}.txt.gz",
                ("train", "val", "test"),
                "Sequence",
                ("Dev_log2_enrichment", "Hk_log2_enrichment"),
            ),
            ("dev", "hk"),
            "regression",
        ),
        {},
    ),
    "lentimpra": DataSet(
        "lentiMPRA's sample, 2,000 of 230 bp; tested on 1,000",
        table(
            samples("lentimpra_sample/sample_{}.txt.gz", ("train", "valid", "test"), "seq", ("mean_value",)),
            ("value",),
            "regression",
        ),
        {},
    ),
    "yu": DataSet(
        "Yu et al., 1,493 logarithms of transcription rates, 150 bp; a random fifth held out",
        table(
            columns_of(f"{_LAFLEUR}/Yu_et_al.csv.gz", "Promoter Sequence", (_LOG_RATE,)),
            ("rate",),
            "regression",
        ),
        {},
    ),
    "lafleur": DataSet(
        "La Fleur et al., 5,391 logarithms of transcription rates, 61 to 85 bp; a random fifth held out",
        table(
            columns_of(f"{_LAFLEUR}/La_Fleur_et_al.csv.gz", "Promoter Sequence", (_LOG_RATE,)),
            ("rate",),
            "regression",
        ),
        {},
    ),
    "lafleur_counts": DataSet(
        "La Fleur et al., counts of RNA of 5,193 promoters, 72 to 79 bp; a random fifth held out",
        table(lafleur_counts, ("rna", "log_dna"), "counts", offset="log_dna"),
        {},
    ),
    "yeast_native": DataSet(
        "Native yeast promoters, 3,733 expressions, 110 bp; a random fifth held out",
        table(
            columns_of(f"{_YEAST}/Native_test_gpu_model.csv.gz", "sequence", ("Measured Expression",)),
            ("expression",),
            "regression",
        ),
        {"Vaishnav et al., of 30 million others": {"pearson": 0.948}},
    ),
    "yeast_random": DataSet(
        "Random yeast promoters, 2,954 expressions, 100 bp; a random fifth held out",
        table(
            columns_of(f"{_YEAST}/Random_test_gpu_model.csv.gz", "sequence", ("Measured Expression",)),
            ("expression",),
            "regression",
        ),
        {"Vaishnav et al., of 30 million others": {"pearson": 0.9796}},
    ),
    "yeast_dream": DataSet(
        "DREAM 2022's sample of yeast promoters, 6,369 expressions, 87 to 135 bp; a random fifth held out",
        table(dream, ("expression",), "regression"),
        {},
    ),
    "mpsa": DataSet(
        "MPSA, 24,405 splice sites of 9 nt, logarithms of inclusion; tested on 6,078",
        table(mpsa, ("psi",), "regression"),
        {},
    ),
    "sortseq": DataSet(
        "Sort-seq, 40,583 lac promoters of 75 bp, mean bin; tested on 9,935",
        table(sortseq, ("bin",), "regression"),
        {},
    ),
}
