"""Baselines that count no k-mers: length and GC content alone, and the base at each position.

Logistic regression for labels 0 and 1, ridge regression for other targets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.data.codes import Codes
from genoml.nn.dense import Dense
from genoml.ops.activations import sigmoid
from genoml.runs.baseline import ridge_weights, train_logistic
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.encode import one_hot
from genoml.sequence.matched import gc_content
from genoml.sequence.strand import reverse_complement


class LogisticBaseline:
    """Logistic regression p = sigmoid(z w + b), z the standardised features of a sequence.

    Parameters
    ----------
    features : callable
        Base codes (n, length) -> numbers (n, features).
    l2 : float
        Weight of the L2 penalty on w, for the sum of the cross-entropies.
    steps : int
        Updates of the whole training set, by Adam.
    """

    def __init__(
        self,
        features: Callable[[np.ndarray], np.ndarray],
        *,
        l2: float = 1.0,
        steps: int = 100,
        backend: str | Backend | None = None,
    ) -> None:
        self.features, self.l2, self.steps = features, l2, steps
        self.backend = get_backend(backend)
        self._mean: np.ndarray = np.zeros(0)
        self._scale: np.ndarray = np.ones(0)

    def fit(self, codes: Codes, targets: np.ndarray) -> LogisticBaseline:
        """Train on base codes (n, length) and labels (n, 1)."""
        x = self.features(np.asarray(codes))
        self._mean, self._scale = x.mean(axis=0), 1.0 / (x.std(axis=0) + 1e-3)
        self.layer = Dense(x.shape[1], 1, backend=self.backend)
        train_logistic(self.layer, self._standardised(x), targets, self.l2 / len(x), self.steps)
        return self

    def _standardised(self, x: np.ndarray) -> Array:
        scaled = (x - self._mean) * self._scale
        return self.backend.asarray(scaled.astype(np.float32))

    def predict(self, codes: Codes) -> np.ndarray:
        """Probabilities (n,) of base codes (n, length)."""
        logits, _ = self.layer.vjp(self._standardised(self.features(np.asarray(codes))))
        return np.asarray(sigmoid(self.backend.to_numpy(logits)))[:, 0]


class RidgeBaseline:
    """Ridge regression y = z w + b, z the standardised features of a sequence; its penalty as ``KmerRidge`` finds it.

    Parameters
    ----------
    features : callable
        Base codes (n, length) -> numbers (n, features).
    """

    def __init__(self, features: Callable[[np.ndarray], np.ndarray]) -> None:
        self.features = features

    def fit(self, codes: Codes, targets: np.ndarray) -> RidgeBaseline:
        """Train on base codes (n, length) and numbers (n, tasks)."""
        x = self.features(np.asarray(codes)).astype(np.float64)
        self._mean, self._scale = x.mean(axis=0), 1.0 / (x.std(axis=0) + 1e-3)
        scaled = (x - self._mean) * self._scale
        self.weights, self.bias = ridge_weights(scaled, np.asarray(targets, np.float64))
        return self

    def predict(self, codes: Codes) -> np.ndarray:
        """Numbers (n, tasks) of base codes (n, length)."""
        scaled = (self.features(np.asarray(codes)) - self._mean) * self._scale
        predicted: np.ndarray = scaled @ self.weights + self.bias
        return predicted


def composition_baseline(binary: bool = True) -> LogisticBaseline | RidgeBaseline:
    """Regression on length, GC content, and their squares: what no network should be needed for."""
    return LogisticBaseline(_composition, l2=0.01, steps=300) if binary else RidgeBaseline(_composition)


def positional_baseline(
    both_strands: bool = False, ambiguous: str = "zero", *, binary: bool = True
) -> LogisticBaseline | RidgeBaseline:
    """Regression on the base at each position, for sequences of one length.

    With ``both_strands`` a sequence and its reverse complement have the same features, the sum of both one-hot arrays.
    """
    features = partial(_positions, both_strands=both_strands, ambiguous=ambiguous)
    return LogisticBaseline(features, l2=30.0) if binary else RidgeBaseline(features)


def _composition(codes: np.ndarray) -> np.ndarray:
    length = (codes != PAD_CODE).sum(axis=1) / max(codes.shape[1], 1)
    gc = np.nan_to_num(gc_content(codes), nan=0.5)
    return np.stack([length, length**2, gc, gc**2], axis=1)


def _positions(codes: np.ndarray, both_strands: bool, ambiguous: str) -> np.ndarray:
    found: np.ndarray = np.asarray(one_hot(codes, ambiguous=ambiguous, backend="numpy"))
    if both_strands:
        found = found + np.asarray(one_hot(reverse_complement(codes), ambiguous=ambiguous, backend="numpy"))
    return np.reshape(found, (len(codes), 4 * codes.shape[1]))
