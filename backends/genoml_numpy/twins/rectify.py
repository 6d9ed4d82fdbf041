"""ReLU with normalisation before it and pooling after it, block by block, so that a block stays in the cache.

The standard version passes ten arrays of the size of x through memory and keeps three of them. This one reads x once
forward and once backward, and keeps one byte per window: the position of its maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.windows import Reach

#: Numbers per block.
_BLOCK = 1 << 16

_Block = tuple[slice, slice]


def _blocks(n: int, rows: int, width: int) -> Iterator[_Block]:
    """Blocks (examples, rows) of about _BLOCK numbers, with ``width`` numbers per row."""
    examples = max(1, _BLOCK // max(rows * width, 1))
    if examples > 1 or rows * width <= _BLOCK:
        for start in range(0, n, examples):
            yield slice(start, min(start + examples, n)), slice(0, rows)
        return
    step = max(1, _BLOCK // width)
    for i in range(n):
        for start in range(0, rows, step):
            yield slice(i, i + 1), slice(start, min(start + step, rows))


def squares_around(rows: Array, mean: Array) -> Any:
    """See genoml.ops.normalise.squares_around."""
    step = max(1, _BLOCK // max(rows.shape[1], 1))
    total = np.zeros_like(mean)
    held = np.empty((min(step, len(rows)), rows.shape[1]), rows.dtype)
    ones = np.ones((1, len(held)), rows.dtype)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        centred = np.subtract(part, mean, out=held[: len(part)])
        centred *= centred
        total += (ones[:, : len(part)] @ centred)[0]  # a product sums rows twice as fast as np.sum
    return total


class _Windows:
    """The windows of a pooling of x (N, L, C), block by block."""

    def __init__(self, x: np.ndarray, size: int, ceil_mode: bool) -> None:
        self.n, self.length, self.channels = x.shape
        self.size = size
        self.count = Reach(size, size, partial=ceil_mode).outputs(self.length)
        #: windows of full size; with ceil_mode a shorter one may follow
        self.whole = min(self.count, self.length // size)

    def __iter__(self) -> Iterator[_Block]:
        """Blocks of windows; the shorter last window is a block of its own."""
        if self.whole:
            yield from _blocks(self.n, self.whole, self.size * self.channels)
        if self.whole < self.count:
            yield slice(0, self.n), slice(self.whole, self.count)

    def rows(self, block: _Block) -> _Block:
        """The rows of x that a block of windows covers."""
        examples, windows = block
        return examples, slice(windows.start * self.size, min(windows.stop * self.size, self.length))

    def taps(self, array: np.ndarray, block: _Block) -> list[np.ndarray]:
        """Views: the first rows of a block's windows, the second, ..."""
        part = array[self.rows(block)]
        return [part[:, k :: self.size] for k in range(min(self.size, part.shape[1]))]


def rectified_vjp(
    x: Array,
    shift: Array,
    size: int = 1,
    ceil_mode: bool = False,
    *,
    mean: Array | None = None,
    scale: Array | None = None,
) -> Any:
    """See genoml.ops.normalise.rectified_vjp; covers windows of up to 255, and scales that are not 0."""
    kinds = {array.dtype for array in (x, shift, mean, scale) if array is not None}
    if size > 255 or len(kinds) > 1 or (scale is not None and not np.all(scale)):
        return NotImplemented
    places = _Windows(x, size, ceil_mode)
    y = np.empty((places.n, places.count, places.channels), x.dtype)
    winner = None if size == 1 else np.empty(y.shape, np.uint8)
    centred = None if mean is None else np.empty_like(y)
    sign = None if scale is None or np.all(scale > 0) else np.sign(scale)
    kept = None if mean is None else x  # the largest array of many a network: else nobody reads it again
    for block in places:
        best = y[block] if centred is None else centred[block]
        _largest(places.taps(x, block), sign, best, None if winner is None else winner[block])
        if mean is not None:
            best -= mean
        out = best if scale is None else np.multiply(best, scale, out=y[block])
        out += shift
        np.maximum(out, 0.0, out=out)

    def pullback(grad: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, Callable[..., np.ndarray]]:
        g = np.empty(y.shape, grad.dtype)
        sums = np.zeros((2, places.channels), grad.dtype)
        for block in _blocks(*y.shape):
            own = np.multiply(grad[block], y[block] > 0, out=g[block])
            sums[0] += own.sum(axis=(0, 1))
            if centred is not None:
                sums[1] += (own * centred[block]).sum(axis=(0, 1))

        def into_x(
            factor: np.ndarray | None = None,
            slope: np.ndarray | None = None,
            constant: np.ndarray | None = None,
        ) -> np.ndarray:
            if size == 1 and factor is None:
                return g
            return _into_x(kept, g, winner, places, mean, factor, slope, constant)

        return sums[0], (None if mean is None else sums[1]), into_x

    return y, pullback


def _largest(
    taps: list[np.ndarray], sign: np.ndarray | None, best: np.ndarray, winner: np.ndarray | None
) -> None:
    """Write the value with the largest z of each window to ``best``, and its first position to ``winner``.

    z grows with x where the scale is above 0, and falls where it is below: there the smallest x wins.
    """
    if sign is not None and winner is not None:
        taps = [tap * sign for tap in taps]
    np.copyto(best, taps[0])
    if winner is None:
        return
    winner.fill(0)
    for k, tap in enumerate(taps[1:], 1):
        larger = (tap > best).view(np.uint8)
        np.maximum(best, tap, out=best)
        larger *= np.uint8(k)  # the winner is the largest k whose value exceeds all before it
        np.maximum(winner, larger, out=winner)
    if sign is not None:
        best *= sign


def _into_x(
    x: np.ndarray | None,
    g: np.ndarray,
    winner: np.ndarray | None,
    places: _Windows,
    mean: np.ndarray | None,
    factor: np.ndarray | None,
    slope: np.ndarray | None,
    constant: np.ndarray | None,
) -> np.ndarray:
    """factor g at the winners, minus slope (x - mean) + constant everywhere."""
    out = np.empty((places.n, places.length, places.channels), g.dtype)
    end = min(places.count * places.size, places.length)
    unread = (slice(0, places.n), slice(end, places.length))
    for block in places:
        own = g[block] if factor is None else g[block] * factor
        rows = places.rows(block)
        if x is not None and slope is not None:
            _less_mean(x[rows], mean, slope, constant, out[rows])
        for k, tap in enumerate(places.taps(out, block)):
            part = own[:, : tap.shape[1]]
            if x is None or slope is None:
                np.multiply(part, True if winner is None else winner[block] == k, out=tap)
            else:
                tap += part if winner is None else part * (winner[block] == k)
    if end < places.length:
        if x is None or slope is None:
            out[unread] = 0.0
        else:
            _less_mean(x[unread], mean, slope, constant, out[unread])
    return out


def _less_mean(x: np.ndarray, mean: Any, slope: Any, constant: Any, out: np.ndarray) -> None:
    """out = -slope (x - mean) - constant; the difference is computed first, which keeps its digits."""
    np.subtract(x, mean, out=out)
    out *= -slope
    out -= constant
