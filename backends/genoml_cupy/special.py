"""CuPy's own functions: one kernel each, or none; the standard versions launch up to thirty."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cupy
from cupyx.scipy import special

from genoml.backend import Array


def clip(x: Array, low: float | None = None, high: float | None = None) -> Array:
    """See genoml.ops.arrays.clip."""
    return cupy.clip(x, low, high)


def constant_like(x: Array, value: float) -> Array:
    """See genoml.ops.arrays.constant_like; each constant is made once, and nothing writes to it."""
    return _constant(x.dtype, value)


@lru_cache(maxsize=4096)
def _constant(dtype: Any, value: float) -> Array:
    return cupy.full((), value, dtype=dtype)


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


OWN = {function.__name__: function for function in (clip, constant_like, digamma, erf, lgamma)}
