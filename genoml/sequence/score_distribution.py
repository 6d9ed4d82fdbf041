"""How often a random window reaches a score: the exact distribution of a rounded score matrix."""

from __future__ import annotations

import numpy as np

__all__ = ["ScoreDistribution"]

#: Width of a score bin in bits; the sum over 20 positions is then off by 0.01 bits at most.
GRANULARITY_BITS = 1e-3
#: Bins at most; a matrix of wider range gets wider bins.
_MOST_BINS = 2**20


class ScoreDistribution:
    """The distribution of a matrix's score over windows whose bases are drawn from the background.

    Scores are rounded to whole bins position by position; the distribution of the sum of the rounded scores
    is then exact, by dynamic programming over the positions:

        P_0 = [s = 0],    P_k[s] = sum_b background[b] P_{k-1}[s - rounded[k, b]]
        p_value(s) = sum_{t >= s} P_width[t]

    Parameters
    ----------
    scores : numpy.ndarray
        (width, 4) float64, in bits; minus infinity for a base that may not be there.
    background : numpy.ndarray
        (4,) probabilities.

    Attributes
    ----------
    granularity : float
        Width of a bin, in bits: 0.001 unless the matrix spans more than 2**20 bins.

    References
    ----------
    Staden (1989), Methods for calculating the probabilities of finding patterns in sequences,
    doi:10.1093/bioinformatics/5.2.89; Touzet and Varre (2007), doi:10.1186/1748-7188-2-15, on rounding.
    """

    def __init__(self, scores: np.ndarray, background: np.ndarray) -> None:
        finite = np.isfinite(scores)
        low = np.where(finite, scores, np.inf).min(axis=1)
        high = scores.max(axis=1)
        self.granularity = max(GRANULARITY_BITS, float((high - low).sum()) / _MOST_BINS)
        rounded = np.rint(np.where(finite, scores, 0.0) / self.granularity).astype(np.int64)
        mass, lowest = np.ones(1), 0
        for row, allowed in zip(rounded, finite, strict=True):
            first, last = int(row[allowed].min()), int(row[allowed].max())
            grown = np.zeros(mass.size + last - first)
            for shift, share in zip(row[allowed] - first, background[allowed], strict=True):
                grown[shift : shift + mass.size] += share * mass
            mass, lowest = grown, lowest + first
        self._lowest = lowest
        # summed from the best score down, where the numbers are smallest
        self._survival = np.minimum(np.cumsum(mass[::-1])[::-1], 1.0)

    def bins(self, scores: np.ndarray) -> np.ndarray:
        """Scores as whole bins, int64; 0 where a score is infinite, which the caller must leave out."""
        return np.rint(np.where(np.isfinite(scores), scores, 0.0) / self.granularity).astype(np.int64)

    def p_value(self, bins: np.ndarray) -> np.ndarray:
        """P(S >= s) for scores in bins."""
        place = np.asarray(bins, dtype=np.int64) - self._lowest
        inside = np.clip(place, 0, self._survival.size - 1)
        found = np.where(place < 0, 1.0, self._survival[inside])
        return np.where(place >= self._survival.size, 0.0, found)

    def threshold_bin(self, p_value: float) -> int | None:
        """The lowest bin that a random window reaches with at most this probability, or None."""
        # survival falls from left to right: count the bins above p_value
        place = int(np.count_nonzero(self._survival > p_value))
        return None if place == self._survival.size else self._lowest + place

    @property
    def best_bin(self) -> int:
        """The bin of the best window."""
        return self._lowest + self._survival.size - 1
