"""Adam's update in one loop over a block, to the bits of the NumPy twin."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers
from genoml_numpy.compiled.signatures import FLOAT, NOTHING, compiled, given, written
from genoml_numpy.twins import adam as plain

_ROW, _KEPT = given(FLOAT, 1), written(FLOAT, 1)


@compiled(NOTHING, _KEPT, _ROW, _KEPT, _KEPT, *[FLOAT] * 8)
def step_in_place(
    p: Any, g: Any, m: Any, v: Any,
    kept: Any, beta1: Any, rest1: Any, beta2: Any, rest2: Any, rate: Any, per_correction: Any, eps: Any,
) -> None:  # fmt: skip
    """The next p, m and v in their places; no array may be another."""
    for i in range(p.shape[0]):
        m[i] = m[i] * beta1 + g[i] * rest1
        v[i] = v[i] * beta2 + g[i] * g[i] * rest2
        p[i] = p[i] * kept - m[i] / (np.sqrt(v[i]) * per_correction + eps) * rate


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
    """See genoml.ops.adam.adam_update; covers float32."""
    if any(array.dtype != np.float32 for array in (param, grad, mean, square)):
        numbers = {
            "kept": kept,
            "beta1": beta1,
            "beta2": beta2,
            "rate": rate,
            "correction": correction,
            "eps": eps,
        }
        return plain.adam_update(param, grad, mean, square, workers=workers, in_place=in_place, **numbers)
    scalars = [
        np.float32(x) for x in (kept, beta1, 1.0 - beta1, beta2, 1.0 - beta2, rate, 1.0 / correction, eps)
    ]

    def step(p: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, _: np.ndarray) -> None:
        step_in_place(p, g, m, v, *scalars)

    return plain.update_blocks(step, param, grad, mean, square, workers, in_place)
