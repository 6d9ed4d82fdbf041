"""The maximum of a correlation, a few examples at a time, so that the full result is never written to memory.

NumPy's argmax along a middle axis is ten times slower than its max, so the maximum is found by blocks of positions
first, and its place only within the block that has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.conv1d import choose_algorithm
from genoml.parallel import ALONE, Workers
from genoml_numpy.twins.conv1d import correlate_rows

#: Numbers of the correlation in memory at a time.
_HELD = 1 << 17
#: Positions per block.
_BLOCK = 16


def conv1d_max(x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE) -> Any:
    """See genoml.ops.conv1d.conv1d_max; covers what the phases algorithm does."""
    n, length, c = x.shape
    k, _, f = w.shape
    count = length - k + 1
    if choose_algorithm(length, k, stride, dilation) != "phases" or n == 0 or count < _BLOCK:
        return NotImplemented
    values = np.empty((n, f), np.result_type(x, w))
    positions = np.empty((n, f), np.intp)
    step = max(1, _HELD // (length * f))
    for start in range(0, n, step):
        examples = slice(start, start + step)
        part = np.ascontiguousarray(x[examples])
        y = correlate_rows(part.reshape(-1, c), w).reshape(len(part), length, f)[:, :count]
        values[examples], positions[examples] = _maximum(y)
    return values, positions


def conv1d_max_grad_x(
    w: Array, positions: Array, grad: Array, length: int, stride: int = 1, dilation: int = 1
) -> Any:
    """See genoml.ops.conv1d.conv1d_max_grad_x: N F windows are added up, where a correlation reads all."""
    (k, c, _), n = w.shape, len(grad)
    rows = np.arange(n)[:, None] * length + positions * stride
    windows = rows[:, :, None] + np.arange(k) * dilation
    places = windows[..., None] * c + np.arange(c)
    values = grad[:, :, None, None] * w.transpose(2, 0, 1)
    total = np.bincount(places.ravel(), values.ravel(), n * length * c)
    return total.astype(values.dtype).reshape(n, length, c)


def _maximum(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The maximum along axis 1, and its first place."""
    n, count, f = y.shape
    whole = count // _BLOCK
    blocks = np.empty((n, -(-count // _BLOCK), f), y.dtype)
    y[:, : whole * _BLOCK].reshape(n, whole, _BLOCK, f).max(axis=2, out=blocks[:, :whole])
    if whole < blocks.shape[1]:
        y[:, whole * _BLOCK :].max(axis=1, out=blocks[:, whole])
    best = np.ascontiguousarray(blocks.transpose(0, 2, 1)).argmax(axis=2)
    # a shorter last block is read with the positions before it, none of which is as large
    first = np.minimum(best * _BLOCK, count - _BLOCK)
    block = np.take_along_axis(y, first[:, None, :] + np.arange(_BLOCK)[None, :, None], axis=1)
    within = np.ascontiguousarray(block.transpose(0, 2, 1)).argmax(axis=2)
    values = np.take_along_axis(block, within[:, None, :], axis=1)[:, 0]
    return values, first + within
