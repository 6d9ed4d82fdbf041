"""CuPy's own functions: one kernel each, or none; the standard versions launch up to thirty."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cupy
from cupyx.scipy import special

from genoml.backend import Array


def clip(x: Array, low: float | None = None, high: float | None = None) -> Array:
    """See genoml.ops.arrays.clip."""
    return cupy.clip(x, low, high)


def constant_like(x: Array, value: float | tuple[float, ...]) -> Array:
    """See genoml.ops.arrays.constant_like; each constant is made once, and nothing writes to it."""
    return _constant(x.dtype, value)


@lru_cache(maxsize=4096)
def _constant(dtype: Any, value: float | tuple[float, ...]) -> Array:
    with cupy.cuda.using_allocator(None):  # what stays must not stand in the middle of the pool's memory
        return cupy.asarray(value, dtype=dtype)


def erf(x: Array) -> Array:
    """See genoml.ops.special.erf."""
    return special.erf(x)


def lgamma(x: Array) -> Array:
    """See genoml.ops.special.lgamma."""
    return cupy.where(x >= 0, special.gammaln(x), cupy.nan).astype(x.dtype, copy=False)


def digamma(x: Array) -> Array:
    """See genoml.ops.special.digamma."""
    values = cupy.where(x > 0, special.digamma(x), cupy.where(x == 0, -cupy.inf, cupy.nan))
    return values.astype(x.dtype, copy=False)


def in_memory_order(x: Array, other: Array, operator: Callable[[Array, Array], Array]) -> Array:
    """See genoml.ops.arrays.in_memory_order: on views whose memory runs along the last axis."""
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    back = sorted(range(x.ndim), key=order.__getitem__)
    return operator(x.transpose(order), other.transpose(order)).transpose(back)


def squared_error(predictions: Array, targets: Array, divisor: float = 1.0) -> tuple[Array, Array]:
    """See genoml.ops.special.squared_error."""
    square, slope = _squared_error(predictions, targets, divisor)
    return square, slope


# the square of a large number is infinite here, as it should be
_squared_error = cupy.ElementwiseKernel(
    "T prediction, T target, T divisor",
    "T square, T slope",
    "T error = prediction - target; square = error * error; slope = 2 * error / divisor",
    "squared_error",
)


_FUNCTIONS = (clip, constant_like, digamma, erf, in_memory_order, lgamma, squared_error)
OWN = {function.__name__: function for function in _FUNCTIONS}
