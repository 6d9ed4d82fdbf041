"""Windows of one width whose sums are improbable, as TF-MoDISco extracts them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.explain.discovery.candidates import Candidates, blocks

#: positions of a window
WINDOW_BP = 21

# TF-MoDISco's own: false discovery rate, least and greatest share of windows that pass, draws of the null and their
# seed, and windows that thresholds are found from
_FDR = 0.2
_SHARES = (0.03, 0.2)
_DRAWS = 10_000
_SEED = 1234
_SAMPLE = 1_000_000


class Windows:
    """Windows of 21 positions, with TF-MoDISco's null: two half exponentials that share a mode.

        P(sum >= s) = a exp(-r (s - mode)),   s >= mode

    a is the share of windows above the mode, r the steepest of log(1 / (1 - q)) / (quantile q - mode) over q = 5, 10,
    ... 95 %; the lower side is its own.
    """

    def __init__(self, contributions: NDArray[Any], flank: int, signs: tuple[int, ...]) -> None:
        self._flank, self._signs = flank, signs
        values = np.concatenate([_sums(rows).reshape(-1) for _, rows in blocks(contributions)])
        self._mode = _mode(values)
        sides = {sign: sign * (values[sign * (values - self._mode) >= 0] - self._mode) for sign in (1, -1)}
        total = sum(map(len, sides.values()))
        self._share = {sign: max(len(side), 1) / total for sign, side in sides.items()}
        self._rate = {sign: _steepest(side) for sign, side in sides.items()}
        if len(values) > _SAMPLE:
            values = np.random.RandomState(_SEED).choice(values, _SAMPLE, replace=False)
        self._edges = self._thresholds(values)

    def levels(self, rows: NDArray[np.float64], below: float) -> list[Candidates]:
        """Windows with room for the flank whose p-value is below a threshold, the smallest p-value first.

        Of infinity, TF-MoDISco's: those beyond its own thresholds, the largest absolute sum first.
        """
        sums = _sums(rows)
        sums = sums[:, self._flank : sums.shape[1] - self._flank]
        signs = np.where(sums >= 0, np.int8(1), np.int8(-1))
        log_p = np.empty(sums.shape)
        for sign in (1, -1):
            own = signs == sign
            distance = np.maximum(sign * (sums[own] - self._mode), 0.0)
            log_p[own] = math.log(self._share[sign]) - self._rate[sign] * distance
        p, rank = np.exp(log_p), log_p
        passing = p < below
        if math.isinf(below):
            rank = -np.abs(sums)
            passing = (sums >= self._edges[1]) | (sums <= -self._edges[-1])
        row, at = np.nonzero(passing & np.isin(signs, self._signs))
        start = row * (rows.shape[1] + 1) + at + self._flank
        own = (row, at)
        # what is nearer to a chosen window than half a window and the flank is left out
        apart = WINDOW_BP // 2 + self._flank + 1
        return [Candidates(apart, start, p[own], p[own], rank[own], signs[own])]

    def _thresholds(self, values: NDArray[np.float64]) -> dict[int, float]:
        """Least absolute sum of either sign that passes."""
        side, tail = np.random.RandomState(_SEED).uniform(size=(_DRAWS, 2)).T
        distance = -np.log1p(-tail)
        upper = side < self._share[1]
        null = self._mode + np.where(upper, distance / self._rate[1], -distance / self._rate[-1])
        edges = {
            1: _isotonic_threshold(values[values >= 0], null[null >= 0]),
            -1: _isotonic_threshold(-values[values < 0], -null[null < 0]),
        }
        share = (np.count_nonzero(values >= edges[1]) + np.count_nonzero(values <= -edges[-1])) / len(values)
        bounded = min(max(share, _SHARES[0]), _SHARES[1])
        if bounded != share:
            edge = float(np.quantile(np.abs(values), 1.0 - bounded))
            edges = {1: edge, -1: edge}
        return edges


def _sums(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of each window, (rows, length - 20)."""
    sums = np.zeros((len(rows), rows.shape[1] + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    return sums[:, WINDOW_BP:] - sums[:, :-WINDOW_BP]


def _mode(values: NDArray[np.float64]) -> float:
    """Middle of the fullest of 1,000 bins within the fullest of 1,000 bins."""
    low = high = 0.0
    for _ in range(2):
        numbers, edges = np.histogram(values, 1000)
        low, high = edges[(peak := int(np.argmax(numbers))) : peak + 2]
        inner = values[(low < values) & (values < high)]
        if not len(inner):
            break
        values = inner
    return float(low + high) / 2


def _steepest(distances: NDArray[np.float64]) -> float:
    """Greatest rate of an exponential by the quantiles of distances; 1 where all of these are 0."""
    shares = np.arange(1, 20) / 20
    quantiles = np.quantile(distances, shares) if len(distances) else np.zeros(19)
    known = quantiles > 0
    return float(np.max(-np.log1p(-shares[known]) / quantiles[known])) if known.any() else 1.0


def _isotonic_threshold(values: NDArray[np.float64], null: NDArray[np.float64]) -> float:
    """Least value at which the precision 1 - f (1 / y - 1) reaches 1 - FDR; infinity if there is no value.

    y is the isotonic regression of "is a value", with as much weight on the null as on the values, and f, from 0.95
    to 1, the odds of y at the least.
    """
    if not len(values) or not len(null):
        return float(values.min()) if len(values) else math.inf
    merged = np.concatenate([values, null])
    order = np.argsort(merged, kind="stable")
    real = order < len(values)
    # the regression joins each run of values with the null behind it: blocks start where a run of values does
    starts = np.flatnonzero(real & ~np.concatenate([[False], real[:-1]]))
    starts = starts if real[0] else np.concatenate([[0], starts])
    ones = np.add.reduceat(real.astype(np.float64), starts)
    zeros = np.add.reduceat((~real).astype(np.float64), starts) * (len(values) / len(null))
    pooled: list[tuple[int, float, float]] = []
    for start, one, zero in zip(starts.tolist(), ones.tolist(), zeros.tolist(), strict=True):
        while pooled and pooled[-1][1] * zero >= one * pooled[-1][2]:
            start, more_ones, more_zeros = pooled.pop()
            one, zero = one + more_ones, zero + more_zeros
        pooled.append((start, one, zero))
    _, one, zero = pooled[0]
    fraction = min(max(one / zero, 0.95), 1.0) if zero else 1.0
    for start, one, zero in pooled:
        # 1 / y - 1 = zero / one
        if one and fraction * zero / one <= _FDR:
            return float(merged[order[start]])
    return float(values.max())
