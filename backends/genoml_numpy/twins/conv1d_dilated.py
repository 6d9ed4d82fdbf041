"""Dilated convolution of the batch as one sequence of rows, block by block.

The standard version copies the rows that each kernel position reads, and adds whole arrays. In one long sequence,
position k reads the rows from k times the dilation on, without a copy, and in blocks the sums stay in the core's cache.
Rows whose window spans two sequences are computed and dropped; the last sequence has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.ops.windows import Reach

_BLOCK = 2048


def covers(length: int, kernel_size: int, dilation: int) -> bool:
    """Whether at most half of the computed rows are dropped."""
    return 2 * (kernel_size - 1) * dilation <= length


def _correlate(rows: np.ndarray, w: np.ndarray, dilation: int) -> np.ndarray:
    """y[t] = sum_k rows[t + k dilation] @ w[k], a row for each; those that would read past the end hold anything."""
    k_size, _, f = w.shape
    y = np.empty((len(rows), f), np.result_type(rows, w))
    count = max(len(rows) - (k_size - 1) * dilation, 0)
    spare = np.empty((min(_BLOCK, count), f), y.dtype)
    for start in range(0, count, _BLOCK):
        out = y[start : min(start + _BLOCK, count)]
        np.matmul(rows[start : start + len(out)], w[0], out=out)
        for k in range(1, k_size):
            at = start + k * dilation
            out += np.matmul(rows[at : at + len(out)], w[k], out=spare[: len(out)])
    return y


def conv1d_dilated(x: np.ndarray, w: np.ndarray, dilation: int) -> tuple[np.ndarray, Any]:
    """Dilated convolution of stride 1: y (N, Lo, F) and its pullback."""
    n, length, c = x.shape
    k_size, _, f = w.shape
    reach = Reach(k_size, dilation=dilation).span - 1
    count = length - reach
    rows = np.ascontiguousarray(x).reshape(n * length, c)
    kernels = np.ascontiguousarray(w)
    y = _correlate(rows, kernels, dilation).reshape(n, length, f)[:, :count]

    def pullback(
        grad: np.ndarray, need_x: bool = True, need_w: bool = True
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        # zeros in front are for dx, which reads back; zeros after each sequence cancel windows that span two
        # sequences
        padded = np.zeros((reach + n * length, f), grad.dtype)
        g = padded[reach:]
        g.reshape(n, length, f)[:, :count] = grad
        grad_w = None
        if need_w:
            grad_w = np.empty(w.shape, np.result_type(rows, grad))
            for k in range(k_size):
                read = rows[k * dilation :]
                np.matmul(read.T, g[: len(read)], out=grad_w[k])
        if not need_x:
            return None, grad_w
        transposed = np.ascontiguousarray(w[::-1].transpose(0, 2, 1))
        grad_x = _correlate(padded, transposed, dilation)[: n * length]
        return grad_x.reshape(n, length, c), grad_w

    return y, pullback
