"""How strongly does a promoter transcribe? Reads of RNA, counted relative to reads of DNA, from the sequence.

Asks first which loss the counts want, then trains a network with it, whose dispersion is learned, and compares
on held-out promoters with the negative binomial that knows no sequence. The same script runs on any backend:
python examples/promoter_counts.py --backend cupy
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
    Flatten,
    LearnedDispersion,
    MaxPool1D,
    ReLU,
    Sequential,
    use_backend,
)
from genoml.data import Augmentation, SequenceData
from genoml.evaluation.dispersion import diagnose_counts, estimate_dispersion
from genoml.metrics import pearson
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.sequence import base_codes
from genoml.train import Counts, FitOptions, fit
from genoml.train.predict import predict

DATA = Path(__file__).parent / "data" / "ecoli_promoter_counts.tsv.gz"
LENGTH_BP = 79


def read_counts(path=DATA):
    """The promoters, aligned at their transcription start, RNA reads, and the logarithm of the DNA reads."""
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    codes = base_codes([row["sequence"].rjust(LENGTH_BP, "N") for row in rows])
    dna = np.array([[float(row["dna_reads"])] for row in rows])
    rna = np.array([[float(row["rna_reads"])] for row in rows])
    return SequenceData(codes, rna.astype(np.float32), extras={"offset": np.log(dna)})


def network(dispersion, log_rate, seed):
    """Two convolutions whose positions matter; its first guess is the fit that knows no sequence."""
    model = Sequential(
        [
            Conv1D(4, 64, 9, padding="same", activation=None),
            BatchNorm1D(64),
            ReLU(),
            MaxPool1D(2),
            Conv1D(64, 64, 7, padding="same", activation=None),
            BatchNorm1D(64),
            ReLU(),
            MaxPool1D(2),
            Flatten(),
            Dense(64 * (LENGTH_BP // 4), 64, "relu"),
            Dropout(0.3),
            Dense(64, 1),
            LearnedDispersion(1, dispersion),
        ],
        seed=seed,
    )
    last = model[11]
    last.bias = last.bias + log_rate
    return model


def train(data, seed, epochs):
    """A network fitted to these promoters, and the negative binomial without a sequence."""
    plain = estimate_dispersion(data.targets, offset=data.extras["offset"])
    model = network(plain.dispersion, plain.log_rate, seed)
    options = FitOptions(
        epochs=epochs,
        batch_size=64,
        optimizer=AdamW(2e-3, weight_decay=0.05),
        schedule=one_cycle(epochs * -(-len(data) // 64)),
        augmentation=Augmentation(reverse_complement=False),
        objective=Counts(),
        average_decay=0.99,
        seed=seed,
    )
    fit(model, data, options=options)
    return model, plain


def mean_loss(log_mean, log_dispersion, data):
    """Mean negative log-likelihood of the counts, in nats."""
    outputs = np.concatenate([log_mean, np.broadcast_to(log_dispersion, log_mean.shape)], axis=1)
    return Counts().validation_loss(outputs, data.targets, **data.extras)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folds", type=int, default=5, help="how many of the 5 folds to hold out in turn")
    parser.add_argument("--promoters", type=int, default=None, help="use only so many of them")
    parser.add_argument("--quick", action="store_true", help="a small slice: 1 fold, 3 epochs, 800 promoters")
    arguments = parser.parse_args()
    epochs, folds, promoters = arguments.epochs, arguments.folds, arguments.promoters
    if arguments.quick:
        epochs, folds, promoters = 3, 1, 800
    use_backend(arguments.backend)

    data = read_counts()
    print(diagnose_counts(data.targets, offset=data.extras["offset"]).verdict)
    order = np.random.default_rng(0).permutation(len(data))[:promoters]
    fold = np.arange(len(order)) % 5
    found = []
    for held in range(folds):
        rest, test = data.take(order[fold != held]), data.take(order[fold == held])
        model, plain = train(rest, held, epochs)
        rates = np.log(predict(model, test.codes).astype(np.float64))
        log_a = float(model.backend.to_numpy(model.params["12.log_dispersion"])[0])
        without = mean_loss(np.full_like(rates, plain.log_rate), np.log(plain.dispersion), test)
        r = float(pearson(rates[:, 0], np.log1p(test.targets[:, 0]) - test.extras["offset"][:, 0]))
        found.append((mean_loss(rates, log_a, test), without))
        print(
            f"fold {held + 1}: loss {found[-1][0]:.4f}, without the sequence {without:.4f}; dispersion "
            f"{np.exp(log_a):.3f}, without {plain.dispersion:.3f}; r of log-rates {r:.3f}"
        )
    network_loss, plain_loss = np.mean(found, axis=0)
    print(
        f"held-out mean negative log-likelihood: {network_loss:.4f} with the sequence, {plain_loss:.4f} without"
    )


if __name__ == "__main__":
    main()
