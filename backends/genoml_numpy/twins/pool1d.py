"""Max pooling without the full-size masks of the standard version.

The gradient of a maximum touches one position a window and a channel; here it is scattered there, instead of
being multiplied with a mask over the whole input.
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


def max_pool1d_vjp(x: Array, size: int, stride: int) -> Any:
    """See genoml.ops.pool1d.max_pool1d_vjp; covers windows that do not overlap."""
    if size != stride:
        return NotImplemented
    n, length, channels = x.shape
    count = length // size
    taps = [x[:, k : count * size : size] for k in range(size)]
    y = taps[0].copy()
    for tap in taps[1:]:
        np.maximum(y, tap, out=y)

    def pullback(grad: np.ndarray) -> np.ndarray:
        out = np.empty(x.shape, grad.dtype)
        out[:, count * size :] = 0.0
        rest = grad.copy()  # what no tap has claimed yet
        for k, tap in enumerate(taps):
            part = out[:, k : count * size : size]
            np.multiply(rest, tap == y, out=part)
            rest -= part
        return out

    return y, pullback
