"""Convolution by phases, with BLAS writing directly into the interleaved rows of the output.

The standard version computes each phase separately and stacks them, which copies the output once more. No padding of
the input is needed either.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.conv1d import choose_algorithm
from genoml.parallel import ALONE, Workers
from genoml_numpy.twins.conv1d_dilated import conv1d_dilated, covers
from genoml_numpy.twins.conv1d_tiles import conv1d_tiles, tile_size

#: channels for which the gradient of x is made by ``grad_x_of_few``
_FEW = 8


def _windows(rows: np.ndarray, r: int, k: int) -> np.ndarray:
    """Windows of k rows that begin at r, r + k, r + 2 k, ...: a view (count, k C)."""
    t, c = rows.shape
    count = max((t - r) // k, 0)
    return rows[r : r + count * k].reshape(count, k * c)


def correlate_rows(rows: np.ndarray, w: np.ndarray, workers: Workers = ALONE) -> np.ndarray:
    """y[t] = sum_k rows[t + k] @ w[k]; the last K - 1 rows, whose windows are incomplete, are not computed."""
    k, c, f = w.shape
    kernel = w.reshape(k * c, f)
    y = np.empty((rows.shape[0], f), np.result_type(rows, w))

    def phases(first: int, last: int) -> None:
        for r in range(first, last):
            windows = _windows(rows, r, k)
            if len(windows):
                np.matmul(windows, kernel, out=y[r::k][: len(windows)])

    workers.share_out(phases, k)
    return y


def grad_x_of_few(grad: np.ndarray, w: np.ndarray) -> np.ndarray:
    """dL/dx (N, L, C) for few channels, such as the four bases: one product makes g w[k]^T for all k.

    By phases the last factor would have C columns, and a product of so few waits for memory.
    """
    n, count, f = grad.shape
    k, c, _ = w.shape
    flat = np.ascontiguousarray(w.reshape(k * c, f).T)
    parts = (np.ascontiguousarray(grad).reshape(n * count, f) @ flat).reshape(n, count, k, c)
    grad_x = np.zeros((n, count + k - 1, c), parts.dtype)
    for tap in range(k):
        grad_x[:, tap : tap + count] += parts[:, :, tap]
    return grad_x


def conv1d_vjp(x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE) -> Any:
    """See genoml.ops.conv1d.conv1d_vjp; covers stride 1, by tiles if both sides have many channels."""
    n, length, c = x.shape
    k, _, f = w.shape
    size = tile_size(length, k, c, f) if stride == dilation == 1 and n else None
    if size is not None:
        return conv1d_tiles(x, w, size)
    if stride == 1 and dilation > 1 and n and covers(length, k, dilation):
        return conv1d_dilated(x, w, dilation, workers)
    if choose_algorithm(length, k, stride, dilation) != "phases" or n == 0:
        return NotImplemented
    rows = np.ascontiguousarray(x).reshape(n * length, c)
    y = correlate_rows(rows, w, workers).reshape(n, length, f)[:, : length - k + 1]

    def pullback(
        grad: np.ndarray, need_x: bool = True, need_w: bool = True
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        # the zeros in front are for dx, which reads K - 1 rows back; those after each sequence cancel windows that
        # span two sequences
        padded, grad_w = np.zeros((k - 1 + n * length, f), grad.dtype), None
        g = padded[k - 1 :]
        g.reshape(n, length, f)[:, : length - k + 1] = grad
        if need_w:
            total = np.zeros((k * c, f), np.result_type(rows, grad))
            for r in range(k):
                windows = _windows(rows, r, k)
                total += windows.T @ g[r::k][: len(windows)]
            grad_w = total.reshape(k, c, f)
        if not need_x:
            return None, grad_w
        if c <= _FEW:
            return grad_x_of_few(grad, w), grad_w
        transposed = np.ascontiguousarray(w[::-1].transpose(0, 2, 1))
        grad_x = correlate_rows(padded, transposed, workers)[: n * length]
        return grad_x.reshape(n, length, c), grad_w

    return y, pullback
