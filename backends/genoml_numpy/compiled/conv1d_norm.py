"""Convolutions beside batch normalisation: zeros around x cost no copy, and the output is read once or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.arrays import pad_axis
from genoml.ops.conv1d import conv1d_vjp
from genoml.ops.windows import Reach
from genoml.parallel import ALONE, Workers
from genoml_numpy.compiled import bases, conv1d_three, passes, words


def conv1d_moments_vjp(
    x: Array, w: Array, padding: tuple[int, int] = (0, 0), workers: Workers = ALONE
) -> Any:
    """See genoml.ops.conv1d_norm.conv1d_moments_vjp; covers float32."""
    if x.dtype != np.float32 or w.dtype != np.float32 or not len(x):
        return NotImplemented
    (k, _, f), (before, after), (n, length, _) = w.shape, padding, x.shape
    count = length + before + after - k + 1
    blocks = -(-count // passes.PARTIAL_ROWS)
    moments = np.empty((n, blocks, 3, f), np.float32)
    codes = bases.codes_of(x, w, padding)
    if codes is not None:
        span = bases.span_of(k, f)
        y = np.empty((n, count, f), np.float32)
        words.correlate_moments(codes, bases.tables_of(w, span), span, y, moments)
    elif conv1d_three.covers(x, w, 1, 1, before + after):
        x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
        y = conv1d_three.correlate(x, w, 1, before, count, workers)
        passes.moments_of_each(y, moments)
    else:
        y, back = conv1d_vjp(pad_axis(x, *padding), w, 1, 1, workers)
        y = np.ascontiguousarray(y)
        passes.moments_of_each(y, moments)

    def pullback(
        grad: np.ndarray, need_x: bool = True, need_w: bool = True
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        if codes is not None:
            grad_x, grad_w = bases.gradients(codes, w, bases.span_of(k, f), grad, need_x, need_w)
        elif conv1d_three.covers(x, w, 1, 1, before + after):
            # dL/dx is the correlation of g with the turned kernels, which begins ``before`` rows later
            g = np.ascontiguousarray(grad, np.float32)
            turned = np.ascontiguousarray(w[::-1].transpose(0, 2, 1))
            grad_w = conv1d_three.gradient_of_kernels(x, g, 3, 1, workers, before) if need_w else None
            if not need_x:
                return None, grad_w
            return conv1d_three.correlate(g, turned, 1, 2 - before, length, workers), grad_w
        else:
            grad_x, grad_w = back(grad, need_x, need_w)
        return (None if grad_x is None else grad_x[:, before : before + length]), grad_w

    return y, _joined(moments, count), pullback


def _joined(moments: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum and squares around the mean of all rows, from those of blocks of PARTIAL_ROWS, the last shorter."""
    n, blocks, _, _ = moments.shape
    first, beyond, squares = np.moveaxis(moments.astype(np.float64), 2, 0)
    sizes = np.full((blocks, 1), passes.PARTIAL_ROWS)
    sizes[-1] = count - (blocks - 1) * passes.PARTIAL_ROWS
    means = first + beyond / sizes
    total = (sizes * means).sum(axis=(0, 1))
    # the squares around the common mean M are those around a block's own m, and size (m - M)^2
    apart = means - total / (n * count)
    around = (squares + sizes * apart * apart).sum(axis=(0, 1))
    return total.astype(np.float32), around.astype(np.float32)


def pooled_conv1d(
    x: Array,
    w: Array,
    shift: Array,
    size: int = 1,
    ceil_mode: bool = False,
    padding: tuple[int, int] = (0, 0),
    workers: Workers = ALONE,
) -> Any:
    """See genoml.ops.conv1d_norm.pooled_conv1d; covers one-hot x, and kernels of three with windows of 1, 2 or 4."""
    if shift.dtype != np.float32:
        return NotImplemented
    (k, _, f), around = w.shape, sum(padding)
    count = x.shape[1] + around - k + 1
    codes = bases.codes_of(x, w, padding)
    if codes is not None:
        span = bases.span_of(k, f)
        y = np.empty((len(x), Reach(size, size, partial=ceil_mode).outputs(count), f), np.float32)
        words.pool(codes, bases.tables_of(w, span), span, np.ascontiguousarray(shift), size, count, y)
        return y
    if size not in (1, 2, 4) or not conv1d_three.covers(x, w, 1, 1, around):
        return NotImplemented
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    return conv1d_three.correlate(x, w, 1, padding[0], count, workers, shift, True, (size, ceil_mode))
