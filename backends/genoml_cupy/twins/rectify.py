"""ReLU with the affine map before it and the pooling after it: one kernel forward, one backward."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.ops.windows import Reach
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import covered, elementwise, indices, strides

_MOST = 1 << 31


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
    if not covered(x, shift, *affine) or x.shape[1] >= _MOST:  # positions are int32
        return NotImplemented
    xp = kernels.xp
    n, length, channels = x.shape
    count = Reach(size, size, partial=ceil_mode).outputs(length)
    if count < 1:
        return NotImplemented
    y = xp.empty((n, count, channels), dtype=x.dtype)
    at = xp.empty((n, count, channels), dtype="int32")
    rows = [xp.ascontiguousarray(row) for row in (*(affine or (shift, shift)), shift)]
    kernels.launch(
        "pool", "rectified_forward", x.dtype, *elementwise(y.size), x, *strides(x), *rows,
        *indices(bool(affine), n, length, channels, count, size), y, at,
    )  # fmt: skip

    def pullback(grad: Array) -> tuple[Array, Array | None, Any]:
        # where no z is above 0, the position is -1 and nothing gets the gradient
        g = xp.empty((n, length, channels), dtype=grad.dtype)
        kernels.launch(
            "pool", "max_pool_backward", grad.dtype, *elementwise(g.size),
            grad, *strides(grad), at, *indices(n, length, channels, count, size, size), g,
        )  # fmt: skip

        def into_x(
            factor: Array | None = None, slope: Array | None = None, constant: Array | None = None
        ) -> Array:
            own = g if factor is None else g * factor
            return own if slope is None else own - (x if mean is None else x - mean) * slope - constant

        with_x = None if mean is None else xp.sum(g * (x - mean), axis=(0, 1))
        return xp.sum(g, axis=(0, 1)), with_x, into_x

    return y, pullback
