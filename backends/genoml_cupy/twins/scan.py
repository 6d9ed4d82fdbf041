"""The maximum of a correlation and its sparse gradient, and its hits, without writing the correlation to memory."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.ops.windows import Reach
from genoml.parallel import ALONE, Workers
from genoml_cupy.launch import SHARED_BYTES, Kernels
from genoml_cupy.twins._arguments import BLOCKS, HEIGHT, MOST, WIDTH, covered, indices, ints, strides

#: Filters per thread and threads per block, as in kernels/scan.cu.
_TILE, _THREADS = 8, 128
#: Longest sequence: a block reads a whole sequence, so that for longer ones a matrix product is faster.
_LONGEST = 1 << 16
#: Blocks that share a long sequence, each with some of its segments.
_SEGMENTS = 512


def conv1d_max(
    kernels: Kernels, x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE
) -> Any:
    """See genoml.ops.conv1d.conv1d_max; covers what fits shared memory, as kernels over bases do."""
    if not covered(x, w):
        return NotImplemented
    xp = kernels.xp
    n, length, channels = x.shape
    kernel_size, _, filters = w.shape
    reach = Reach(kernel_size, stride, dilation)
    positions = reach.outputs(length)
    _, segment = reach.reads(0, _THREADS)
    dynamic = (kernel_size * _TILE + segment) * channels * x.dtype.itemsize
    static = _THREADS * (x.dtype.itemsize + 8)
    if positions < 1 or length > _LONGEST or dynamic + static > SHARED_BYTES:
        return NotImplemented
    y = xp.empty((n, filters), dtype=x.dtype)
    at = xp.empty((n, filters), dtype="int64")
    grid = n, -(-filters // _TILE), 1
    kernels.launch(
        "scan", "scan_max", x.dtype, grid, (_THREADS, 1, 1), x, *strides(x), w, *strides(w),
        *indices(channels, kernel_size, filters, stride, dilation, positions), y, at, shared_bytes=dynamic,
    )  # fmt: skip
    return y, at


def conv1d_max_grad_w(
    kernels: Kernels,
    x: Array,
    positions: Array,
    grad: Array,
    kernel_size: int,
    stride: int = 1,
    dilation: int = 1,
) -> Any:
    """See genoml.ops.conv1d.conv1d_max_grad_w."""
    n, _, channels = x.shape
    filters = grad.shape[1]
    if not covered(x, grad) or str(positions.dtype) != "int64":
        return NotImplemented
    xp = kernels.xp
    grad_w = xp.empty((kernel_size, channels, filters), dtype=x.dtype)
    kernels.launch(
        "scan", "scan_max_grad_w", x.dtype, (min(-(-grad_w.size // WIDTH), BLOCKS), 1, 1), (WIDTH, HEIGHT, 1),
        x, *strides(x),
        xp.ascontiguousarray(positions), grad, *strides(grad),
        *indices(n, channels, kernel_size, filters, stride, dilation), grad_w,
    )  # fmt: skip
    return grad_w


def conv1d_hits(kernels: Kernels, x: Array, w: Array, limits: Array, most: int) -> Any:
    """See genoml.ops.conv1d.conv1d_hits; covers what fits shared memory and places below 2^31."""
    if not covered(x, w, limits):
        return NotImplemented
    xp = kernels.xp
    _, length, channels = x.shape
    kernel_size, _, filters = w.shape
    positions = length - kernel_size + 1
    dynamic = (kernel_size * _TILE + _THREADS - 1 + kernel_size) * channels * x.dtype.itemsize
    if positions < 1 or positions * filters >= MOST or dynamic > SHARED_BYTES:
        return NotImplemented
    found = xp.zeros((1 + most,), dtype="int32")
    grid = min(-(-positions // _THREADS), _SEGMENTS), -(-filters // _TILE), 1
    kernels.launch(
        "scan", "scan_hits", x.dtype, grid, (_THREADS, 1, 1), x, *strides(x)[1:], w, *strides(w),
        xp.ascontiguousarray(limits), *indices(channels, kernel_size, filters, positions), *ints(most), found,
        shared_bytes=dynamic,
    )  # fmt: skip
    return found
