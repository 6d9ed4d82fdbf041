"""Train the default network on two FASTA files from Python, and look at what it learned.

python examples/train_motif_cnn.py [POSITIVES.fa NEGATIVES.fa] [--backend cupy]

Without files it makes some: random sequences, half of them with a GATA site planted.
"""

import argparse

import numpy as np

from genoml import read_fasta, use_backend
from genoml.data import SequenceData, split_random
from genoml.explain import filter_motifs, match_motifs
from genoml.io import jaspar_motifs
from genoml.models import build_model
from genoml.optim import AdamW
from genoml.optim.schedules import one_cycle
from genoml.sequence import base_codes
from genoml.train import FitOptions, fit
from genoml.train.predict import evaluate


def planted(n=600, length=80, site="AGATAAGA", seed=0):
    """Base codes of n random sequences with the site, and of n without."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (2 * n, length), dtype=np.uint8)
    for row in codes[:n]:
        start = rng.integers(0, length - len(site))
        row[start : start + len(site)] = base_codes([site])[0]
    return codes[:n], codes[n:]


def read(path):
    return base_codes([record.sequence for record in read_fasta(path)], pad="both")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="POSITIVES NEGATIVES")
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="a short training: 2 epochs")
    arguments = parser.parse_args()
    epochs = 2 if arguments.quick else arguments.epochs
    if len(arguments.files) not in (0, 2):
        parser.error(f"expects two files or none, got {len(arguments.files)}")
    backend = use_backend(arguments.backend).backend

    positives, negatives = map(read, arguments.files) if arguments.files else planted()
    rest, test = split_random(SequenceData.binary(positives, negatives), 0.2, seed=1)
    training, validation = split_random(rest, 0.1, seed=2)

    model = build_model("motif_cnn", {"filters": 32, "kernel_size": 11, "second_filters": 16})
    steps = epochs * -(-len(training) // 64)
    options = FitOptions(
        epochs=epochs,
        batch_size=64,
        optimizer=AdamW(0.01, weight_decay=0.1),
        schedule=one_cycle(steps, warmup=0.25),
        average_decay=0.9,
    )
    history = fit(model, training, validation=validation, options=options)
    for record in history.epochs:
        print(f"epoch {record['epoch']}: loss {record['loss']:.4f}, AUROC {record['validation_auroc']:.4f}")
    print({name: round(value, 4) for name, value in evaluate(model, test).items()})

    weights = backend.to_numpy(model.params["scan.weights"])
    best = filter_motifs(weights, None, test.codes[test.targets[:, 0] == 1], both_strands=True)[:3]
    for motif, matches in zip(
        best, match_motifs([m.probabilities for m in best], jaspar_motifs()), strict=True
    ):
        print(f"filter {motif.index}: {matches[0].label}, similarity {matches[0].similarity:.2f}")


if __name__ == "__main__":
    main()
