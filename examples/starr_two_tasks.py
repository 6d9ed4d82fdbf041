"""How strong is an enhancer, with a developmental and with a housekeeping promoter? Two numbers from 249 bp.

3,000 windows of fly chromosome X from a STARR-seq experiment: a sample, far too few for what the published network
reaches on 400,000. Windows overlap, and both strands of many are there, so the end of the chromosome is held out,
not random rows. One network predicts both numbers; beside it, ridge regression on 5-mers. The same script runs on
any backend: python examples/starr_two_tasks.py --backend cupy
"""

import argparse
import csv
import gzip
from pathlib import Path

import numpy as np

from genoml import (
    BatchNorm1D,
    Conv1D,
    Dense,
    Dropout,
    Exp,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    MaxPool1D,
    Parallel,
    ReLU,
    Sequential,
    use_backend,
)
from genoml.data import Augmentation, SequenceData, split_three_ways
from genoml.metrics import pearson
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.runs.baseline import KmerRidge
from genoml.sequence import base_codes
from genoml.train import FitOptions, fit
from genoml.train.objectives import Regression
from genoml.train.predict import predict

DATA = Path(__file__).parent / "data" / "deepstarr_sample.tsv.gz"
TASKS = ("developmental", "housekeeping")
# bp of chromosome X: windows from the first on are for validation, from the second on for the test
VALIDATION_START, TEST_START = 16_000_000, 18_500_000


def read_enhancers(path=DATA):
    """Both log2 enrichments of each window; its group is the part of the chromosome that it lies in."""
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    start = np.array([int(row["start"]) if row["chromosome"] == "chrX" else 0 for row in rows])
    part = np.searchsorted([VALIDATION_START, TEST_START], start, side="right")
    groups = np.array(["train", "validation", "test"], dtype=object)[part]
    targets = np.array([[float(row[task]) for task in TASKS] for row in rows], dtype=np.float32)
    return SequenceData(base_codes([row["sequence"] for row in rows]), targets, groups)


def network(seed):
    """Motifs, then pairs of them, anywhere; one output a task."""
    layers = [
        Conv1D(4, 48, 8, bias=False, activation=None),
        MaxPool1D(10),
        BatchNorm1D(48),
        Exp(ceiling=4.0),
        Dropout(0.1),
        Conv1D(48, 32, 5, padding="same", bias=False, activation=None),
        BatchNorm1D(32),
        ReLU(),
        Dropout(0.1),
        Parallel({"max": GlobalMaxPool1D(), "mean": GlobalAveragePool1D()}),
        Dropout(0.2),
        Dense(2 * 32, len(TASKS)),
    ]
    return Sequential(layers, seed=seed)


def train(training, validation, epochs, seed):
    """Kept at the epoch of the best mean correlation on the validation part; an enhancer works on both strands."""
    model = network(seed)
    options = FitOptions(
        epochs=epochs,
        batch_size=32,
        optimizer=AdamW(0.005, weight_decay=0.1),
        schedule=one_cycle(epochs * -(-len(training) // 32), warmup=0.25),
        augmentation=Augmentation(reverse_complement=True, shift_bp=5),
        objective=Regression(),
        average_decay=0.9,
        seed=seed,
    )
    fit(model, training, validation=validation, options=options)
    return model


def show(name, predictions, targets):
    found = [float(pearson(predictions[:, task], targets[:, task])) for task in range(len(TASKS))]
    print(f"{name:24}" + "".join(f"{value:16.3f}" for value in found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a small slice: half of the windows, 8 epochs")
    arguments = parser.parse_args()
    use_backend(arguments.backend)

    data = read_enhancers()
    if arguments.quick:
        data = data.take(np.arange(0, len(data), 2))
    training, validation, test = split_three_ways(data, validation=["validation"], test=["test"])
    print(
        f"{len(training)} windows to train on, {len(validation)} to choose the epoch by, {len(test)} to test"
    )
    model = train(training, validation, 8 if arguments.quick else arguments.epochs, arguments.seed)
    found = predict(model, test.codes)
    print(f"{'Pearson correlation':24}" + "".join(f"{task:>16}" for task in TASKS))
    show("network", found, test.targets)
    baseline = KmerRidge(5, backend="numpy").fit(training.codes, training.targets)
    show("ridge on 5-mers", baseline.predict(test.codes), test.targets)


if __name__ == "__main__":
    main()
