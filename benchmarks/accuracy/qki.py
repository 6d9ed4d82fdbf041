"""QKI binding sites in RNA (CLIP) or not: 3,262 + 3,262 of 200 nt to train on, 1,088 + 1,088 to test.

rbp_clip_pysster/ is from the tutorial of pysster (Budach and Marsico 2018, doi:10.1093/bioinformatics/bty222),
github.com/budach/pysster. Sequences of the training set that stand in the test set too are left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.accuracy.ensemble import Recipe, ensemble
from benchmarks.accuracy.task import Task
from genoml import read_fasta, use_backend
from genoml.data import SequenceData
from genoml.metrics import aupr, auroc
from genoml.nn import (
    BatchNorm1D,
    Conv1D,
    Dense,
    Dropout,
    Exp,
    Flatten,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    Layer,
    MaxPool1D,
    Parallel,
    ReLU,
    Sequential,
)
from genoml.sequence import base_codes
from genoml.train.objectives import BinaryClassification

MEMBERS = 5


def read(folder: Path, part: str) -> SequenceData:
    positives, negatives = (
        base_codes([record.sequence for record in read_fasta(folder / f"qki.{part}.{kind}.fasta.gz")])
        for kind in ("positive", "negative")
    )
    return SequenceData.binary(positives, negatives)


def without(data: SequenceData, other: SequenceData) -> SequenceData:
    """The examples whose sequence is not among the others'."""
    seen = {row.tobytes() for row in other.codes}
    return data.take(np.array([row.tobytes() not in seen for row in data.codes]))


def network(seed: int) -> Layer:
    """motif_cnn whose second layer is also seen in 12 bins along the sequence: binding sites lie in the middle."""
    pooled = {
        "max": GlobalMaxPool1D(),
        "mean": GlobalAveragePool1D(),
        "bins": Sequential([MaxPool1D(4), Flatten()]),
    }
    layers = [
        Conv1D(4, 64, 9, bias=False, activation=None),
        MaxPool1D(4),
        BatchNorm1D(64),
        Exp(ceiling=4.0),
        Dropout(0.3),
        Conv1D(64, 48, 7, padding="same", bias=False, activation=None),
        BatchNorm1D(48),
        ReLU(),
        Dropout(0.3),
        Parallel(pooled),
        Dropout(0.5),
        Dense(48 * (2 + 12), 1),
    ]
    return Sequential(layers, seed=seed)


RECIPE = Recipe(
    network,
    BinaryClassification(),
    epochs=12,
    learning_rate=1e-2,
    batch_size=128,
    weight_decay=0.1,
    shift_bp=3,
)


def measure(data: Path, seed: int, backend: str) -> tuple[float, ...]:
    folder = data / "rbp_clip_pysster"
    test = read(folder, "test")
    training = without(read(folder, "train"), test)
    with use_backend(backend):
        scores = ensemble([RECIPE] * MEMBERS, training, test, seed)[:, 0]
    return float(auroc(scores, test.targets[:, 0])), float(aupr(scores, test.targets[:, 0]))


TASK = Task(
    "QKI in RNA, 3,262 + 3,262 of 200 nt; tested on 1,088 + 1,088",
    ("AUROC", "AUPR"),
    measure,
    {
        "GraphProt": (0.888, 0.891),
        "6-mer logistic regression": (0.912, None),
        "PyTorch CNN": (0.951, 0.958),
    },
    0.955,
)
