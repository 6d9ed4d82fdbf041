"""Max pooling by one kernel forward and one backward, without masks over the whole input."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.ops.windows import Reach
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import BLOCKS, MOST, THREADS, covered, elementwise, indices, ints, strides

#: Channels, and parts of the length, of a block of global_max_forward, as in kernels/pool.cu.
_WIDTH, _SHARES = 32, 8
#: Elements that the kernels count as int, with the step to a thread's next one.
_LARGEST = MOST - THREADS * BLOCKS


def max_pool1d_vjp(kernels: Kernels, x: Array, size: int, stride: int, ceil_mode: bool = False) -> Any:
    """See genoml.ops.pool1d.max_pool1d_vjp."""
    n, length, channels = x.shape
    count = Reach(size, stride, partial=ceil_mode).outputs(length)
    if not covered(x) or count < 1 or max(x.size, size, stride) >= _LARGEST:
        return NotImplemented
    xp = kernels.xp
    y = xp.empty((n, count, channels), dtype=x.dtype)
    at = xp.empty((n, count, channels), dtype="int32")
    sizes = ints(n, length, channels, count, size, stride)
    kernels.launch("pool", "max_pool_forward", x.dtype, *elementwise(y.size), x, *strides(x), *sizes, y, at)

    def pullback(grad: Array) -> Array:
        grad_x = xp.empty((n, length, channels), dtype=grad.dtype)
        kernels.launch(
            "pool", "max_pool_backward", grad.dtype, *elementwise(grad_x.size),
            grad, *strides(grad), at, *sizes, grad_x,
        )  # fmt: skip
        return grad_x

    return y, pullback


def global_max_vjp(kernels: Kernels, x: Array) -> Any:
    """See genoml.ops.pool1d.global_max_vjp."""
    if not covered(x) or x.size >= _LARGEST:
        return NotImplemented
    xp = kernels.xp
    n, length, channels = x.shape
    y = xp.empty((n, channels), dtype=x.dtype)
    at = xp.empty((n, channels), dtype="int64")
    grid = n, -(-channels // _WIDTH), 1
    kernels.launch(
        "pool", "global_max_forward", x.dtype, grid, (_WIDTH, _SHARES, 1),
        x, *strides(x), *indices(length, channels), y, at,
    )  # fmt: skip

    def pullback(grad: Array) -> Array:
        grad_x = xp.empty((n, length, channels), dtype=grad.dtype)
        kernels.launch(
            "pool", "global_max_backward", grad.dtype, *elementwise(grad_x.size),
            grad, *strides(grad), at, *ints(n, length, channels), grad_x,
        )  # fmt: skip
        return grad_x

    return y, pullback
