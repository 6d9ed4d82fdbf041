"""Arguments of the kernels: strides, sizes, grids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml_cupy.launch import REALS, Size

#: Threads per block of elementwise kernels, and the most blocks; each thread loops over the rest.
THREADS, BLOCKS = 256, 1 << 16


def covered(*arrays: Array) -> bool:
    """Whether the kernels cover these arrays: one floating-point dtype, and at least one value each."""
    dtypes = {str(array.dtype) for array in arrays}
    return len(dtypes) == 1 and dtypes <= set(REALS) and all(array.size for array in arrays)


def indices(*values: int) -> tuple[np.int64, ...]:
    """Parameters of type index_t."""
    return tuple(map(np.int64, values))


def strides(array: Array) -> tuple[np.int64, ...]:
    """Strides of each axis, in elements."""
    return indices(*(stride // array.dtype.itemsize for stride in array.strides))


def elementwise(count: int) -> tuple[Size, Size]:
    """Grid and block for a loop over elements."""
    return (min(-(-count // THREADS), BLOCKS), 1, 1), (THREADS, 1, 1)


def rowwise(rows: int, threads: int) -> tuple[Size, Size]:
    """Grid and block for one block per row."""
    return (min(rows, BLOCKS), 1, 1), (threads, 1, 1)


def real(dtype: Any, value: float) -> np.generic:
    """A parameter of type REAL."""
    number: np.generic = np.dtype(str(dtype)).type(value)
    return number


def rows_of(array: Array) -> tuple[int, int]:
    """Number of rows along the last axis, and their size."""
    size = array.shape[-1]
    return math.prod(array.shape) // size, size
