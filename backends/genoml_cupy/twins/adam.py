"""Adam's update in one kernel; the standard version launches about ten."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.parallel import ALONE, Workers
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import covered, elementwise, indices, real


def adam_update(
    kernels: Kernels,
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
    if not covered(param, grad, mean, square):
        return NotImplemented
    given = [kernels.xp.ascontiguousarray(array) for array in (param, grad, mean, square)]
    results = tuple(kernels.xp.empty(param.shape, dtype=param.dtype) for _ in range(3))
    scalars = (kept, beta1, 1.0 - beta1, beta2, 1.0 - beta2, rate, correction, eps)
    kernels.launch(
        "adam", "adam_update", param.dtype, *elementwise(param.size), *given, *indices(param.size),
        *(real(param.dtype, value) for value in scalars), *results,
    )  # fmt: skip
    return results
