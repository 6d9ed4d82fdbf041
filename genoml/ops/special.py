"""Special functions that the standard lacks: erf, lgamma, digamma, Binet's function; products and powers at infinity.

Largest errors found over 1e-6 .. 1e6, relative to 1 + |value|, in double and in single precision: erf 3e-16
and 9e-8, lgamma 6e-15 and 1e-6, digamma 2e-15 and 4e-7. A backend whose library has the function uses that one.
"""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops.arrays import clip, constant_like
from genoml.ops.dispatch import operation

_HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)
_LARGE_FLOAT_EPS = 1e-10

# erf(x) / x as a polynomial in 2 x^2 - 1, for |x| <= 1: Chebyshev interpolation in 50 digits
_ERF_NEAR = (
    0.9654687386698673,
    -0.1405360890227171,
    0.019852496688983708,
    -0.0022854855611441132,
    0.00021751715604159932,
    -1.7537169441124866e-05,
    1.223382738359897e-06,
    -7.511569286591727e-08,
    4.115800583208149e-09,
    -2.035228405815769e-10,
    9.167619596865806e-12,
    -3.8078824063194953e-13,
    1.4543887079465116e-14,
)
# exp(x^2) erfc(x) as a polynomial in (x - 4) / (x + 2), for x >= 1, found in the same way
_ERFC_FAR = (
    0.13699945762506138,
    -0.1943010365701414,
    0.07445456024898899,
    -0.01992517150828734,
    0.002536567974163075,
    0.000445125246895592,
    -0.00021563457587728025,
    -1.1354543899526761e-05,
    1.85435057888979e-05,
    8.061038976353275e-07,
    -1.8990180155968376e-06,
    -1.9754073510241282e-07,
    2.1295290641090438e-07,
    4.901379164888237e-08,
    -2.2220934169986188e-08,
    -9.267531000588637e-09,
    1.616565889413405e-09,
    9.881065667848528e-10,
    -3.0743988817757795e-11,
)
# B(2k) / (2k (2k - 1)), B(2k) the Bernoulli numbers: log-gamma beyond its leading terms, in odd powers of 1/x
_BINET = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
# B(2k) / (2k): digamma beyond its leading terms, in even powers of 1/x
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def _polynomial(x: Array, coefficients: tuple[float, ...]) -> Array:
    """Polynomial sum_k coefficients[k] x^k, by Horner's rule."""
    xp = array_namespace(x)
    total = xp.zeros_like(x) + coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def _series_from(x: Array) -> int:
    """The least x at which the truncated asymptotic series is exact to the dtype's rounding."""
    return 8 if array_namespace(x).finfo(x.dtype).eps < _LARGE_FLOAT_EPS else 3


def _not_negative(x: Array, values: Array) -> Array:
    xp = array_namespace(x)
    return xp.where(x >= 0, values, constant_like(x, math.nan))


def weighted(weight: Array, values: Array) -> Array:
    """weight * values with 0 * inf = 0: a term of weight 0 is absent, as in 0 log 0 = lim p log p = 0 for p -> 0."""
    xp = array_namespace(values)
    return weight * xp.where(weight == 0.0, constant_like(values, 0.0), values)


def largest_exponent(x: Array) -> float:
    """The number whose exponential is about the largest of x's dtype."""
    limits = array_namespace(x).finfo(x.dtype)
    top: float = math.log(limits.max) * (1.0 - 2.0 * limits.eps)
    return top


def exp_or_inf(x: Array) -> Array:
    """exp(x), infinite beyond the dtype's range, without NumPy's warning of an overflow."""
    xp = array_namespace(x)
    top = constant_like(x, largest_exponent(x))
    infinite = constant_like(x, math.inf)
    return xp.where(x > top, infinite, xp.exp(xp.minimum(x, top)))


def square_or_inf(x: Array) -> Array:
    """x^2, infinite beyond the dtype's range, without NumPy's warning of an overflow."""
    xp, limits = array_namespace(x), array_namespace(x).finfo(x.dtype)
    root = constant_like(x, math.sqrt(limits.max) * (1.0 - 2.0 * limits.eps))
    infinite = constant_like(x, math.inf)
    size = xp.abs(x)
    inside = xp.minimum(size, root)
    return xp.where(size > root, infinite, inside * inside)


@operation
def squared_error(predictions: Array, targets: Array, divisor: float = 1.0) -> tuple[Array, Array]:
    """The squared errors (y - t)^2, infinite beyond the dtype's range, and 2 (y - t) / divisor.

    Shapes
    ------
    all arrays : the same
    """
    error = predictions - targets
    slope = 2.0 * error
    return square_or_inf(error), (slope if divisor == 1.0 else slope / divisor)


@operation
def erf(x: Array) -> Array:
    """Error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Up to |x| = 1 an odd polynomial. Beyond, erf(x) = 1 - exp(-x^2) (exp(x^2) erfc(x)), whose second factor is smooth.
    """
    xp = array_namespace(x)
    size = xp.abs(x)
    inner, outer = clip(size, high=1.0), clip(size, 1.0, 30.0)
    near = inner * _polynomial(2.0 * inner * inner - 1.0, _ERF_NEAR)
    far = 1.0 - xp.exp(-outer * outer) * _polynomial((outer - 4.0) / (outer + 2.0), _ERFC_FAR)
    return xp.copysign(xp.where(size <= 1.0, near, far), x)


@operation
def lgamma(x: Array) -> Array:
    """Log-gamma: log(Gamma(x)) for x >= 0; NaN for x < 0.

    From m = 8 on (3 in single precision) Stirling's series. Below, Gamma(x) = Gamma(x + m) / (x (x+1) .. (x+m-1)).

    References
    ----------
    NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov, 5.11.1 and 5.5.1.
    """
    xp = array_namespace(x)
    start = _series_from(x)
    small = x < start
    z = xp.where(small, x + start, x)
    stirling = (z - 0.5) * (xp.log(z) - 1.0) + (_HALF_LOG_2_PI - 0.5) + _binet_series(z)
    factor = xp.where(small, x, xp.ones_like(x))
    product = factor
    for k in range(1, start):
        product = product * (factor + k)
    infinite = constant_like(x, math.inf)
    # NumPy would warn of the log of a product that is 0
    positive = xp.where(product > 0.0, product, xp.ones_like(product))
    values = xp.where(small, stirling - xp.log(positive), stirling)
    return _not_negative(x, xp.where(product == 0.0, infinite, values))


@operation
def digamma(x: Array) -> Array:
    """Digamma: the derivative of log(Gamma(x)) for x > 0; -inf at 0; NaN for x < 0.

    References
    ----------
    NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov, 5.11.2 and 5.5.2.
    """
    xp = array_namespace(x)
    start = _series_from(x)
    small = x < start
    z = xp.where(small, x + start, x)
    series = xp.log(z) - 0.5 / z - _digamma_series(z)
    factor = xp.where(small, x, xp.ones_like(x))
    safe = xp.where(factor == 0.0, xp.ones_like(x), factor)
    total = 1.0 / safe
    for k in range(1, start):
        total = total + 1.0 / (safe + k)
    values = xp.where(small, series - total, series)
    infinite = constant_like(x, -math.inf)
    return _not_negative(x, xp.where(factor == 0.0, infinite, values))


def _binet_series(z: Array) -> Array:
    inverse = 1.0 / z
    return _polynomial(inverse * inverse, _BINET) * inverse


def _digamma_series(z: Array) -> Array:
    inverse = 1.0 / z
    square = inverse * inverse
    return _polynomial(square, _DIGAMMA) * square


def binet(x: Array) -> Array:
    """Binet's function for x > 0: log(Gamma(x)) - [(x - 1/2) log(x) - x + log(2 pi) / 2].

    A difference of the log-gammas of large numbers loses all digits. A difference of this function loses none,
    because it falls as 1 / (12 x).
    """
    xp = array_namespace(x)
    start = _series_from(x)
    small = x < start
    far = _binet_series(xp.where(small, xp.full_like(x, start), x))
    near = xp.where(small, x, xp.ones_like(x))
    return xp.where(small, lgamma(near) - (near - 0.5) * (xp.log(near) - 1.0) - (_HALF_LOG_2_PI - 0.5), far)


def digamma_excess(x: Array) -> Array:
    """digamma(x) - log(x) for x > 0, computed so that no digits are lost at large x."""
    xp = array_namespace(x)
    start = _series_from(x)
    small = x < start
    z = xp.where(small, xp.full_like(x, start), x)
    near = xp.where(small, x, xp.ones_like(x))
    return xp.where(small, digamma(near) - xp.log(near), -0.5 / z - _digamma_series(z))
