"""Does the protein QKI bind this RNA? CLIP sites against other stretches of transcripts, 200 nt, in RNA letters.

RNA has one strand, so no sequence is turned over, in training or in prediction. Several networks trained from
different seeds are averaged. Beside them: logistic regression on the counts of 5-mers, trained on the same
sequences. The same script runs on any backend: python examples/rna_binding.py --backend cupy
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
    Flatten,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    MaxPool1D,
    Parallel,
    ReLU,
    Sequential,
    binary_cross_entropy_with_logits,
    use_backend,
)
from genoml.data import Augmentation, SequenceData, split_random
from genoml.explain import filter_motifs
from genoml.metrics import aupr, auroc
from genoml.optim import Adam, AdamW
from genoml.optim.schedules import one_cycle
from genoml.sequence import base_codes, kmer_frequencies
from genoml.train import FitOptions, fit
from genoml.train.predict import predict_outputs

DATA = Path(__file__).parent / "data" / "qki_sites.tsv.gz"


def read_sites(part, path=DATA):
    """Base codes do not tell U from T; N, which pads the ends of transcripts, is no base."""
    with gzip.open(path, "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["part"] == part]
    targets = np.array([[float(row["bound"])] for row in rows], dtype=np.float32)
    return SequenceData(base_codes([row["sequence"] for row in rows]), targets)


def network(seed):
    """Motifs, then pairs of them, both anywhere and in 12 bins along the sequence: sites lie in the middle."""
    pooled = {
        "max": GlobalMaxPool1D(),
        "mean": GlobalAveragePool1D(),
        "bins": Sequential([MaxPool1D(4), Flatten()]),
    }
    layers = {
        "scan": Conv1D(4, 64, 9, bias=False, activation=None),
        "scan_pool": MaxPool1D(4),
        "scan_norm": BatchNorm1D(64),
        "scan_exp": Exp(ceiling=4.0),
        "scan_dropout": Dropout(0.3),
        "pairs": Conv1D(64, 48, 7, padding="same", bias=False, activation=None),
        "pairs_norm": BatchNorm1D(48),
        "pairs_relu": ReLU(),
        "pairs_dropout": Dropout(0.3),
        "pool": Parallel(pooled),
        "pool_dropout": Dropout(0.5),
        "dense": Dense(48 * (2 + 12), 1),
    }
    return Sequential(layers, seed=seed)


def train(data, validation, epochs, seed):
    """One network, at its best epoch on the validation part."""
    model = network(seed)
    settings = FitOptions(
        epochs=epochs,
        batch_size=128,
        optimizer=AdamW(0.01, weight_decay=0.1),
        schedule=one_cycle(epochs * -(-len(data) // 128), warmup=0.25),
        augmentation=Augmentation(reverse_complement=False, shift_bp=3),
        average_decay=0.99,
        seed=seed,
    )
    fit(model, data, validation=validation, options=settings)
    return model


def kmer_counts(codes, k=5):
    """Square roots of the counts, on the given strand alone."""
    return np.sqrt(np.asarray(kmer_frequencies(codes, k=k, normalize=False, backend="numpy")))


def kmer_scores(training, test, steps=100):
    """Logistic regression on k-mer counts, by full-batch Adam with an L2 penalty."""
    x, other = kmer_counts(training.codes), kmer_counts(test.codes)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    model = Sequential([Dense(x.shape[1], 1, backend="numpy")])
    optimizer = Adam(0.002, weight_decay=0.01)
    x = ((x - mean) / scale).astype(np.float32)
    for _ in range(steps):
        logits, pullback = model.vjp(x)
        _, grad = binary_cross_entropy_with_logits(logits, training.targets)
        optimizer.update(model.params, pullback(grad, need_x=False)[1])
    return model(((other - mean) / scale).astype(np.float32))[:, 0]


def show(name, scores, test):
    area, precision = (float(f(np.asarray(scores), test.targets[:, 0])) for f in (auroc, aupr))
    print(f"{name:32} AUROC {area:.4f}, AUPR {precision:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--members", type=int, default=3, help="networks to average")
    parser.add_argument(
        "--quick", action="store_true", help="a small slice: 1,000 sites, 1 network, 4 epochs"
    )
    arguments = parser.parse_args()
    backend = use_backend(arguments.backend).backend
    epochs, members = (4, 1) if arguments.quick else (arguments.epochs, arguments.members)

    rest, test = read_sites("train"), read_sites("test")
    if arguments.quick:
        rest, test = rest.take(np.arange(0, len(rest), 3)), test.take(np.arange(0, len(test), 3))
    print(f"{len(rest)} sequences to train on, {len(test)} to test, half of them bound")
    scores = []
    for member in range(members):
        # each network is kept at its best epoch on a tenth of its own
        training, validation = split_random(rest, 0.1, seed=member)
        model = train(training, validation, epochs, member)
        scores.append(predict_outputs(model, test.codes)[:, 0])
        show(f"network {member + 1}", scores[-1], test)
    if members > 1:
        show(f"mean of {members} networks", np.mean(scores, axis=0), test)
    show("logistic regression on 5-mers", kmer_scores(rest, test), test)

    bound = rest.codes[rest.targets[:, 0] == 1]
    motifs = filter_motifs(backend.to_numpy(model.params["scan.weights"]), None, bound, both_strands=False)
    for motif in motifs[:3]:
        letters = "".join("ACGU"[base] for base in motif.probabilities.argmax(axis=-1).ravel())
        print(f"filter {motif.index}: {letters}")


if __name__ == "__main__":
    main()
