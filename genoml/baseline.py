"""The model to beat: logistic regression on k-mer counts, which knows composition but no positions."""

from __future__ import annotations

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.losses import binary_cross_entropy_with_logits
from genoml.nn.activations import sigmoid
from genoml.nn.dense import Dense
from genoml.optim import Adam
from genoml.sequence.kmers import kmer_frequencies
from genoml.sequence.strand import reverse_complement


class KmerBaseline:
    """p = sigmoid(sum_j w_j z_j + b), z the standardised square-rooted k-mer counts of both strands.

    Trained by full-batch Adam on the cross-entropy with an L2 penalty on w.

    Parameters
    ----------
    k : int
        k-mer length in bp.
    l2 : float
        Weight of the penalty.
    steps : int
        Updates of the whole training set.

    References
    ----------
    Ghandi et al. (2014), Enhanced regulatory sequence prediction using gapped k-mer features,
    doi:10.1371/journal.pcbi.1003711, for k-mer classifiers; this is the ungapped, linear form.
    """

    def __init__(
        self, k: int = 6, *, l2: float = 10.0, steps: int = 50, backend: str | Backend | None = None
    ) -> None:
        self.k, self.l2, self.steps = k, l2, steps
        self.backend = get_backend(backend)
        self.layer = Dense(4**k, 1, backend=self.backend)
        self._mean: Array = None
        self._scale: Array = None

    def _features(self, codes: np.ndarray) -> Array:
        both = [
            kmer_frequencies(strand, k=self.k, normalize=False, backend=self.backend)
            for strand in (codes, reverse_complement(codes))
        ]
        return self.backend.xp.sqrt(both[0] + both[1])

    def fit(self, codes: np.ndarray, targets: np.ndarray) -> KmerBaseline:
        """Train on base codes (n, length) and labels (n, 1)."""
        xp, x = self.backend.xp, self._features(codes)
        self._mean = xp.mean(x, axis=0)
        self._scale = 1.0 / (xp.std(x, axis=0) + 1e-6) / self.k**2
        x = (x - self._mean) * self._scale
        self.layer.params["weights"] = xp.zeros_like(self.layer.params["weights"])
        optimizer = Adam(0.02, weight_decay=self.l2 / len(codes))
        with self.backend.computing():
            for _ in range(self.steps):
                logits, pullback = self.layer.vjp(x)
                _, grad = binary_cross_entropy_with_logits(logits, targets)
                _, grads = pullback(grad, need_x=False)
                optimizer.update(self.layer.params, grads)
        return self

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Probabilities (n,) of base codes (n, length)."""
        x = (self._features(codes) - self._mean) * self._scale
        logits, _ = self.layer.vjp(x)
        return np.asarray(sigmoid(self.backend.to_numpy(logits)))[:, 0]
