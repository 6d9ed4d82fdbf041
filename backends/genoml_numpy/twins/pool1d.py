"""Max pooling without the full-size masks of the standard version.

The gradient of a maximum has one position per window and channel; it is written there, instead of being multiplied
with a mask over the whole input.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.pool1d import PoolPullback


def global_max_vjp(x: Array) -> tuple[Array, PoolPullback]:
    """See genoml.ops.pool1d.global_max_vjp."""
    y = x.max(axis=1)

    def pullback(grad: np.ndarray) -> np.ndarray:
        # argmax of booleans stops at the first hit; argmax of floats along a middle axis is ten times slower
        at = (x == y[:, None, :]).argmax(axis=1) if not np.isnan(y).any() else x.argmax(axis=1)
        out = np.zeros(x.shape, grad.dtype)
        np.put_along_axis(out, at[:, None, :], grad[:, None, :], axis=1)
        return out

    return y, pullback


def max_pool1d_vjp(x: Array, size: int, stride: int, ceil_mode: bool = False) -> Any:
    """See genoml.ops.pool1d.max_pool1d_vjp; covers windows that do not overlap."""
    if size != stride:
        return NotImplemented
    # a shorter last window has fewer taps: the missing ones are one row shorter than y
    end = x.shape[1] if ceil_mode else x.shape[1] // size * size
    taps = [x[:, k:end:size] for k in range(min(size, end))]
    y = taps[0].copy()
    for tap in taps[1:]:
        part = y[:, : tap.shape[1]]
        np.maximum(part, tap, out=part)

    def pullback(grad: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape, grad.dtype)
        out[:, end:] = 0.0
        rest = grad.copy()  # the gradient that no tap has taken yet
        for k, tap in enumerate(taps):
            part = out[:, k:end:size]
            left = rest[:, : tap.shape[1]]
            np.multiply(left, tap == y[:, : tap.shape[1]], out=part)
            left -= part
        return out

    return y, pullback
