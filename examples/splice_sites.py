"""Donor, acceptor or neither? Splice junctions of primate genes in the middle of 60 bases, some of them ambiguous.

Three classes from one network; an ambiguous letter is encoded as the bases it stands for (R is half A, half G).
Cross-validated in ten folds, beside a linear model of the same one-hot sequences and the errors published for the
data. The same script runs on any backend: python examples/splice_sites.py --backend cupy
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np

from genoml import Conv1D, Dense, Dropout, Flatten, Parallel, Sequential, use_backend
from genoml.data import Augmentation, k_folds, read_table_data
from genoml.metrics import confusion_matrix
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.train import FitOptions, fit
from genoml.train.objectives import MultiClassification
from genoml.train.predict import predict

DATA = Path(__file__).parent / "data" / "uci_splice.tsv.gz"
CLASSES = ["EI", "IE", "N"]  # exon to intron (donor), intron to exon (acceptor), neither
# errors in percent of each class, 10-fold, from the data set's own description
PUBLISHED = {"KBANN (uses prior knowledge)": (7.56, 8.47, 4.62)}


def kmer_indicators(k):
    """One filter a k-mer, which at first gives 1 where the k-mer stands and 0 elsewhere."""
    layer = Conv1D(4, 4**k, k, activation="relu")
    words = np.array(list(product(range(4), repeat=k)))
    layer.weights = layer.backend.asarray(np.eye(4, dtype=np.float32)[words].transpose(0, 2, 1))
    layer.bias = layer.backend.asarray(np.full(4**k, 1.0 - k, dtype=np.float32))
    return layer


def network(seed):
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


def linear(seed):
    return Sequential([Flatten(), Dense(4 * 60, 3)], seed=seed)


def train_and_predict(model, training, test, epochs, learning_rate, weight_decay, seed):
    """Probabilities of the test sequences. The sequences have a direction: they are never turned over."""
    options = FitOptions(
        epochs=epochs,
        batch_size=128,
        optimizer=AdamW(learning_rate, weight_decay=weight_decay),
        schedule=one_cycle(epochs * -(-len(training) // 128), warmup=0.25),
        augmentation=Augmentation(reverse_complement=False),
        objective=MultiClassification(),
        ambiguous="iupac",
        average_decay=0.99,
        seed=seed,
    )
    fit(model, training, options=options)
    return predict(model, test.codes)


def errors(predictions, targets):
    """Percent wrong of each class, and the share right of all."""
    cells = np.asarray(confusion_matrix(predictions, targets))
    right = np.diag(cells)
    return 100.0 * (1.0 - right / cells.sum(axis=1)), right.sum() / cells.sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--folds", type=int, default=10, help="how many of the 10 folds to hold out in turn")
    parser.add_argument("--quick", action="store_true", help="a small slice: 1 fold, 5 epochs")
    arguments = parser.parse_args()
    use_backend(arguments.backend)
    epochs, folds = (5, 1) if arguments.quick else (arguments.epochs, arguments.folds)

    data = read_table_data(DATA, classes="class", class_order=CLASSES)
    ambiguous = int(np.sum(data.codes > 3))
    print(f"{len(data)} sequences of {data.codes.shape[1]} bp, {ambiguous} ambiguous letters")
    found, plain, targets = [], [], []
    for number, (training, test) in enumerate(k_folds(data, 10, by="class")):
        if number == folds:
            break
        found.append(train_and_predict(network(number), training, test, epochs, 1e-3, 2.0, number))
        plain.append(train_and_predict(linear(number), training, test, 2 * epochs, 5e-3, 0.05, number))
        targets.append(test.targets)
        print(f"fold {number + 1}: accuracy {errors(found[-1], test.targets)[1]:.4f}", flush=True)
    print(f"{'percent wrong':32}{'EI':>8}{'IE':>8}{'N':>8}{'accuracy':>10}")
    for name, predictions in (("network", found), ("linear model", plain)):
        wrong, accuracy = errors(np.concatenate(predictions), np.concatenate(targets))
        print(f"{name:32}" + "".join(f"{value:8.2f}" for value in wrong) + f"{accuracy:10.4f}")
    for name, wrong in PUBLISHED.items():
        print(f"{name + ', published':32}" + "".join(f"{value:8.2f}" for value in wrong))


if __name__ == "__main__":
    main()
