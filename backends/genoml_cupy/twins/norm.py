"""Standardisation over the last axis, for layer normalisation, and its gradient: one kernel each."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import covered, indices, real, rows_of, rowwise

#: Threads per block, as in kernels/norm.cu.
_THREADS = 128


def standardize_vjp(kernels: Kernels, x: Array, axes: tuple[int, ...], eps: float) -> Any:
    """See genoml.ops.normalise.standardize_vjp; covers the last axis."""
    if axes not in ((-1,), (x.ndim - 1,)) or not covered(x):
        return NotImplemented
    xp = kernels.xp
    rows, size = rows_of(x)
    y = xp.empty(x.shape, dtype=x.dtype)
    scale = xp.empty((rows,), dtype=x.dtype)
    grid_and_block = rowwise(rows, _THREADS)
    sizes = indices(rows, size)
    kernels.launch(
        "norm", "standardize_forward", x.dtype, *grid_and_block,
        xp.ascontiguousarray(x), *sizes, real(x.dtype, eps), y, scale,
    )  # fmt: skip

    def pullback(grad: Array) -> Array:
        grad_x = xp.empty(x.shape, dtype=x.dtype)
        given = xp.ascontiguousarray(grad, dtype=x.dtype)
        kernels.launch(
            "norm", "standardize_backward", x.dtype, *grid_and_block, y, scale, given, *sizes, grad_x
        )
        return grad_x

    return y, pullback
