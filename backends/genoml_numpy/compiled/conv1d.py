"""Convolutions of stride 1 by a compiled algorithm, with bias and ReLU in its last step."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import numpy as np

from genoml.ops.arrays import sum_rows
from genoml.parallel import ALONE, Workers
from genoml_numpy.compiled import conv1d_direct, conv1d_three
from genoml_numpy.compiled.passes import add_gradients
from genoml_numpy.twins.conv1d_tiles import tile_size


class Algorithm(Protocol):
    """A module that correlates rows, and makes the gradient of the kernels."""

    def covers(self, x: np.ndarray, w: np.ndarray, stride: int, dilation: int) -> bool: ...

    def correlate(
        self,
        x: np.ndarray,
        w: np.ndarray,
        dilation: int,
        before: int,
        count: int,
        workers: Workers,
        bias: np.ndarray | None = None,
        rectified: bool = False,
    ) -> np.ndarray: ...

    def gradient_of_kernels(
        self, x: np.ndarray, grad: np.ndarray, k: int, dilation: int, workers: Workers
    ) -> np.ndarray: ...


def algorithm_of(x: np.ndarray, w: np.ndarray, stride: int, dilation: int) -> Algorithm | None:
    """The one with the fewest multiplications that covers the shape; None if NumPy's twins are quicker."""
    if conv1d_three.covers(x, w, stride, dilation):
        return conv1d_three
    if dilation == 1 and tile_size(x.shape[1], *w.shape) is not None:
        return None
    return conv1d_direct if conv1d_direct.covers(x, w, stride, dilation) else None


def linear_vjp(
    algorithm: Algorithm, x: np.ndarray, w: np.ndarray, dilation: int, workers: Workers = ALONE
) -> tuple[np.ndarray, Any]:
    """y (N, L - (K - 1) dilation, F) and its pullback."""
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    y = algorithm.correlate(x, w, dilation, 0, x.shape[1] - (len(w) - 1) * dilation, workers)
    return y, partial(_pull, algorithm, x, w, dilation, workers)


def biased_conv1d_vjp(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray,
    stride: int = 1,
    dilation: int = 1,
    workers: Workers = ALONE,
    *,
    rectified: bool = True,
) -> Any:
    """See genoml.ops.conv1d.biased_conv1d_vjp; bias and ReLU take no pass of their own."""
    algorithm = algorithm_of(x, w, stride, dilation)
    if algorithm is None or bias.dtype != np.float32:
        return NotImplemented
    return biased_vjp(algorithm, x, w, bias, dilation, workers, rectified)


def biased_vjp(
    algorithm: Algorithm,
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray,
    dilation: int,
    workers: Workers = ALONE,
    rectified: bool = True,
) -> tuple[np.ndarray, Any]:
    """y + bias, or max(y + bias, 0), and its pullback."""
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    count = x.shape[1] - (len(w) - 1) * dilation
    y = algorithm.correlate(x, w, dilation, 0, count, workers, bias, rectified)

    def pullback(
        grad: np.ndarray, need_x: bool = True, need_w: bool = True
    ) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
        grad = np.ascontiguousarray(grad, np.float32)
        if rectified:
            g, sums = np.empty_like(y), np.zeros((2, y.shape[2]), np.float32)
            add_gradients(grad, y, y[:0], g, sums)
            grad, grad_bias = g, sums[0]
        else:
            grad_bias = sum_rows(grad) if need_w else None
        return *_pull(algorithm, x, w, dilation, workers, grad, need_x, need_w), grad_bias

    return y, pullback


def _pull(
    algorithm: Algorithm,
    x: np.ndarray,
    w: np.ndarray,
    dilation: int,
    workers: Workers,
    grad: np.ndarray,
    need_x: bool = True,
    need_w: bool = True,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """dL/dx and dL/dw, None where not needed."""
    g, k = np.ascontiguousarray(grad, np.float32), len(w)
    grad_w = algorithm.gradient_of_kernels(x, g, k, dilation, workers) if need_w else None
    if not need_x:
        return None, grad_w
    # dL/dx is the correlation of g, with zeros around it, with the reversed and transposed kernels
    turned = np.ascontiguousarray(w[::-1].transpose(0, 2, 1))
    return algorithm.correlate(g, turned, dilation, (k - 1) * dilation, x.shape[1], workers), grad_w
