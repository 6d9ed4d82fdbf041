"""Dilated convolution on the batch as one sequence of rows, block by block.

The standard version copies the rows that each kernel position meets, sequence by sequence, and adds up whole
arrays. Read as one sequence, the rows that position k meets are those from k times the dilation on, in place; and
in blocks the sums stay in the core's cache. Rows whose window straddles two sequences are computed and cut off.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.ops.windows import Reach

_BLOCK = 2048


def covers(length: int, kernel_size: int, dilation: int) -> bool:
    """Whether little enough is computed to be cut off: at most half."""
    return 2 * (kernel_size - 1) * dilation <= length


def _correlate(rows: np.ndarray, w: np.ndarray, dilation: int) -> np.ndarray:
    """y[t] = sum_k rows[t + k dilation] @ w[k], of the rows that there are."""
    (t, _), (k_size, _, f) = rows.shape, w.shape
    y = np.empty((t, f), np.result_type(rows, w))
    spare = np.empty((min(_BLOCK, t), f), y.dtype)
    for start in range(0, t, _BLOCK):
        out = y[start : start + _BLOCK]
        np.matmul(rows[start : start + _BLOCK], w[0], out=out)
        for k in range(1, k_size):
            met = rows[start + k * dilation : start + len(out) + k * dilation]
            if len(met):
                out[: len(met)] += np.matmul(met, w[k], out=spare[: len(met)])
    return y


def conv1d_dilated(x: np.ndarray, w: np.ndarray, dilation: int) -> tuple[np.ndarray, Any]:
    """y (N, Lo, F) and its pullback; stride 1."""
    (n, length, c), (k_size, _, f) = x.shape, w.shape
    reach = Reach(k_size, dilation=dilation).span - 1
    count = length - reach
    rows = np.ascontiguousarray(x).reshape(n * length, c)
    kernels = np.ascontiguousarray(w)
    y = _correlate(rows, kernels, dilation).reshape(n, length, f)[:, :count]

    def pullback(grad: np.ndarray, need_x: bool = True) -> tuple[np.ndarray | None, np.ndarray]:
        # zeros in front serve dx, which reaches back; those behind each sequence keep windows that straddle
        # two of them from counting
        padded = np.zeros((reach + n * length, f), grad.dtype)
        g = padded[reach:]
        g.reshape(n, length, f)[:, :count] = grad
        grad_w = np.empty(w.shape, np.result_type(rows, grad))
        for k in range(k_size):
            met = rows[k * dilation :]
            np.matmul(met.T, g[: len(met)], out=grad_w[k])
        if not need_x:
            return None, grad_w
        turned = np.ascontiguousarray(w[::-1].transpose(0, 2, 1))
        grad_x = _correlate(padded, turned, dilation)[: n * length]
        return grad_x.reshape(n, length, c), grad_w

    return y, pullback
