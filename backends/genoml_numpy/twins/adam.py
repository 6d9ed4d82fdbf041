"""Adam's update block by block, so that intermediate values stay in the core's cache.

The standard version writes ten arrays of the parameter's size to memory; this one writes only the three results, which
may be the arrays that it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers

#: a block of a parameter, its gradient and its moments, which it replaces by the next; an array of its size to spare
Step = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]

_BLOCK = 1 << 14
#: Rows of a block of a gradient in another order, so that what lies behind one another in memory is read together.
_ROWS = 16
#: Least blocks per thread: below it, starting threads costs more than it saves.
_LEAST = 8


def adam_update(
    param: Array,
    grad: Array,
    mean: Array,
    square: Array,
    *,
    kept: float,
    beta1: float,
    beta2: float,
    rate: float,
    correction: float,
    eps: float,
    workers: Workers = ALONE,
    in_place: bool = False,
) -> Any:
    """See genoml.ops.adam.adam_update; covers arrays of one dtype."""
    if len({array.dtype for array in (param, grad, mean, square)}) > 1:
        return NotImplemented

    def step(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, spare: np.ndarray) -> None:
        m *= beta1
        m += np.multiply(g, 1.0 - beta1, out=spare)
        v *= beta2
        np.multiply(g, g, out=spare)
        spare *= 1.0 - beta2
        v += spare
        np.sqrt(v, out=spare)
        spare *= 1.0 / correction
        spare += eps
        np.divide(m, spare, out=spare)
        spare *= rate
        p *= kept
        p -= spare

    return update_blocks(step, param, grad, mean, square, workers, in_place)


def update_blocks(
    step: Step,
    param: np.ndarray,
    grad: np.ndarray,
    mean: np.ndarray,
    square: np.ndarray,
    workers: Workers,
    in_place: bool,
) -> tuple[np.ndarray, ...]:
    """The three results of a step that takes one block at a time, shared out among threads."""
    given = (param, mean, square)
    in_place = in_place and all(array.flags.carray for array in given)
    results = given if in_place else tuple(np.empty(param.shape, param.dtype) for _ in given)
    before = [np.ascontiguousarray(array).reshape(-1) for array in given]
    p, m, v = (array.reshape(-1) for array in results)
    # a gradient in another order of the axes, such as that of kernels, is put in order some rows at a time
    size, row = grad.size, 1 if grad.flags.c_contiguous else max(prod(grad.shape[1:]), 1)
    rows = grad.reshape(-1) if row == 1 else grad
    long = _BLOCK if row == 1 else _ROWS * row

    def update(first: int, last: int) -> None:
        """Update the blocks from first to last."""
        spare = np.empty(min(long, size), param.dtype)
        for start in range(first * long, min(last * long, size), long):
            block = slice(start, min(start + long, size))
            g = np.ascontiguousarray(rows[start // row : block.stop // row]).reshape(-1)
            if not in_place:
                for array, old in zip((p, m, v), before, strict=True):
                    array[block] = old[block]
            step(p[block], g, m[block], v[block], spare[: block.stop - start])

    workers.share_out(update, -(-size // long), _LEAST)
    return results
