"""Threefry in one kernel; the standard version launches over a hundred."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import elementwise, indices


def random_uniform(
    kernels: Kernels, like: Array, key: tuple[int, int], step: int, count: int, start: int = 0
) -> Any:
    """See genoml.ops.threefry.random_uniform."""
    numbers = kernels.xp.empty((count,), dtype="float32")
    if count == 0:
        return numbers
    words = [np.uint32(word & 0xFFFFFFFF) for word in (*key, step, start // 2)]
    blocks = (start + count + 1) // 2 - start // 2
    kernels.launch(
        "threefry",
        "random_uniform",
        "float32",
        *elementwise(blocks),
        *words,
        *indices(start % 2, count),
        numbers,
    )
    return numbers
