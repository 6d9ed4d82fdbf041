"""The smallest promoter classifier, written out: four lines of network, four of backward, two of descent.

Runs leave-one-out on the 106 sequences of the UCI E. coli promoter set and prints the errors beside those
published for it. The same script runs on any backend: python examples/seed_promoter.py --backend cupy
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from genoml import (
    Conv1D,
    Dense,
    GlobalMaxPool1D,
    batch_encode,
    binary_cross_entropy,
    get_backend,
    use_backend,
)

DATA = Path(__file__).parent / "data" / "uci_ecoli_promoters.csv"
# errors of 106, leave-one-out, from the data set's own description
PUBLISHED = {
    "KBANN (uses prior knowledge)": 4,
    "back-propagation": 8,
    "O'Neill's rules": 12,
    "nearest neighbour": 13,
    "ID3": 19,
}


def read_promoters(path=DATA):
    """Sequences and labels (n, 1)."""
    with open(path, newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    labels = np.array([[float(row[0] == "+")] for row in rows], dtype=np.float32)
    return [row[2] for row in rows], labels


def train(sequences, labels, seed, steps, lr=0.3):
    """The classifier, trained on the whole set at once by plain gradient descent."""
    X = batch_encode(sequences)  # (batch, length, 4)
    X = get_backend().xp.permute_dims(X, (0, 2, 1))  # (batch, 4, length) for conv
    conv = Conv1D(in_channels=4, out_channels=32, kernel_size=8, seed=seed)
    pool = GlobalMaxPool1D()
    dense = Dense(32, 1, activation="sigmoid", seed=seed)
    for _ in range(steps):
        x = conv(X)
        x = pool(x)
        pred = dense(x)
        _loss, grad = binary_cross_entropy(pred, labels)
        grad = dense.backward(grad)
        grad = pool.backward(grad)
        grad = conv.backward(grad)
        conv.weights -= lr * conv.weights_grad
        conv.bias -= lr * conv.bias_grad
        dense.weights -= lr * dense.weights_grad
        dense.bias -= lr * dense.bias_grad
    return lambda new: dense(pool(conv(get_backend().xp.permute_dims(batch_encode(new), (0, 2, 1)))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--steps", type=int, default=150, help="steps of gradient descent")
    parser.add_argument("--folds", type=int, default=106, help="how many sequences to leave out, one by one")
    parser.add_argument("--quick", action="store_true", help="a small slice: 3 sequences left out")
    arguments = parser.parse_args()
    folds = 3 if arguments.quick else arguments.folds
    backend = use_backend(arguments.backend).backend

    sequences, labels = read_promoters()
    order = np.random.default_rng(0).permutation(len(sequences))[:folds]
    errors = 0
    for i in order:
        rest = [j for j in range(len(sequences)) if j != i]
        predict = train([sequences[j] for j in rest], labels[rest], seed=0, steps=arguments.steps)
        score = backend.to_numpy(predict([sequences[i]]))[0, 0]
        errors += (score > 0.5) != (labels[i, 0] > 0.5)

    print(f"leave-one-out errors on {len(order)} of {len(sequences)} sequences, backend {backend.name}")
    print(f"{errors:4d}  this classifier")
    for name, count in PUBLISHED.items():
        print(f"{count:4d}  {name} (published, of 106)")


if __name__ == "__main__":
    main()
