"""Arguments of the kernels: strides, sizes, grids."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml_cupy.launch import Size

#: Threads per block of elementwise kernels, and the most blocks; each thread loops over the rest.
THREADS, BLOCKS = 256, 1 << 16
#: Columns and rows of a block of kernels over matrices, as in kernels/rectify.cu, and the most blocks of a sum.
WIDTH, HEIGHT, SHARES = 32, 8, 1024
#: What counts rows as int must stay below this.
MOST = 1 << 31


def covered(*arrays: Array) -> bool:
    """Whether the kernels cover these arrays: one floating-point dtype, and at least one value each."""
    dtype = arrays[0].dtype
    if dtype.kind != "f" or dtype.itemsize not in _TYPES:  # the dtype's name takes microseconds
        return False
    return all(array.dtype == dtype and array.size for array in arrays)


# a step makes some three hundred of these scalars, and the same ones as the step before
@lru_cache(maxsize=1 << 12)
def indices(*values: int) -> tuple[np.int64, ...]:
    """Parameters of type index_t."""
    return tuple(map(np.int64, values))


@lru_cache(maxsize=1 << 12)
def ints(*values: int) -> tuple[np.int32, ...]:
    """Parameters of type int."""
    return tuple(map(np.int32, values))


def strides(array: Array) -> tuple[np.int64, ...]:
    """Strides of each axis, in elements."""
    return _in_elements(array.strides, array.dtype.itemsize)


@lru_cache(maxsize=1 << 12)
def _in_elements(strides_bytes: tuple[int, ...], itemsize: int) -> tuple[np.int64, ...]:
    return indices(*(stride // itemsize for stride in strides_bytes))


def elementwise(count: int) -> tuple[Size, Size]:
    """Grid and block for a loop over elements."""
    return (min(-(-count // THREADS), BLOCKS), 1, 1), (THREADS, 1, 1)


def rowwise(rows: int, threads: int) -> tuple[Size, Size]:
    """Grid and block for one block per row."""
    return (min(rows, BLOCKS), 1, 1), (threads, 1, 1)


def tiles(rows: int, columns: int, most: int = BLOCKS) -> tuple[Size, Size]:
    """Grid and block for a loop over a matrix, with about ``most`` blocks at the most."""
    across = min(-(-columns // WIDTH), BLOCKS - 1)
    down = min(-(-rows // HEIGHT), max(1, most // across))
    return (down, across, 1), (WIDTH, HEIGHT, 1)


def real(dtype: Any, value: float) -> np.generic:
    """A parameter of type REAL."""
    number: np.generic = _TYPES[dtype.itemsize](value)
    return number


_TYPES: dict[int, Any] = {4: np.float32, 8: np.float64}


def rows_of(array: Array) -> tuple[int, int]:
    """Number of rows along the last axis, and their size."""
    size = array.shape[-1]
    return math.prod(array.shape) // size, size
