"""Secants: for two inputs x and r of a function f, a linear map M with M (x - r) = f(x) - f(r), and its transpose.

Multipliers of the outputs go back through the transposes of a chain's secants, as gradients through pullbacks, and

    <M^T m, x - r> = <m, M (x - r)> = <m, f(x) - f(r)>

so that multipliers times differences sum to the change of the output (DeepLIFT, genoml/explain/deeplift.py). Where a
quotient of differences would cancel, the closed form of the mean slope between x and r is taken. Of a product a b it is
the product rule at the means, for a b - a_r b_r = mean(b) (a - a_r) + mean(a) (b - b_r): the pullback at the means.

Each x is paired with K references: x is (n, ...) and reference (n K, ...), those of x[i] at i K to (i + 1) K - 1; maps
are (n K, ...).

References
----------
Shrikumar, Greenside and Kundaje (2017), arXiv:1704.02685, for multipliers and their chain rule ("Rescale"); the other
rules are derived here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops.activations import FAR, activation_vjp, log_softmax, sigmoid, softplus
from genoml.ops.arrays import clip, constant_like
from genoml.ops.special import erf

#: multipliers of the output -> multipliers of the input, both (n K, ...)
Back: TypeAlias = Callable[[Array], Array]
#: f(x), f(reference) and the transpose of the secant
Between: TypeAlias = tuple[Array, Array, Back]


def paired(x: Array, reference: Array) -> tuple[Array, Array]:
    """Views that broadcast: x as (n, 1, ...), the references as (n, K, ...)."""
    xp, n = array_namespace(x), x.shape[0]
    count = reference.shape[0] // n if n else 1
    return x[:, None, ...], xp.reshape(reference, (n, count, *reference.shape[1:]))


def midpoint(x: Array, reference: Array) -> Array:
    """Means of the pairs, (x + reference) / 2, (n K, ...)."""
    given, others = paired(x, reference)
    return array_namespace(x).reshape(0.5 * (given + others), tuple(reference.shape))


# ---------------------------------------------------------------- functions of single numbers


def sinhc(d: Array) -> Array:
    """S(d) = sinh(d / 2) / (d / 2) for |d| <= 1, by its series in u = (d / 2)^2: sum_k u^k / (2k + 1)!."""
    u = 0.25 * (d * d)
    total = 1.0 + u * (1.0 / 156.0)
    for factor in (110.0, 72.0, 42.0, 20.0, 6.0):
        total = 1.0 + u * (1.0 / factor) * total
    return total


def _near_or_quotient(d: Array, near: Array, rise: Array, limit: float = 1.0) -> Array:
    """``near`` where |d| < limit, else rise / d."""
    xp = array_namespace(d)
    close = xp.abs(d) < limit
    return xp.where(close, near, rise / xp.where(close, constant_like(d, 1.0), d))


def relu_slope(x: Array, r: Array) -> Array:
    """The quotient: exactly 1 or 0 where both are on one side, and without cancellation where they are not."""
    xp, zero = array_namespace(x), constant_like(x, 0.0)
    d = x - r
    rise = xp.maximum(x, zero) - xp.maximum(r, zero)
    same = d == 0
    return xp.where(same, xp.astype(x > 0, d.dtype), rise / xp.where(same, constant_like(d, 1.0), d))


def leaky_relu_slope(x: Array, r: Array, slope: float = 0.01) -> Array:
    """y = slope x + (1 - slope) max(x, 0): the sum of both slopes."""
    return slope + (1.0 - slope) * relu_slope(x, r)


def elu_slope(x: Array, r: Array, alpha: float = 1.0) -> Array:
    """y = max(x, 0) + alpha (exp(min(x, 0)) - 1), and min(x, 0) has the slope 1 - that of max(x, 0)."""
    rectified = relu_slope(x, r)
    below = exp_slope(clip(x, high=0.0), clip(r, high=0.0))
    return rectified + alpha * below * (1.0 - rectified)


def sigmoid_slope(x: Array, r: Array) -> Array:
    """S(d) h(x) h(r) with h(x) = 1 / (2 cosh(x / 2)): sigmoid(x) - sigmoid(r) = 2 sinh(d / 2) h(x) h(r)."""
    d = x - r
    near = sinhc(clip(d, -1.0, 1.0)) * _half_sech(x) * _half_sech(r)
    return _near_or_quotient(d, near, sigmoid(x) - sigmoid(r))


def _half_sech(x: Array) -> Array:
    """1 / (2 cosh(x / 2)), without overflow."""
    xp = array_namespace(x)
    half = xp.exp(-0.5 * xp.abs(x))
    return half / (1.0 + half * half)


def tanh_slope(x: Array, r: Array) -> Array:
    """tanh(x) = 2 sigmoid(2 x) - 1, so 4 times the slope of the sigmoid between 2 x and 2 r."""
    return 4.0 * sigmoid_slope(2.0 * x, 2.0 * r)


def exp_slope(x: Array, r: Array) -> Array:
    """exp((x + r) / 2) S(d), for exp(x) - exp(r) = 2 exp((x + r) / 2) sinh(d / 2)."""
    xp, d = array_namespace(x), x - r
    near = xp.exp(0.5 * (x + r)) * sinhc(clip(d, -1.0, 1.0))
    return _near_or_quotient(d, near, xp.exp(x) - xp.exp(r))


def softplus_slope(x: Array, r: Array) -> Array:
    """log1p(sigmoid(r) expm1(d)) / d, for (1 + exp(x)) / (1 + exp(r)) = 1 + sigmoid(r) (exp(d) - 1)."""
    xp, d = array_namespace(x), x - r
    rise = xp.log1p(sigmoid(r) * xp.expm1(clip(d, -1.0, 1.0)))
    same = d == 0
    near = xp.where(same, sigmoid(x), rise / xp.where(same, constant_like(d, 1.0), d))
    return _near_or_quotient(d, near, softplus(x) - softplus(r))


def silu_slope(x: Array, r: Array) -> Array:
    """The product rule for x sigmoid(x)."""
    return 0.5 * (sigmoid(x) + sigmoid(r)) + 0.5 * (x + r) * sigmoid_slope(x, r)


def gelu_slope(x: Array, r: Array) -> Array:
    """The product rule for x P(x), P the normal distribution function.

    Close to each other, the slope of P is the mean of its density p between them, by Taylor's rule at the midpoint c:
    p(c) + p''(c) d^2 / 24 = p(c) (1 + (c^2 - 1) d^2 / 24), whose error is of order d^4.
    """
    return _gelu_slope(x, r, _cumulative(x), _cumulative(r))


def _cumulative(z: Array) -> Array:
    return 0.5 * (1.0 + erf(z * math.sqrt(0.5)))


def _gelu_slope(x: Array, r: Array, cumulative: Array, cumulative_r: Array) -> Array:
    xp, d, c = array_namespace(x), x - r, 0.5 * (x + r)
    c2 = c * c
    density = xp.exp(-0.5 * c2) * (1.0 / math.sqrt(2.0 * math.pi))
    near = density * (1.0 + (d * d) * (1.0 / 24.0) * (c2 - 1.0))
    slope = _near_or_quotient(d, near, cumulative - cumulative_r, 0.01)
    return 0.5 * (cumulative + cumulative_r) + c * slope


def gelu_tanh_slope(x: Array, r: Array) -> Array:
    """The product rule for x (1 + tanh(u(x))) / 2; of u = a (x + b x^3) the slope is a (1 + b (x^2 + x r + r^2))."""
    xp, scale, cubic = array_namespace(x), math.sqrt(2.0 / math.pi), 0.044715
    u, u_r = (scale * (z * (1.0 + cubic * (z * z))) for z in (x, r))
    slope = tanh_slope(u, u_r) * scale * (1.0 + cubic * (x * x + x * r + r * r))
    return 0.5 * (1.0 + 0.5 * (xp.tanh(u) + xp.tanh(u_r))) + 0.25 * (x + r) * slope


SLOPES: dict[str, Callable[..., Array]] = {
    "elu": elu_slope,
    "gelu": gelu_slope,
    "gelu_tanh": gelu_tanh_slope,
    "leaky_relu": leaky_relu_slope,
    "relu": relu_slope,
    "sigmoid": sigmoid_slope,
    "silu": silu_slope,
    "softplus": softplus_slope,
    "tanh": tanh_slope,
}


def activation_between(name: str | None, x: Array, reference: Array, **options: float) -> Between:
    """The activation of this name (None: the identity) between x and its references."""
    if name is None or name == "linear":
        return x, reference, lambda m: m
    if name == "gelu":  # of which P is the greatest part of the work: once each for values and slope
        x, reference = clip(x, -FAR), clip(reference, -FAR)
        p, p_r = _cumulative(x), _cumulative(reference)
        slope = array_namespace(x).reshape(
            _gelu_slope(*paired(x, reference), *paired(p, p_r)), tuple(reference.shape)
        )
        return x * p, reference * p_r, lambda m: m * slope
    activate = activation_vjp(name, **options)
    slope = slope_of_pairs(SLOPES[name], x, reference, **options)
    return activate(x)[0], activate(reference)[0], lambda m: m * slope


def slope_of_pairs(function: Callable[..., Array], x: Array, reference: Array, /, **options: float) -> Array:
    """The slopes of a function of single numbers between x and its references, (n K, ...)."""
    return array_namespace(x).reshape(function(*paired(x, reference), **options), tuple(reference.shape))


# ---------------------------------------------------------------- softmax and its relatives


def softmax_between(x: Array, reference: Array, axis: int) -> Between:
    """Softmax along an axis (counted from the end, or 1 or above).

    With a = log softmax(x), b = log softmax(r):  p_i - q_i = E_i (a_i - b_i), and a_i - b_i = d_i - D with d = x - r
    and D the difference of the log-sums.  0 = sum(p - q) = sum E (d - D) gives D = sum(E d) / sum(E), so that
    M = diag(E) - E E^T / sum(E). It is symmetric, and the Jacobian diag(p) - p p^T where x = r.
    """
    xp, shares, (_, p), (_, q), along = _shares(x, reference, axis)
    shape, pairs = tuple(reference.shape), tuple(shares.shape)
    total = xp.sum(shares, axis=along, keepdims=True)

    def back(m: Array) -> Array:
        weighted = shares * xp.reshape(m, pairs)
        return xp.reshape(weighted - shares * (xp.sum(weighted, axis=along, keepdims=True) / total), shape)

    return p, q, back


def log_softmax_between(x: Array, reference: Array, axis: int) -> Between:
    """Log-softmax: a_i - b_i = d_i - sum(E d) / sum(E), with E of :func:`softmax_between`; M^T m = m - w sum(m)."""
    xp, shares, (a, _), (b, _), along = _shares(x, reference, axis)
    shape, pairs = tuple(reference.shape), tuple(shares.shape)
    weights = shares / xp.sum(shares, axis=along, keepdims=True)

    def back(m: Array) -> Array:
        m = xp.reshape(m, pairs)
        return xp.reshape(m - weights * xp.sum(m, axis=along, keepdims=True), shape)

    return a, b, back


def _shares(
    x: Array, reference: Array, axis: int
) -> tuple[Any, Array, tuple[Array, Array], tuple[Array, Array], int]:
    """The namespace, E (n, K, ...), log-softmax and softmax of each, and the axis of E.

    E = (p - q) / (a - b) is the slope of exp between a and b; exp((a + b) / 2) = sqrt(p) sqrt(q).
    """
    xp, a, b = array_namespace(x), log_softmax(x, axis), log_softmax(reference, axis)
    p, q = xp.exp(a), xp.exp(b)
    (pair_a, pair_b), (pair_p, pair_q) = paired(a, b), paired(p, q)
    (root, root_q), d = paired(xp.sqrt(p), xp.sqrt(q)), pair_a - pair_b
    shares = _near_or_quotient(d, root * root_q * sinhc(clip(d, -1.0, 1.0)), pair_p - pair_q)
    return xp, shares, (a, p), (b, q), axis if axis < 0 else axis + 1


# ---------------------------------------------------------------- standardising


def standardize_between(x: Array, reference: Array, axes: tuple[int, ...], eps: float) -> Between:
    """Standardising over axes (1 or above, or the last as -1), as ``standardize_vjp``.

    With c = x - mean, v = (mean c^2 + eps)^(-1/2) and D for differences of the pair:  D(c v) = mean(v) Dc + mean(c) Dv,
    Dv = k D(var) with k = -v^2 v_r^2 / (v + v_r), and D(var) = (2 / size) sum mean(c) Dc. So, before the centring P,
    h = mean(v) m + (2 k / size) mean(c) sum(m mean(c)), and M^T m = P h = h - mean(h).
    """
    xp = array_namespace(x)
    shifted = tuple(axis if axis < 0 else axis + 1 for axis in axes)

    def centred(rows: Array) -> tuple[Array, Array]:
        c = rows - xp.mean(rows, axis=axes, keepdims=True)
        return c, 1.0 / xp.sqrt(xp.mean(c * c, axis=axes, keepdims=True) + eps)

    (c, v), (c_r, v_r) = centred(x), centred(reference)
    (pair_c, pair_c_r), (a, b) = paired(c, c_r), paired(v, v_r)
    mean_c, mean_v = 0.5 * (pair_c + pair_c_r), 0.5 * (a + b)
    slope = -2.0 * (a * a) * (b * b) / (a + b)

    def back(m: Array) -> Array:
        m = xp.reshape(m, tuple(mean_c.shape))
        h = mean_v * m + slope * mean_c * xp.mean(m * mean_c, axis=shifted, keepdims=True)
        return xp.reshape(h - xp.mean(h, axis=shifted, keepdims=True), tuple(reference.shape))

    return c * v, c_r * v_r, back
