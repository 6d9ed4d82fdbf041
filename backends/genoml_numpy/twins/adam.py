"""Adam's update block by block, so that intermediate values stay in the core's cache.

The standard version writes ten arrays of the parameter's size to memory; this one writes only the three results, which
may be the arrays that it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers

#: a block of a parameter, its gradient and its moments, which it replaces by the next; an array of its size to spare
Step = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]

_BLOCK = 1 << 14
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
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three results of a step that takes one block at a time, shared out among threads."""
    given = (param, mean, square)
    in_place = in_place and all(array.flags.carray for array in given)
    results = given if in_place else tuple(np.empty(param.shape, param.dtype) for _ in given)
    before = [np.ascontiguousarray(array).reshape(-1) for array in given]
    p, m, v = (array.reshape(-1) for array in results)
    g = np.ascontiguousarray(grad).reshape(-1)

    def update(first: int, last: int) -> None:
        """Update the blocks from first to last."""
        spare = np.empty(min(_BLOCK, g.size), param.dtype)
        for start in range(first * _BLOCK, min(last * _BLOCK, g.size), _BLOCK):
            block = slice(start, min(start + _BLOCK, g.size))
            if not in_place:
                for array, old in zip((p, m, v), before, strict=True):
                    array[block] = old[block]
            step(p[block], g[block], m[block], v[block], spare[: block.stop - start])

    workers.share_out(update, -(-g.size // _BLOCK), _LEAST)
    return results
