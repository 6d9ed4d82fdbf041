"""Prediction with a trained model, and scores of predictions."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np

from genoml.backend import Array, Backend
from genoml.data import Codes, SequenceData
from genoml.metrics import aupr, auroc, f1_score
from genoml.nn.layer import EVALUATION, Layer
from genoml.parallel import Threads
from genoml.sequence.encode import one_hot
from genoml.sequence.strand import reverse_complement
from genoml.train.objectives import BinaryClassification, Objective


def encode_batch(codes: np.ndarray, backend: Backend, dtype: str, ambiguous: str) -> Array:
    """Base codes (n, length) -> one-hot (n, 4, length) on the device, channels-last in memory."""
    encoded = one_hot(codes, ambiguous=ambiguous, dtype=dtype, backend=backend)
    return backend.xp.permute_dims(encoded, (0, 2, 1))


def predict_outputs(
    model: Layer,
    codes: Codes,
    *,
    batch_size: int = 256,
    both_strands: bool = True,
    ambiguous: str = "zero",
    threads: int | Threads | None = None,
) -> np.ndarray:
    """Outputs (n, outputs) of a model for base codes (n, length), by default the mean of both strands.

    They are what the model's objective reads: logits, logarithms of rates, values. Each batch is shared out
    among ``threads``, as many as the backend has if None.

    Raises
    ------
    ValueError
        Without sequences, or for an ambiguous letter with ``ambiguous="error"``.
    """
    if not len(codes):
        raise ValueError("predict_outputs expects at least one sequence, got none")
    backend, outputs = model.backend, []
    shared = threads if isinstance(threads, Threads) else Threads(threads or backend.threads)
    with backend.computing(), nullcontext() if shared is threads else shared:
        for start in range(0, len(codes), batch_size):
            part = codes[start : start + batch_size]
            logits, _ = shared.vjp(model, encode_batch(part, backend, model.dtype, ambiguous), EVALUATION)
            if both_strands:
                reverse = encode_batch(reverse_complement(part), backend, model.dtype, ambiguous)
                other, _ = shared.vjp(model, reverse, EVALUATION)
                logits = (logits + other) * 0.5
            outputs.append(backend.to_numpy(logits))
    return np.concatenate(outputs)


def predict(model: Layer, codes: Codes, *, objective: Objective | None = None, **options: Any) -> np.ndarray:
    """Predictions (n, tasks) for base codes (n, length): probabilities, or what the objective gives.

    Parameters
    ----------
    model : Layer
        A trained model.
    codes : (n, length) uint8
        Base codes.
    objective : Objective, optional
        Objective of the training; binary classification if None.
    **options
        Options of ``predict_outputs``.

    Raises
    ------
    ValueError
        As ``predict_outputs``, and where the model gives a NaN.
    """
    with np.errstate(all="ignore"):  # a NaN is an error below
        outputs = predict_outputs(model, codes, **options)
    affected = int(np.sum(np.isnan(outputs).any(axis=1)))
    if affected:
        raise ValueError(
            f"the model gives no number (NaN) for {affected} of {len(codes)} sequences; its weights are too "
            "large or damaged: train it again, with a smaller learning rate"
        )
    return (objective or BinaryClassification()).predictions(outputs)


def evaluate(model: Layer, data: SequenceData, **options: Any) -> dict[str, float]:
    """AUROC, AUPR and F1 (at probability 0.5) of the first task, with the numbers of examples."""
    return score_predictions(predict(model, data.codes, **options)[:, 0], data.targets[:, 0])


def score_predictions(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """AUROC, AUPR and F1 of any probabilities, with the numbers of examples."""
    scores = np.asarray(predictions, np.float64)
    return {
        "auroc": float(auroc(scores, targets)),
        "aupr": float(aupr(scores, targets)),
        "f1": float(f1_score(scores, targets)),
        "n_positives": int(np.sum(targets == 1)),
        "n_negatives": int(np.sum(targets == 0)),
    }
