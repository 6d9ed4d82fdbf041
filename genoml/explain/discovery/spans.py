"""Spans of any width whose inner spans all have improbable sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.explain.discovery.candidates import Candidates, blocks

_BINS = 1024


class Spans:
    """Candidates of each width from ``shortest`` to ``longest``, by sums of independent draws.

    Contributions become whole numbers k = floor((x - min) / step), step = (max - min) / 1023. The null of a sum over
    w positions is the w-fold convolution of the histogram of all k. It is computed by products, not by FFT: the error
    of an FFT is 1e-16 of the largest probability, and small p-values would be noise.
    """

    def __init__(
        self, contributions: NDArray[Any], shortest: int, longest: int, signs: tuple[int, ...]
    ) -> None:
        self._low = float(contributions.min())
        self._step = (float(contributions.max()) - self._low) / (_BINS - 1)
        self._widths = range(shortest, longest + 1)
        total = np.zeros(_BINS, np.int64)
        for _, rows in blocks(contributions):
            total += np.bincount(self._binned(rows).ravel(), minlength=_BINS)
        single = total / contributions.size
        sums = np.ones(1)
        # of each sign and width: P(sum >= k) or P(sum <= k) at each k
        self._tails: dict[int, dict[int, NDArray[np.float64]]] = {sign: {} for sign in signs}
        for width in range(1, longest + 1):
            sums = np.convolve(sums, single)
            for sign, tails in self._tails.items():
                tails[width] = np.minimum(np.cumsum(sums[::-sign])[::-sign], 1.0)

    def levels(self, rows: NDArray[np.float64], below: float) -> list[Candidates]:
        """Spans whose own p-value and those of all inner spans are below a threshold.

        worst(i, w) = max(p(i, w), worst(i, w - 1), worst(i + 1, w - 1))
        """
        sums = np.zeros((len(rows), rows.shape[1] + 1), np.int32)
        np.cumsum(self._binned(rows), axis=1, out=sums[:, 1:])
        found = [list(self._grown(sums, sign, below)) for sign in self._tails]
        if len(found) == 1:
            return found[0]
        return [
            Candidates(up.width, *(np.concatenate(pair) for pair in zip(up[1:], down[1:], strict=True)))
            for up, down in zip(*found, strict=True)
        ]

    def _grown(self, sums: NDArray[np.int32], sign: int, below: float) -> list[Candidates]:
        """Candidates of one sign, of each width."""
        count, stride = sums.shape
        flat = sums.reshape(-1)
        last = stride - self._widths[0]
        start = (np.arange(count)[:, None] * stride + np.arange(last)).reshape(-1)
        worst = np.zeros(len(start))
        found = []
        for width in self._widths:
            if width > self._widths[0]:
                # the spans at i and at i + 1, one shorter; of two rows they are never neighbours
                pairs = np.flatnonzero(start[1:] - start[:-1] == 1)
                worst = np.maximum(worst[pairs], worst[pairs + 1])
                start = start[pairs]
            p = self._tails[sign][width][flat[start + width] - flat[start]]
            worst = np.maximum(worst, p)
            kept = np.flatnonzero(worst < below)
            start, worst, p = start[kept], worst[kept], p[kept]
            found.append(Candidates(width, start, p, worst, p, np.full(len(p), sign, np.int8)))
        return found

    def _binned(self, rows: NDArray[np.float64]) -> NDArray[np.int32]:
        return np.clip(np.floor((rows - self._low) / self._step), 0, _BINS - 1).astype(np.int32)
