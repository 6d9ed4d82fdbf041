"""Normalisation: over the last axis, one kernel each way; and the statistics of a batch, which two passes make."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.parallel import WHOLE, Part
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import (
    MOST,
    SHARES,
    WIDTH,
    covered,
    elementwise,
    indices,
    ints,
    real,
    rows_of,
    rowwise,
    strides,
    tiles,
)

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


def batch_statistics(
    kernels: Kernels,
    rows: Array,
    running_mean: Array,
    running_var: Array,
    momentum: float,
    eps: float,
    count: int,
    part: Part = WHOLE,
    shift: Array | None = None,
) -> Any:
    """See genoml.ops.normalise.batch_statistics; covers a batch that is not in parts."""
    n, length, channels = rows.shape
    given = [running_mean, running_var] + ([running_mean] if shift is None else [shift])
    if part.meeting is not None or not covered(rows, *given) or 2 * n * length >= MOST:
        return NotImplemented
    xp, dtype = kernels.xp, rows.dtype
    grid, block = tiles(n * length, channels, SHARES)
    parts = xp.empty((3, grid[0], channels), dtype=dtype)
    kernels.launch(
        "batch", "moments", dtype, grid, block, rows, *strides(rows), *ints(n, length, channels), parts
    )
    results = xp.empty((4, channels), dtype=dtype)
    kernels.launch(
        "batch", "batch_statistics", dtype, (1, -(-channels // WIDTH), 1), block, parts, *ints(grid[0], channels),
        *map(xp.ascontiguousarray, given), *ints(shift is not None), real(dtype, momentum), real(dtype, eps),
        results,
    )  # fmt: skip
    return kernels.rows(results)


def statistics_gradient(
    kernels: Kernels,
    sum_g: Array,
    sum_gc: Array,
    scale: Array,
    factor: Array,
    count: int,
    part: Part = WHOLE,
) -> Any:
    """See genoml.ops.normalise.statistics_gradient; covers a batch that is not in parts."""
    given = (sum_g, sum_gc, scale, factor)
    if part.meeting is not None or not covered(*given):
        return NotImplemented
    xp, dtype = kernels.xp, sum_g.dtype
    results = xp.empty((3, *sum_g.shape), dtype=dtype)
    kernels.launch(
        "batch", "statistics_gradient", dtype, *elementwise(sum_g.size), *map(xp.ascontiguousarray, given),
        real(dtype, count), *indices(sum_g.size), results,
    )  # fmt: skip
    return kernels.rows(results)
