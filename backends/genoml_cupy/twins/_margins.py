"""Arrays (n, length, channels) whose examples lie in one matrix with rows of zeros between them.

A convolution computes all rows of a batch as one long sequence. Of its ``span - 1`` last rows of each example nothing
is wanted, so its result is a view with gaps. Its backward pass needs the gradient with zeros in these gaps, and before
the first example. Whatever makes that gradient can write them in the same pass (``empty_within``); else one kernel adds
them (``within_zeros``).
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from genoml.backend import Array
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import ints, real, strides, tiles

#: matrices whose gaps hold zeros, by identity, as long as they live
_zeros_in_gaps: WeakValueDictionary[int, Any] = WeakValueDictionary()


def gap_of(x: Array) -> int:
    """Rows between the examples of a channels-last array in one matrix; 0 for any other layout."""
    _, length, channels = x.shape
    size = x.dtype.itemsize
    example, row, element = x.strides
    if element != size or row != channels * size or example % row:
        return 0
    return max(0, min(example // row - length, length))


def empty_within(
    kernels: Kernels, n: int, length: int, channels: int, gap: int, dtype: Any
) -> tuple[Array, Array]:
    """A matrix for ``n`` examples, each followed by a gap, and one gap before them all; and the examples in it.

    The caller writes all of the matrix, with zeros in the gaps.
    """
    matrix = kernels.xp.empty((gap + n * (length + gap), channels), dtype=dtype)
    if gap == 0:
        return matrix, matrix.reshape(n, length, channels)
    _zeros_in_gaps[id(matrix)] = matrix
    return matrix, _examples(matrix, n, length, gap)


def _examples(matrix: Array, n: int, length: int, gap: int) -> Array:
    return matrix[gap:].reshape(n, length + gap, matrix.shape[1])[:, :length]


def within_zeros(kernels: Kernels, grad: Array, gap: int) -> Array:
    """The matrix that holds a gradient with zeros in gaps of this size: its own, or a new one."""
    n, length, channels = grad.shape
    rows = gap + n * (length + gap)
    base = grad if grad.base is None else grad.base
    if gap == 0:
        if base.size == grad.size and base.flags.c_contiguous and grad.flags.c_contiguous:
            return grad.reshape(rows, channels)
    elif _zeros_in_gaps.get(id(base)) is base and base.shape == (rows, channels):
        own = _examples(base, n, length, gap)
        if own.strides == grad.strides and kernels.address(own) == kernels.address(grad):
            return base
    matrix, _ = empty_within(kernels, n, length, channels, gap, grad.dtype)
    kernels.launch(
        "conv", "pad_rows", grad.dtype, *tiles(rows, channels), grad, *strides(grad),
        *ints(n, length, channels, gap, 0, length + gap), real(grad.dtype, 0.0), matrix,
    )  # fmt: skip
    return matrix
