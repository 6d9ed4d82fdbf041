"""Splice junctions of primates: donor, acceptor or neither, 3,190 of 60 bp with IUPAC letters, by 10-fold.

uci_splice/ is the UCI set "Molecular Biology (Splice-junction Gene Sequences)" (Noordewier, Towell and Shavlik
1991, doi:10.24432/C5M888). 310 of its sequences are there more than once and may stand on both sides of a fold, as
in the figures published for it.
"""

from __future__ import annotations

import csv
import gzip
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.accuracy.ensemble import Recipe, ensemble
from benchmarks.accuracy.task import Task
from genoml import use_backend
from genoml.data import SequenceData, k_folds
from genoml.metrics import confusion_matrix
from genoml.nn import Conv1D, Dense, Dropout, Flatten, Layer, Parallel, Sequential
from genoml.sequence import base_codes
from genoml.train.objectives import MultiClassification

CLASSES = ("EI", "IE", "N")
MEMBERS = 4


def read(folder: Path) -> SequenceData:
    with gzip.open(folder / "splice.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = base_codes([row["sequence"].strip() for row in rows])
    order = [CLASSES.index(row["label"].strip()) for row in rows]
    return SequenceData(codes, np.eye(len(CLASSES), dtype=np.float32)[order])


def kmer_indicators(k: int) -> Conv1D:
    """One filter a k-mer, which at first gives 1 where the k-mer stands and 0 elsewhere."""
    layer = Conv1D(4, 4**k, k, activation="relu")
    words = np.array(list(product(range(4), repeat=k)))
    layer.weights = layer.backend.asarray(np.eye(4, dtype=np.float32)[words].transpose(0, 2, 1))
    layer.bias = layer.backend.asarray(np.full(4**k, 1.0 - k, dtype=np.float32))
    return layer


def network(seed: int) -> Layer:
    """Bases, pairs and triplets at each position into one hidden layer: the junction is always in the middle."""
    words = {f"{k}-mers": Sequential([kmer_indicators(k), Flatten()]) for k in (2, 3)}
    features = sum(4**k * (61 - k) for k in (1, 2, 3))
    layers = [
        Parallel({"bases": Flatten()} | words),
        Dropout(0.5),
        Dense(features, 64, "relu"),
        Dropout(0.5),
        Dense(64, 3),
    ]
    return Sequential(layers, seed=seed)


RECIPE = Recipe(
    network,
    MultiClassification(),
    epochs=12,
    learning_rate=1e-3,
    batch_size=128,
    weight_decay=2.0,
    ambiguous="iupac",
)


def measure(data: Path, seed: int, backend: str) -> tuple[float, ...]:
    """Accuracy, and the share right of each class."""
    everything = read(data / "uci_splice")
    cells = np.zeros((3, 3))
    with use_backend(backend):
        for training, test in k_folds(everything, 10, seed, by="class"):
            scores = ensemble([RECIPE] * MEMBERS, training, test, seed)
            cells += np.asarray(confusion_matrix(scores, test.targets))
    right = np.diag(cells)
    return float(right.sum() / cells.sum()), *(right / cells.sum(axis=1)).tolist()


TASK = Task(
    "UCI splice junctions, 3,190 of 60 bp, three classes; 10-fold",
    ("accuracy", *CLASSES),
    measure,
    {
        "KBANN, as published with the data": (None, 0.9244, 0.9153, 0.9538),
        "one-hot softmax regression": (0.958, None, None, None),
    },
    0.97,
)
