"""Softmax along the last axis and its gradient, one kernel each."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import covered, indices, rows_of, rowwise

#: Threads per block, as in kernels/softmax.cu.
_THREADS = 128


def softmax(kernels: Kernels, x: Array, axis: int = -1) -> Any:
    """See genoml.ops.activations.softmax; covers the last axis."""
    if axis not in (-1, x.ndim - 1) or not covered(x):
        return NotImplemented
    y = kernels.xp.empty(x.shape, dtype=x.dtype)
    softmax_rows(kernels, kernels.xp.ascontiguousarray(x), y)
    return y


def softmax_rows(kernels: Kernels, x: Array, y: Array) -> None:
    """Softmax of contiguous rows x into y, which may be x."""
    rows, size = rows_of(x)
    kernels.launch(
        "softmax", "softmax_forward", x.dtype, *rowwise(rows, _THREADS), x, *indices(rows, size), y
    )


def softmax_gradient(kernels: Kernels, y: Array, grad: Array, axis: int = -1) -> Any:
    """See genoml.ops.activations.softmax_gradient; covers the last axis."""
    if axis not in (-1, y.ndim - 1) or y.shape != grad.shape or not covered(y, grad):
        return NotImplemented
    grad_x = kernels.xp.empty(y.shape, dtype=y.dtype)
    given = [kernels.xp.ascontiguousarray(array) for array in (y, grad)]
    softmax_gradient_rows(kernels, *given, grad_x)
    return grad_x


def softmax_gradient_rows(kernels: Kernels, y: Array, grad: Array, grad_x: Array) -> None:
    """Gradient of softmax from contiguous rows y and grad into grad_x, which may be grad."""
    rows, size = rows_of(y)
    kernels.launch(
        "softmax",
        "softmax_backward",
        y.dtype,
        *rowwise(rows, _THREADS),
        y,
        grad,
        *indices(rows, size),
        grad_x,
    )
