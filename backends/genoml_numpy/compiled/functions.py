"""exp, sigmoid and tanh of single float32 numbers, which the compiler turns into vectors within loops.

e^x = 2^n e^r with n = round(x / log 2) and |r| <= log(2) / 2, where e^r - 1 is a polynomial (that of Moshier's Cephes).
Errors: 1 unit in the last place for exp, 2 for sigmoid and tanh. NaN stays NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core.types.containers import UniTuple

from genoml_numpy.compiled.signatures import FLOAT, compiled

CONTRACT = frozenset({"contract"})
_ONE, _TWO = np.float32(1.0), np.float32(2.0)
#: x + _ROUND has round(x) in its lowest bits
_ROUND = np.float32(1.5 * 2.0**23)
_PER_LOG2 = np.float32(1.4426950408889634)
#: log 2 in two parts, of which the first has few bits: its products with n are exact
_LOG2_HIGH, _LOG2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
#: e^r = 1 + r + r^2 (c5 + r (c4 + ...))
_C0, _C1, _C2, _C3, _C4, _C5 = np.array(
    [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1],
    np.float32,
)
_LEAST, _MOST, _LEAST_POWER = np.float32(-87.0), np.float32(88.0), np.float32(-126.0)
_LOG2 = np.float32(0.6931471805599453)
_SATURATED = np.float32(10.0)


@compiled(UniTuple(FLOAT, 2), FLOAT, loose=CONTRACT)
def _power(x: Any) -> Any:
    """2^n (e^r - 1) and 2^n for x from _LEAST to _MOST; their sum is e^x, and less 1 it is exact near 0."""
    shifted = x * _PER_LOG2 + _ROUND
    n = shifted - _ROUND
    r = x - n * _LOG2_HIGH - n * _LOG2_LOW
    p = ((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r + _C5
    bits = np.int32(np.int32(np.float32(shifted).view(np.int32) << 23) + np.int32(0x3F800000))
    scale = np.int32(bits).view(np.float32)
    return (p * r * r + r) * scale, scale


@compiled(FLOAT, FLOAT, loose=CONTRACT)
def exp(x: Any) -> Any:
    """e^x; 0 below -87."""
    bounded = _MOST if x > _MOST else x
    low = bounded < _LEAST
    part, scale = _power(_LEAST if low else bounded)
    return np.float32(0.0) if low else part + scale


@compiled(FLOAT, FLOAT, loose=CONTRACT)
def exp2(x: Any) -> Any:
    """2^x for x of at most 127; 0 below -126."""
    low = x < _LEAST_POWER
    bounded = _LEAST_POWER if low else x
    shifted = bounded + _ROUND
    r = (bounded - (shifted - _ROUND)) * _LOG2
    p = ((((_C0 * r + _C1) * r + _C2) * r + _C3) * r + _C4) * r + _C5
    bits = np.int32(np.int32(np.float32(shifted).view(np.int32) << 23) + np.int32(0x3F800000))
    return np.float32(0.0) if low else (p * r * r + r + _ONE) * np.int32(bits).view(np.float32)


@compiled(FLOAT, FLOAT, loose=CONTRACT)
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return _ONE / (_ONE + exp(-x))


@compiled(FLOAT, FLOAT, loose=CONTRACT)
def tanh(x: Any) -> Any:
    """With m = e^(2|x|) - 1, m / (m + 2) for small x and 1 - 2 / (m + 2) for others."""
    size = -x if x < 0 else x
    size = _SATURATED if size > _SATURATED else size
    part, scale = _power(size + size)
    m = part + (scale - _ONE)
    q = _ONE / (m + _TWO)
    y = m * q if m < _ONE else _ONE - (q + q)
    return -y if x < 0 else y
