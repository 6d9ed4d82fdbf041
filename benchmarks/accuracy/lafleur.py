"""Transcription rates of designed E. coli promoters, 5,391 of 61 to 85 bp, by 5-fold.

ecoli_tx_lafleur/ is from La Fleur, Hossain and Salis (2022), doi:10.1038/s41467-022-32829-5, as kept in
github.com/Rhys-sg/promoter-sequence-transcription-rates. Promoters are aligned at their 3' end, near the start
of transcription. r2 is 1 - (mean squared error) / variance.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.accuracy.ensemble import Recipe, block, ensemble
from benchmarks.accuracy.task import Task
from genoml import use_backend
from genoml.data import SequenceData, k_folds
from genoml.metrics import pearson
from genoml.nn import Dense, Dropout, Flatten, Sequential
from genoml.sequence import base_codes
from genoml.train.objectives import Regression

LENGTH_BP = 85
MEMBERS = 2


def read(folder: Path) -> SequenceData:
    with gzip.open(folder / "La_Fleur_et_al.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = base_codes([row["Promoter Sequence"].rjust(LENGTH_BP, "N") for row in rows])
    rates = np.array([[float(row["Observed log(TX/Txref)"])] for row in rows], dtype=np.float32)
    return SequenceData(codes, rates)


def network(seed: int) -> Sequential:
    """Positions matter, so nothing is pooled over all of them."""
    layers = [
        *block(4, 32, 9, 0.1),
        *block(32, 32, 7, 0.1, 3),
        *block(32, 32, 7, 0.1, 2),
        Flatten(),
        Dropout(0.2),
        Dense(32 * 14, 64, "relu"),
        Dropout(0.2),
        Dense(64, 1),
    ]
    return Sequential(layers, seed=seed)


RECIPE = Recipe(network, Regression(), epochs=45, learning_rate=5e-3, weight_decay=1.0)


def measure(data: Path, seed: int, backend: str) -> tuple[float, ...]:
    """r2 of all folds' predictions together, and the mean of the folds' Pearson correlations."""
    everything = read(data / "ecoli_tx_lafleur")
    predicted, observed, correlations = [], [], []
    with use_backend(backend):
        for training, test in k_folds(everything, 5, seed):
            mean, scale = training.targets.mean(), training.targets.std()
            scaled = replace(training, targets=(training.targets - mean) / scale)
            found = ensemble([RECIPE] * MEMBERS, scaled, test, seed)[:, 0] * scale + mean
            predicted.append(found)
            observed.append(test.targets[:, 0])
            correlations.append(float(pearson(found, test.targets[:, 0])))
    truth = np.concatenate(observed)
    error = float(np.mean((np.concatenate(predicted) - truth) ** 2))
    return 1.0 - error / float(truth.var()), float(np.mean(correlations))


TASK = Task(
    "La Fleur et al., logarithms of 5,391 transcription rates; 5-fold",
    ("r2", "Pearson"),
    measure,
    {"Promoter Calculator, the data's authors": (0.790, None), "PyTorch CNN": (0.863, None)},
    0.87,
)
