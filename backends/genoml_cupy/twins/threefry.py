"""Threefry in one kernel; the standard version launches over a hundred."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import elementwise, indices


def random_uniform(
    kernels: Kernels, like: Array, key: tuple[int, int], step: int | Array, count: int, start: int = 0
) -> Any:
    """See genoml.ops.threefry.random_uniform; within a CUDA graph the step is an array of the device."""
    numbers = kernels.xp.empty((count,), dtype="float32")
    if count == 0:
        return numbers
    on_host = isinstance(step, int | np.integer)
    given = (*key, *([step] if on_host else []), start // 2)
    words: list[Any] = [np.uint32(word & 0xFFFFFFFF) for word in given]
    if not on_host:
        words.insert(2, step)
    blocks = (start + count + 1) // 2 - start // 2
    kernels.launch(
        "threefry",
        "random_uniform" if on_host else "random_uniform_at",
        "float32",
        *elementwise(blocks),
        *words,
        *indices(start % 2, count),
        numbers,
    )
    return numbers
