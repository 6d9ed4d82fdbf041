"""Baselines: linear models on k-mer counts, which know composition but no positions."""

from __future__ import annotations

from functools import cache

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.data.codes import Codes
from genoml.evaluation import log_odds
from genoml.losses import binary_cross_entropy_with_logits
from genoml.nn.dense import Dense
from genoml.ops.activations import sigmoid
from genoml.optim import Adam
from genoml.sequence.kmers import kmer_frequencies
from genoml.sequence.strand import reverse_complement

#: numbers in an array of k-mer counts, at most, which bounds memory: 64 MiB
_CHUNK = 1 << 24
#: penalties of the ridge regression that are tried, per example
_PENALTIES = np.logspace(-4, 3, 29)


class _KmerModel:
    """Base of the k-mer models: standardised square roots of k-mer counts, on both strands or on one."""

    def __init__(self, k: int, both_strands: bool, ambiguous: str, backend: str | Backend | None) -> None:
        self.k = k
        self.both_strands, self.ambiguous = both_strands, ambiguous
        #: k-mers that are counted, and how many each stands for
        self.columns: np.ndarray
        self.copies: np.ndarray
        self.columns, self.copies = _canonical(k) if both_strands else (np.arange(4**k), np.ones(4**k))
        self.backend = get_backend(backend)
        self._mean: Array = None
        self._scale: Array = None

    def _counts(self, codes: Codes) -> Array:
        """Square roots of the counts: on both strands, a k-mer and its reverse complement are one column."""
        xp, rows = self.backend.xp, max(1, _CHUNK // 4**self.k)
        columns = self.backend.asarray(self.columns)
        parts = []
        for start in range(0, len(codes), rows):
            part = codes[start : start + rows]
            counts = self._one_strand(part)
            if self.both_strands:
                counts = counts + self._one_strand(reverse_complement(part))
            parts.append(xp.sqrt(xp.take(counts, columns, axis=1)))
        return parts[0] if len(parts) == 1 else xp.concat(parts)

    def _one_strand(self, codes: np.ndarray) -> Array:
        return kmer_frequencies(
            codes, k=self.k, normalize=False, ambiguous=self.ambiguous, backend=self.backend
        )

    def _learn_scale(self, counts: Array) -> None:
        xp = self.backend.xp
        # a column of two k-mers counts twice
        copies = self.backend.asarray(self.copies, "float32")
        self._mean = xp.mean(counts, axis=0)
        self._scale = copies / (xp.std(counts, axis=0) + 1e-6) / self.k**2

    def _standardised(self, counts: Array) -> Array:
        return (counts - self._mean) * self._scale


class KmerBaseline(_KmerModel):
    """Logistic regression on k-mers: p = sigmoid(sum_j w_j z_j + b), z the standardised square-rooted counts.

    Trained by full-batch Adam on the cross-entropy with an L2 penalty on w.

    Parameters
    ----------
    k : int
        k-mer length in bp.
    l2 : float
        Weight of the penalty.
    steps : int
        Updates of the whole training set.
    both_strands : bool
        Whether a k-mer and its reverse complement are one; False for RNA, which has one strand.
    ambiguous : str
        How k-mers with letters such as N are counted, see ``kmer_frequencies``.

    References
    ----------
    Ghandi et al. (2014), Enhanced regulatory sequence prediction using gapped k-mer features,
    doi:10.1371/journal.pcbi.1003711, for k-mer classifiers; this is the ungapped, linear form.
    """

    def __init__(
        self,
        k: int = 6,
        *,
        l2: float = 10.0,
        steps: int = 50,
        both_strands: bool = True,
        ambiguous: str = "zero",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(k, both_strands, ambiguous, backend)
        self.l2, self.steps = l2, steps
        self.layer = Dense(len(self.columns), 1, backend=self.backend)

    def fit(self, codes: Codes, targets: np.ndarray) -> KmerBaseline:
        """Train on base codes (n, length) and labels (n, 1)."""
        counts = self._counts(codes)
        self._learn_scale(counts)
        # twice on both strands, as the columns: half of each weight belongs to either strand's k-mer
        strands = 2.0 if self.both_strands else 1.0
        penalty = strands * self.l2 / len(codes)
        train_logistic(self.layer, self._standardised(counts), targets, penalty, self.steps)
        return self

    def predict(self, codes: Codes) -> np.ndarray:
        """Probabilities (n,) of base codes (n, length)."""
        logits, _ = self.layer.vjp(self._standardised(self._counts(codes)))
        return np.asarray(sigmoid(self.backend.to_numpy(logits)))[:, 0]


def train_logistic(layer: Dense, x: Array, targets: np.ndarray, penalty: float, steps: int) -> None:
    """Train a dense layer with one output on the cross-entropy and an L2 penalty, by full-batch Adam."""
    xp = layer.backend.xp
    # begin at the share of positives: if they are rare, so few steps would not reach it from 0
    share = min(max(float(np.mean(targets)), 1e-6), 1.0 - 1e-6)
    layer.params["weights"] = xp.zeros_like(layer.params["weights"])
    layer.params["bias"] = xp.full_like(layer.params["bias"], log_odds(share))
    optimizer = Adam(0.02, weight_decay=penalty)
    with layer.backend.computing():
        for _ in range(steps):
            logits, pullback = layer.vjp(x)
            _, grad = binary_cross_entropy_with_logits(logits, targets)
            _, grads = pullback(grad, need_x=False)
            optimizer.update(layer.params, grads)


class KmerRidge(_KmerModel):
    """Ridge regression on k-mers: y = sum_j w_j z_j + b, z the standardised square-rooted counts.

    w minimises sum (y - z w - b)^2 + lambda |w|^2, solved exactly for every lambda of a grid from one
    decomposition; each task takes the lambda of its least generalised cross-validation error

        GCV(lambda) = (1/n) sum_i (y_i - y^_i)^2 / (1 - df / n)^2,    df = 1 + sum_j s_j^2 / (s_j^2 + lambda).

    Parameters
    ----------
    k : int
        k-mer length in bp.
    both_strands, ambiguous
        As in ``KmerBaseline``.

    References
    ----------
    Golub, Heath and Wahba (1979), doi:10.1080/00401706.1979.10489751.
    """

    def __init__(
        self,
        k: int = 5,
        *,
        both_strands: bool = True,
        ambiguous: str = "zero",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(k, both_strands, ambiguous, backend)
        self.weights: np.ndarray = np.zeros((len(self.columns), 0))
        self.bias: np.ndarray = np.zeros(0)

    def fit(self, codes: Codes, targets: np.ndarray) -> KmerRidge:
        """Train on base codes (n, length) and numbers (n, tasks)."""
        if np.ndim(targets) != 2 or len(targets) != len(codes) or not len(codes):
            raise ValueError(f"KmerRidge expects targets ({len(codes)}, tasks), got {np.shape(targets)}")
        counts = self._counts(codes)
        self._learn_scale(counts)
        x = self.backend.to_numpy(self._standardised(counts)).astype(np.float64)
        self.weights, self.bias = ridge_weights(x, np.asarray(targets, np.float64))
        return self

    def predict(self, codes: Codes) -> np.ndarray:
        """Numbers (n, tasks) of base codes (n, length)."""
        x = self.backend.to_numpy(self._standardised(self._counts(codes)))
        predicted: np.ndarray = x @ self.weights + self.bias
        return predicted


def ridge_weights(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (features, tasks) and bias (tasks,) of a ridge regression, as ``KmerRidge`` has them."""
    bias = y.mean(axis=0)
    n, centred = len(x), y - bias
    # the smaller of the two Gram matrices: its eigenvalues are the squared singular values of x
    wide = x.shape[1] > n
    values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    values = np.maximum(values, 0.0)
    if wide:
        basis, along = x.T @ vectors, vectors.T @ centred  # w = x' u (s^2 + lambda)^-1 u' y
    else:
        basis, along = vectors, vectors.T @ (x.T @ centred)  # w = v (s^2 + lambda)^-1 v' x' y
    penalties = _PENALTIES * max(float(values.sum()) / len(values), 1e-12)
    shrunk = along[None] / (values[None] + penalties[:, None])[:, :, None]
    fitted = np.einsum("ij,pjt->pit", x @ basis, shrunk)
    freedom = 1.0 + np.sum(values[None] / (values[None] + penalties[:, None]), axis=1)
    error = np.mean(np.square(centred[None] - fitted), axis=1)
    best = np.argmin(error / np.square(np.maximum(1.0 - freedom / n, 1e-6))[:, None], axis=0)
    return basis @ np.stack([shrunk[p, :, t] for t, p in enumerate(best)], axis=1), bias


@cache
def _canonical(k: int) -> tuple[np.ndarray, np.ndarray]:
    """The lesser of each k-mer and its reverse complement; how many k-mers each stands for, 1 or 2."""
    forward = np.arange(4**k)
    digits = forward[:, None] // 4 ** np.arange(k)[::-1] % 4
    backward = (3 - digits) @ 4 ** np.arange(k)
    kept = np.flatnonzero(forward <= backward)
    return kept, np.where(forward == backward, 1.0, 2.0)[kept]
