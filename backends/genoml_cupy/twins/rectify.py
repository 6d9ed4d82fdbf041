"""ReLU with the affine map before it and the pooling after it.

One kernel forward. Backward two for the sums over positions, without atomics, and one for the gradient, or the first of
the two writes it as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from genoml.backend import Array
from genoml.ops.windows import Reach
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import MOST, SHARES, covered, ints, strides, tiles
from genoml_cupy.twins._margins import empty_within, gap_of
from genoml_cupy.twins.sums import add_parts


def rectified_vjp(
    kernels: Kernels,
    x: Array,
    shift: Array,
    size: int = 1,
    ceil_mode: bool = False,
    *,
    mean: Array | None = None,
    scale: Array | None = None,
) -> Any:
    """See genoml.ops.normalise.rectified_vjp."""
    affine = () if mean is None or scale is None else (mean, scale)
    if not covered(x, shift, *affine) or 2 * x.shape[0] * x.shape[1] >= MOST:
        return NotImplemented
    xp = kernels.xp
    n, length, channels = x.shape
    count = Reach(size, size, partial=ceil_mode).outputs(length)
    if count < 1:
        return NotImplemented
    y = xp.empty((n, count, channels), dtype=x.dtype)
    at = xp.empty((n, count, channels), dtype="int32")
    rows = [xp.ascontiguousarray(row) for row in (*(affine or (shift, shift)), shift)]
    of_x = (x, *strides(x))
    with_mean, sizes = ints(bool(affine))[0], ints(n, length, channels, count, size)
    kernels.launch(
        "rectify", "rectified_forward", x.dtype, *tiles(n * count, channels), *of_x, *rows, with_mean, *sizes, y, at
    )  # fmt: skip

    def pullback(grad: Array) -> tuple[Array, Array | None, Callable[..., Array]]:
        # where no z is above 0, the position is -1 and nothing gets the gradient
        gap, of_grad = gap_of(x), (grad, *strides(grad))
        grid, block = tiles(n * count, channels, SHARES)
        kinds = 1 + bool(affine)
        parts = xp.empty((kinds, grid[0], channels), dtype=x.dtype)
        matrix, g = parts, None  # with an affine map nothing is written yet: dx needs the sums
        if not affine:
            matrix, g = empty_within(kernels, n, length, channels, gap, x.dtype)
        kernels.launch(
            "rectify", "rectified_backward", x.dtype, grid, block, *of_grad, at, *of_x, rows[0], with_mean,
            *sizes, *ints(gap), matrix, parts,
        )  # fmt: skip
        sums = kernels.rows(add_parts(kernels, parts))

        def into_x(
            factor: Array | None = None, slope: Array | None = None, constant: Array | None = None
        ) -> Array:
            if factor is None and slope is None and g is not None:
                return g
            one = xp.ones((channels,), dtype=x.dtype) if factor is None else factor
            middle = rows[0] if affine else xp.zeros((channels,), dtype=x.dtype)
            slopes = (one, one) if slope is None else (slope, constant)
            out, grad_x = empty_within(kernels, n, length, channels, gap, x.dtype)
            kernels.launch(
                "rectify", "rectified_into_x", x.dtype, *tiles(out.shape[0], channels), *of_grad, at, *of_x, middle,
                *(xp.ascontiguousarray(row) for row in (one, *slopes)), *ints(slope is not None), *sizes, *ints(gap),
                out,
            )  # fmt: skip
            return grad_x

        return sums[0], (sums[1] if affine else None), into_x

    return y, pullback
