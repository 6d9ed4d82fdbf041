"""One positive in a hundred: what accuracy hides, and what five remedies for imbalance are worth.

CTCF peaks of the human genome against dinucleotide shuffles of the same peaks, 1 to 99. The shuffles keep the
composition, so that only the motif tells the classes apart, and with few peaks to learn it from (a batch of 128
holds one on average) it matters how those are used. Every remedy makes the same number of steps, from the same
seeds; the best epoch, the temperature and the threshold are chosen on validation data, and all figures are those
of test data. The same script runs on any backend: python examples/rare_positives.py --backend cupy
"""

import argparse
from importlib.resources import files

import numpy as np

from genoml import read_fasta, use_backend
from genoml.data import SequenceData
from genoml.evaluation import brier_score, fit_temperature
from genoml.evaluation.thresholds import choose_threshold, score_calls
from genoml.metrics import aupr, auroc
from genoml.models import build_model
from genoml.ops.activations import sigmoid
from genoml.runs.assess import prior_offset
from genoml.runs.baseline import KmerBaseline
from genoml.runs.config import TrainConfig
from genoml.sequence import base_codes, dinucleotide_shuffle
from genoml.train import fit
from genoml.train.predict import predict_outputs

PEAKS = files("genoml") / "resources" / "ctcf_peaks.fa.gz"
NEGATIVES = 99  # for each positive
# what is changed in the settings of `genoml train`
REMEDIES = {
    "none: cross-entropy": {},
    "class weights": {"class_weight": "balanced"},
    "focal loss, gamma 2": {"focal_gamma": 2.0},
    "balanced batches": {"sampling": "balanced"},
    "19 new negatives a positive, each epoch": {"sampling": "negatives", "negatives_per_positive": 19.0},
}
COLUMNS = ("AUROC", "AUPR", "F1", "accuracy", "Brier, as it is", "Brier")


def make_data(peaks, seed):
    """Peaks, and 99 shuffles of each."""
    negatives = dinucleotide_shuffle(np.repeat(peaks, NEGATIVES, axis=0), seed=seed)
    return SequenceData.binary(peaks, negatives)


def scores(logits, targets, threshold, offset, calibration):
    """The figures of one model on test data, the threshold being one of its logits."""
    calibrated = calibration(logits + offset)
    return (
        float(auroc(logits, targets)),
        float(aupr(logits, targets)),
        score_calls(logits, targets, threshold)["f1"],
        score_calls(calibrated, targets, 0.0)["accuracy"],
        brier_score(sigmoid(logits), targets),
        brier_score(sigmoid(calibrated), targets),
    )


def logits_of(model, data):
    return predict_outputs(model, data.codes)[:, 0].astype(np.float64)


def run(remedy, parts, steps, seed):
    """Train with one remedy and one seed; its figures on the test data."""
    train, validation, test = parts
    config = TrainConfig(seed=seed, **remedy).for_data(train.codes.shape[1])
    size = config.sampler.epoch_size(train.targets)
    # as many steps as the others: shorter epochs, more of them
    config = TrainConfig(
        seed=seed,
        epochs=max(1, round(steps / -(-size // config.batch_size))),
        model_options=config.model_options,
        shift_bp=config.shift_bp,
        **remedy,
    )
    share = float(train.targets.mean())
    weights = (0.5 / (1 - share), 0.5 / share) if config.class_weight == "balanced" else (1.0, 1.0)
    model = build_model(config.model, config.model_options, seed=seed)
    fit(model, train, validation=validation, options=config.fit_options(size, weights))
    held_out, labels = logits_of(model, validation), validation.targets[:, 0]
    threshold = choose_threshold(held_out, labels, "f1")
    offset = prior_offset(config, train.targets)
    calibration = fit_temperature(held_out + offset, labels)
    return scores(logits_of(model, test), test.targets[:, 0], threshold, offset, calibration)


def row(name, found):
    """Means over the seeds, and standard deviations."""
    found = np.asarray(found)
    mean, spread = found.mean(axis=0), found.std(axis=0, ddof=1) if len(found) > 1 else found[0] * 0
    cells = [f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, spread, strict=True)]
    return f"| {name:40} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy", help="numpy, cupy, torch or jax")
    parser.add_argument("--positives", type=int, default=100, help="peaks to train on")
    parser.add_argument(
        "--epochs", type=int, default=8, help="passes over the data; the others as many steps"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a small slice: does it run?")
    arguments = parser.parse_args()
    use_backend(arguments.backend)
    positives = 8 if arguments.quick else arguments.positives
    seeds, epochs = (1, 1) if arguments.quick else (arguments.seeds, arguments.epochs)

    peaks = base_codes([record.sequence for record in read_fasta(str(PEAKS))])
    peaks = peaks[np.random.default_rng(0).permutation(len(peaks))]
    ends = np.cumsum([positives, max(8, positives // 2), 2 * positives])
    parts = [make_data(part, seed) for seed, part in enumerate(np.split(peaks[: ends[-1]], ends[:-1]))]
    train, validation, test = parts
    print(
        f"{len(train)} sequences to train on, {len(validation)} to validate, {len(test)} to test, 1 % positive"
    )

    labels = test.targets[:, 0]
    share = float(train.targets.mean())
    never = np.full(len(labels), share)
    print(
        f'saying "no" to everything: accuracy {np.mean(labels == 0):.4f}, AUROC {auroc(never, labels):.4f}, ',
        end="",
    )
    print(f"AUPR {aupr(never, labels):.4f}, F1 0.0000, Brier {brier_score(never, labels):.4f}")
    print(f"\n| {'remedy':40} | " + " | ".join(f"{name:15}" for name in COLUMNS) + " |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    batch_size = TrainConfig().for_data(train.codes.shape[1]).batch_size
    steps = epochs * -(-len(train) // batch_size)
    for name, remedy in REMEDIES.items():
        print(row(name, [run(remedy, parts, steps, seed) for seed in range(seeds)]), flush=True)
    print(row("6-mer logistic regression", [of_baseline(parts)]))


def of_baseline(parts):
    """The figures of 6-mer logistic regression, which has no seed."""
    train, validation, test = parts
    baseline = KmerBaseline().fit(train.codes, train.targets)
    chances = [
        np.clip(baseline.predict(part.codes).astype(np.float64), 1e-12, 1 - 1e-12) for part in parts[1:]
    ]
    held_out, logits = (np.log(p) - np.log1p(-p) for p in chances)
    labels = validation.targets[:, 0]
    threshold, calibration = choose_threshold(held_out, labels, "f1"), fit_temperature(held_out, labels)
    return scores(logits, test.targets[:, 0], threshold, 0.0, calibration)


if __name__ == "__main__":
    main()
