"""E. coli sigma70 promoters or the opposite strand of genes: 839 + 3,000 of 81 bp.

Positions run from 60 bp before the start of transcription to 20 behind it.

cnnprom_promoters/ is the data of CNNProm (Umarov and Solovyev 2017, doi:10.1371/journal.pone.0171410), as kept in
github.com/solovictor/CNNPromoterData. Matthews' correlation by stratified 5-fold. GC content alone has an AUROC
of .906.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.accuracy.ensemble import Recipe, block
from benchmarks.accuracy.task import Task
from genoml import read_fasta, use_backend
from genoml.data import SequenceData, k_folds
from genoml.evaluation.thresholds import choose_threshold, score_calls
from genoml.metrics import auroc
from genoml.nn import (
    BatchNorm1D,
    Conv1D,
    Dense,
    Dropout,
    Exp,
    Flatten,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    MaxPool1D,
    Parallel,
    Sequential,
)
from genoml.sequence import base_codes
from genoml.train.objectives import BinaryClassification


def read(folder: Path) -> SequenceData:
    positives, negatives = (
        base_codes([record.sequence for record in read_fasta(folder / f"Ecoli_{name}.fa.gz")])
        for name in ("prom", "non_prom")
    )
    return SequenceData.binary(positives, negatives)


def aligned(seed: int) -> Sequential:
    """Every position has weights of its own."""
    layers = [
        Dropout(0.1),
        *block(4, 32, 9, 0.2, 2),
        *block(32, 32, 7, 0.3, 2),
        Flatten(),
        Dense(32 * 20, 32, "relu"),
        Dropout(0.5),
        Dense(32, 1),
    ]
    return Sequential(layers, seed=seed)


def binned(seed: int) -> Sequential:
    """Motifs, then pairs of them, anywhere and in 9 bins along the sequence."""
    pooled = {
        "max": GlobalMaxPool1D(),
        "mean": GlobalAveragePool1D(),
        "bins": Sequential([MaxPool1D(3), Flatten()]),
    }
    layers = [
        Conv1D(4, 64, 9, padding="same", bias=False, activation=None),
        MaxPool1D(3),
        BatchNorm1D(64),
        Exp(ceiling=4.0),
        Dropout(0.3),
        *block(64, 48, 5, 0.3),
        Parallel(pooled),
        Dropout(0.5),
        Dense(48 * (2 + 9), 1),
    ]
    return Sequential(layers, seed=seed)


OBJECTIVE = BinaryClassification()
ALIGNED = Recipe(aligned, OBJECTIVE, epochs=30, learning_rate=5e-3, weight_decay=0.5, shift_bp=3)
BINNED = Recipe(
    binned, OBJECTIVE, epochs=15, learning_rate=1e-2, batch_size=128, weight_decay=0.1, shift_bp=2
)
#: the ensemble; each member is trained without another tenth of the training data, by which the threshold is chosen
MEMBERS = [ALIGNED, ALIGNED, ALIGNED, BINNED, BINNED]
INNER_FOLDS = 10


def fold_scores(training: SequenceData, test: SequenceData, seed: int) -> tuple[np.ndarray, float]:
    """Mean logits of the members for the test data, and the threshold of the best correlation on held-out parts."""
    scores, held_scores, held_labels = [], [], []
    inner = list(k_folds(training, INNER_FOLDS, seed, by="class"))
    for member, (recipe, (rest, held)) in enumerate(zip(MEMBERS, inner[: len(MEMBERS)], strict=True)):
        model = recipe.train(rest, 1000 * seed + member)
        scores.append(recipe.outputs(model, test)[:, 0])
        held_scores.append(recipe.outputs(model, held)[:, 0])
        held_labels.append(held.targets[:, 0])
    threshold = choose_threshold(np.concatenate(held_scores), np.concatenate(held_labels), "mcc")
    return np.mean(scores, axis=0), threshold


def measure(data: Path, seed: int, backend: str) -> tuple[float, ...]:
    """Correlation, sensitivity and specificity of all folds' calls together; mean AUROC of the folds."""
    everything = read(data / "cnnprom_promoters")
    margins, labels, areas = [], [], []
    with use_backend(backend):
        for training, test in k_folds(everything, 5, seed, by="class"):
            scores, threshold = fold_scores(training, test, seed)
            margins.append(scores - threshold)
            labels.append(test.targets[:, 0])
            areas.append(float(auroc(scores, test.targets[:, 0])))
    called = score_calls(np.concatenate(margins), np.concatenate(labels), 0.0)
    return called["mcc"], called["sensitivity"], called["specificity"], float(np.mean(areas))


TASK = Task(
    "E. coli sigma70 promoters, 839 + 3,000 of 81 bp; 5-fold",
    ("CC", "sensitivity", "specificity", "AUROC"),
    measure,
    {"CNNProm, on its own split": (0.84, 0.90, 0.96, None), "PyTorch CNN": (0.80, None, None, 0.968)},
    0.84,
)
