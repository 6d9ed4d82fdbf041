"""Does CTCF bind here? Peaks of the human genome against dinucleotide shuffles, whole chromosomes held out.

The shuffles have each peak's own dinucleotides, and so its GC content, which would otherwise tell the classes apart;
new ones are drawn for every epoch. A site may lie on either strand, so both are trained on and averaged in
prediction. Chromosomes 8 and 9 choose the epoch and the threshold, chromosomes 1 and 2 are the test. Beside the
network: logistic regression on 6-mers, and the best score of CTCF's published matrix (JASPAR MA0139) on either
strand. The same script runs on any backend: python examples/tf_binding.py --backend cupy
"""

import argparse
from importlib.resources import files

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genoml import PWM, read_fasta, use_backend
from genoml.data import ShuffledNegatives, split_three_ways
from genoml.evaluation.thresholds import choose_threshold, score_calls
from genoml.explain import filter_motifs, match_motifs
from genoml.io import jaspar_motifs
from genoml.metrics import aupr, auroc
from genoml.models import build_model
from genoml.runs.baseline import KmerBaseline
from genoml.runs.config import TrainConfig
from genoml.sequence import base_codes
from genoml.train import fit
from genoml.train.predict import predict

PEAKS = files("genoml") / "resources" / "ctcf_peaks.fa.gz"
VALIDATION, TEST = ("chr8", "chr9"), ("chr1", "chr2")


def read_peaks(limit):
    """Peaks, and as many shuffles; a shuffle is of its peak's chromosome, so that no split tears them apart."""
    records = list(read_fasta(str(PEAKS)))[:limit]
    chromosomes = [record.name.partition(":")[0] for record in records]
    return ShuffledNegatives.of(base_codes([record.sequence for record in records]), chromosomes)


def train(training, validation, epochs, seed):
    """The settings of `genoml train`: a one-cycle schedule, random strand and shift, averaged weights."""
    config = TrainConfig(epochs=epochs, seed=seed, model_options={"filters": 32}).for_data(
        training.codes.shape[1]
    )
    model = build_model(config.model, config.model_options, seed=seed)
    history = fit(
        model, training, validation=validation, options=config.fit_options(len(training), (1.0, 1.0))
    )
    best = history.best
    print(f"best epoch {best['epoch']} of {epochs}: AUROC {best['validation_auroc']:.4f} on {VALIDATION}")
    return model


def matrix_scores(codes):
    """The best score of the published matrix in each sequence, on either strand."""
    published = next(motif for motif in jaspar_motifs() if motif.name.startswith("MA0139"))
    forward = PWM.from_motif(published)
    windows = sliding_window_view(codes, forward.width, axis=1)
    flat = np.ascontiguousarray(windows).reshape(-1, forward.width)
    best = np.maximum(forward.score(flat), forward.reverse_complement().score(flat))
    return best.reshape(windows.shape[:2]).max(axis=1)


def show(name, scores, targets):
    scores = np.asarray(scores, np.float64)
    print(f"{name:28} AUROC {float(auroc(scores, targets)):.4f}, AUPR {float(aupr(scores, targets)):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a small slice: 1,000 peaks, 5 epochs")
    arguments = parser.parse_args()
    backend = use_backend(arguments.backend).backend

    data = read_peaks(1000 if arguments.quick else None)
    training, validation, test = split_three_ways(data, validation=VALIDATION, test=TEST)
    print(f"{len(training)} sequences to train on, {len(validation)} to validate, {len(test)} to test")
    model = train(training, validation, 5 if arguments.quick else arguments.epochs, arguments.seed)

    labels = test.targets[:, 0]
    probabilities = predict(model, test.codes)[:, 0]
    show("network", probabilities, labels)
    show(
        "6-mer logistic regression",
        KmerBaseline(6).fit(training.codes, training.targets).predict(test.codes),
        labels,
    )
    show("published matrix", matrix_scores(test.codes), labels)
    threshold = choose_threshold(predict(model, validation.codes)[:, 0], validation.targets[:, 0], "f1")
    calls = score_calls(probabilities, labels, threshold)
    print(
        f"called at {threshold:.3f}, chosen on {' and '.join(VALIDATION)}: sensitivity "
        f"{calls['sensitivity']:.3f}, specificity {calls['specificity']:.3f}"
    )

    peaks = training.codes[training.targets[:, 0] == 1]
    strongest = filter_motifs(backend.to_numpy(model.params["scan.weights"]), None, peaks, both_strands=True)[
        :3
    ]
    matches = match_motifs([motif.probabilities for motif in strongest], jaspar_motifs())
    for motif, found in zip(strongest, matches, strict=True):
        print(f"filter {motif.index}: {found[0].label}, similarity {found[0].similarity:.2f}")


if __name__ == "__main__":
    main()
