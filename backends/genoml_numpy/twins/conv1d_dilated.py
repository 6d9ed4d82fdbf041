"""Dilated convolution without copies, block by block.

The standard version copies the rows that each kernel position reads, and adds whole arrays. Here position k reads the
rows of a sequence from k times the dilation on where they are, and in blocks the sums stay in the core's cache.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from genoml.ops.windows import Reach
from genoml.parallel import ALONE, Workers

_BLOCK = 2048
#: products of a matrix that OpenBLAS multiplies without packing it first (its AVX-512 kernels for small ones): 1.2
#: times as fast for 32 or 64 channels
_SMALL = 1_000_000
#: rows below which the calls themselves cost more
_FEWEST = 128
#: outputs of a sequence below which they are too few for matrices of their own
_SHORTEST = 16


def covers(length: int, kernel_size: int, dilation: int) -> bool:
    """Whether a sequence has outputs enough for matrices of its own."""
    return length - (kernel_size - 1) * dilation >= _SHORTEST


def _correlate(
    x: np.ndarray, w: np.ndarray, dilation: int, count: int, workers: Workers = ALONE
) -> np.ndarray:
    """y[n, t] = sum_k x[n, t + k dilation] @ w[k] for ``count`` outputs of each sequence, (N, count, F)."""
    k_size, c, f = w.shape
    y = np.empty((len(x), count, f), np.result_type(x, w))
    small = _SMALL // (c * f)
    block = small if _FEWEST <= small < _BLOCK else _BLOCK
    together = max(block // count, 1)
    starts = [(first, start) for first in range(0, len(x), together) for start in range(0, count, block)]

    def blocks(begin: int, end: int) -> None:
        spare = np.empty((together, min(block, count), f), y.dtype)
        for first, start in starts[begin:end]:
            rows = x[first : first + together]
            out = y[first : first + together, start : start + block]
            size = out.shape[1]
            np.matmul(rows[:, start : start + size], w[0], out=out)
            for k in range(1, k_size):
                at = start + k * dilation
                out += np.matmul(rows[:, at : at + size], w[k], out=spare[: len(rows), :size])

    workers.share_out(blocks, len(starts))
    return y


def _grad_w(
    rows: np.ndarray, grad: np.ndarray, dilation: int, grad_w: np.ndarray, first: int, last: int
) -> None:
    """Write the gradient of some kernel positions."""
    for k in range(first, last):
        read = rows[k * dilation :]
        np.matmul(read.T, grad[: len(read)], out=grad_w[k])


def conv1d_dilated(
    x: np.ndarray, w: np.ndarray, dilation: int, workers: Workers = ALONE
) -> tuple[np.ndarray, Any]:
    """Dilated convolution of stride 1: y (N, Lo, F) and its pullback."""
    n, length, c = x.shape
    k_size, _, f = w.shape
    reach = Reach(k_size, dilation=dilation).span - 1
    count = length - reach
    x = np.ascontiguousarray(x)
    y = _correlate(x, np.ascontiguousarray(w), dilation, count, workers)

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
            rows = x.reshape(n * length, c)
            grad_w = np.empty(w.shape, np.result_type(x, grad))
            workers.share_out(partial(_grad_w, rows, g, dilation, grad_w), k_size)
        if not need_x:
            return None, grad_w
        transposed = np.ascontiguousarray(w[::-1].transpose(0, 2, 1))
        # each sequence's gradient with the zeros before and behind it, which neighbours share
        strides = (length * padded.strides[0], *padded.strides)
        around = as_strided(padded, (n, length + reach, f), strides, writeable=False)
        return _correlate(around, transposed, dilation, length, workers), grad_w

    return y, pullback
