"""ReLU with normalisation before it and pooling after it, in one pass over memory forward and one backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.windows import Reach
from genoml_numpy.compiled import passes
from genoml_numpy.twins import arrays
from genoml_numpy.twins import rectify as plain


def sum_rows(x: Array) -> Any:
    """See genoml.ops.arrays.sum_rows."""
    if x.dtype != np.float32 or not x.flags.c_contiguous or x.ndim < 2:
        return arrays.sum_rows(x)
    total = np.zeros(x.shape[-1], np.float32)
    passes.add_rows(x.reshape(-1, x.shape[-1]), total)
    return total


def squares_around(rows: Array, mean: Array) -> Any:
    """See genoml.ops.normalise.squares_around."""
    if rows.dtype != np.float32 or mean.dtype != np.float32:
        return plain.squares_around(rows, mean)
    total = np.zeros(rows.shape[1], np.float32)
    passes.add_squares(np.ascontiguousarray(rows), np.ascontiguousarray(mean), total)
    return total


def rectified_vjp(
    x: Array,
    shift: Array,
    size: int = 1,
    ceil_mode: bool = False,
    *,
    mean: Array | None = None,
    scale: Array | None = None,
) -> Any:
    """See genoml.ops.normalise.rectified_vjp; covers what the NumPy twin does, in float32."""
    given = [array for array in (x, shift, mean, scale) if array is not None]
    if (
        any(array.dtype != np.float32 for array in given)
        or size > 255
        or (scale is not None and not np.all(scale))
    ):
        return plain.rectified_vjp(x, shift, size, ceil_mode, mean=mean, scale=scale)
    n, length, channels = x.shape
    rows = np.ascontiguousarray(x)
    if size == 1:
        return _rows_vjp(rows, np.ascontiguousarray(shift), mean, scale)
    count = Reach(size, size, partial=ceil_mode).outputs(length)
    y = np.empty((n, count, channels), np.float32)
    winner = np.empty((n, count, channels), np.uint8)
    around = [np.zeros(channels, np.float32), np.ones(channels, np.float32)]
    if mean is not None and scale is not None:
        around = [np.ascontiguousarray(mean), np.ascontiguousarray(scale)]
    centred = np.empty_like(y if mean is not None else y[:0])
    passes.rectify(rows, *around, np.ascontiguousarray(shift), size, y, winner, centred)
    # without a mean nobody reads x again, the largest array of many a network
    kept = None if mean is None else rows

    def pullback(grad: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, Callable[..., np.ndarray]]:
        g = np.empty_like(y)
        sums = np.zeros((2, channels), np.float32)
        passes.add_gradients(np.ascontiguousarray(grad, np.float32), y, centred, g, sums)

        def into_x(
            factor: np.ndarray | None = None,
            slope: np.ndarray | None = None,
            constant: np.ndarray | None = None,
        ) -> np.ndarray:
            out = np.empty((n, length, channels), np.float32)
            by = np.ones(channels, np.float32) if factor is None else np.ascontiguousarray(factor)
            if kept is None or slope is None or constant is None:
                passes.spread(g, winner, by, size, out)
            else:
                less = np.ascontiguousarray(slope), np.ascontiguousarray(constant)
                passes.spread_less_mean(kept, g, winner, around[0], by, *less, size, out)
            return out

        return sums[0], (None if mean is None else sums[1]), into_x

    return y, pullback


def _rows_vjp(x: np.ndarray, shift: np.ndarray, mean: Array | None, scale: Array | None) -> Any:
    """The same without pooling."""
    shape, channels = x.shape, x.shape[2]
    rows = x.reshape(-1, channels)
    around = [np.zeros(channels, np.float32), np.ones(channels, np.float32)]
    if mean is not None and scale is not None:
        around = [np.ascontiguousarray(mean), np.ascontiguousarray(scale)]
    y = np.empty_like(rows)
    passes.rectify_rows(rows, *around, shift, y)
    kept = y if mean is None else rows  # without a mean x is not let live for a sum that nobody reads

    def pullback(grad: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, Callable[..., np.ndarray]]:
        g, sums = np.empty_like(y), np.zeros((2, channels), np.float32)
        given = np.ascontiguousarray(grad, np.float32).reshape(-1, channels)
        passes.add_row_gradients(given, y, kept, around[0], g, sums)

        def into_x(
            factor: np.ndarray | None = None,
            slope: np.ndarray | None = None,
            constant: np.ndarray | None = None,
        ) -> np.ndarray:
            if slope is None or constant is None:
                return (g if factor is None else g * factor).reshape(shape)
            out = np.empty_like(y)
            by = np.ones(channels, np.float32) if factor is None else np.ascontiguousarray(factor)
            less = np.ascontiguousarray(slope), np.ascontiguousarray(constant)
            passes.less_mean(kept, g, around[0], by, *less, out)
            return out.reshape(shape)

        return sums[0], (None if mean is None else sums[1]), into_x

    return y.reshape(shape), pullback
