"""Adam's update block by block, so that intermediate values stay in the core's cache.

The standard version writes ten arrays of the parameter's size to memory; this one writes only the three results.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers

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
) -> Any:
    """See genoml.ops.adam.adam_update; covers arrays of one dtype."""
    if len({array.dtype for array in (param, grad, mean, square)}) > 1:
        return NotImplemented
    given = [np.ascontiguousarray(array).reshape(-1) for array in (param, grad, mean, square)]
    results = [np.empty(param.shape, param.dtype) for _ in range(3)]
    flat = [result.reshape(-1) for result in results]

    def update(first: int, last: int) -> None:
        """Update the blocks from first to last."""
        spare = np.empty(min(_BLOCK, given[0].size), param.dtype)
        for start in range(first * _BLOCK, min(last * _BLOCK, given[0].size), _BLOCK):
            block = slice(start, start + _BLOCK)
            p, g, m, v = [array[block] for array in given]
            next_p, next_m, next_v = [array[block] for array in flat]
            work = spare[: len(p)]
            np.multiply(m, beta1, out=next_m)
            np.multiply(g, 1.0 - beta1, out=work)
            next_m += work
            np.multiply(g, g, out=work)
            work *= 1.0 - beta2
            np.multiply(v, beta2, out=next_v)
            next_v += work
            np.sqrt(next_v, out=work)
            work *= 1.0 / correction
            work += eps
            np.divide(next_m, work, out=work)
            work *= rate
            np.multiply(p, kept, out=next_p)
            next_p -= work

    workers.share_out(update, -(-given[0].size // _BLOCK), _LEAST)
    return tuple(results)
