"""Sums over the rows of a matrix, all or those of each key: a pass by many blocks, and one over their shares."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import BLOCKS, HEIGHT, MOST, SHARES, WIDTH, covered, ints, strides, tiles

#: Fewer rows are one launch of CuPy's, whose threads then have few to add.
_LEAST = 512


def sum_rows(kernels: Kernels, x: Array) -> Any:
    """See genoml.ops.arrays.sum_rows; covers matrices, and batches of them, with many rows."""
    if x.ndim not in (2, 3) or not covered(x):
        return NotImplemented
    rows = x if x.ndim == 3 else x[None, :, :]
    n, length, channels = rows.shape
    if not _LEAST <= n * length < MOST // 2:
        return NotImplemented
    grid, block = tiles(n * length, channels, SHARES)
    parts = kernels.xp.empty((1, grid[0], channels), dtype=x.dtype)
    kernels.launch(
        "sums", "sum_rows", x.dtype, grid, block, rows, *strides(rows), *ints(n, length, channels), parts
    )
    return add_parts(kernels, parts)[0]


def segment_sum(kernels: Kernels, rows: Array, keys: Array, count: int) -> Any:
    """See genoml.ops.arrays.segment_sum; covers keys of int32."""
    total, channels = rows.shape
    if keys.dtype != np.int32 or not covered(rows) or max(count * channels, total) >= MOST or count == 0:
        return NotImplemented
    # few keys have many rows each, which are shared out
    shares = max(1, min(SHARES // count, total // (count * HEIGHT)))
    parts = kernels.xp.empty((1, shares, count * channels), dtype=rows.dtype)
    grid = (shares * count, min(-(-channels // WIDTH), BLOCKS - 1), 1)
    kernels.launch(
        "sums", "segment_sum", rows.dtype, grid, (WIDTH, HEIGHT, 1), rows, *strides(rows), keys,
        kernels.xp.argsort(keys), *ints(total, count, channels, shares), parts,
    )  # fmt: skip
    return add_parts(kernels, parts)[0].reshape(count, channels)


def add_parts(kernels: Kernels, parts: Array) -> Array:
    """The second pass of sums over rows: the sum of the blocks' shares, (kinds, blocks, channels)."""
    kinds, blocks, channels = parts.shape
    if blocks == 1:
        return parts[:, 0]
    sums = kernels.xp.empty((kinds, channels), dtype=parts.dtype)
    across = -(-channels // WIDTH)
    kernels.launch(
        "sums", "add_parts", parts.dtype, (kinds * across, 1, 1), (WIDTH, HEIGHT, 1), parts,
        *ints(kinds, blocks, channels), sums,
    )  # fmt: skip
    return sums
