"""Activations, softmax and their relatives: each formula beside its derivative.

Conv1D and Dense take the element-wise ones by name (``activation="gelu"``). The layers of nn/activations.py,
attention and the losses call the same functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops.arrays import clip, constant_like
from genoml.ops.dispatch import operation
from genoml.ops.special import erf

#: activations that layers take by name
ActivationName: TypeAlias = Literal[
    "elu", "gelu", "gelu_tanh", "leaky_relu", "linear", "relu", "sigmoid", "silu", "softplus", "tanh"
]
#: dL/dy -> dL/dz
ActivationPullback: TypeAlias = Callable[[Array], Array]
#: z -> y and its pullback
ActivationVJP: TypeAlias = Callable[[Array], tuple[Array, ActivationPullback]]

#: The score of a key that attention may not see, and the bound of all scores. It is finite: no inf - inf arises.
LOWEST = -1e30
#: Beyond this SiLU and GELU and their slopes are their limits, 0 or z and 0 or 1; so 0 times infinity need not arise.
FAR = 1e9


# ---------------------------------------------------------------- element-wise


def relu_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Rectified linear unit: y = max(z, 0); dy/dz = 1 where z > 0, else 0 (also at z = 0)."""
    xp = array_namespace(z)
    y = xp.maximum(z, constant_like(z, 0.0))
    # a product takes a quarter of the time of ``where`` on NumPy
    return y, lambda grad: grad * xp.astype(y > 0, grad.dtype)


def leaky_relu_vjp(z: Array, slope: float = 0.01) -> tuple[Array, ActivationPullback]:
    """Leaky rectified linear unit: y = z where z > 0, else slope z; dy/dz = 1 or slope (slope at z = 0)."""
    xp = array_namespace(z)
    positive = z > 0
    return xp.where(positive, z, slope * z), lambda grad: xp.where(positive, grad, slope * grad)


def elu_vjp(z: Array, alpha: float = 1.0) -> tuple[Array, ActivationPullback]:
    """Exponential linear unit: y = z where z > 0, else alpha (exp(z) - 1); dy/dz = 1 or alpha exp(z)."""
    xp = array_namespace(z)
    low = clip(z, high=0.0)  # exp must not overflow in the branch that is not taken
    y = xp.where(z > 0, z, alpha * xp.expm1(low))
    return y, lambda grad: xp.where(z > 0, grad, grad * (alpha * xp.exp(low)))


def sigmoid(z: Array) -> Array:
    """Logistic function, 1 / (1 + exp(-z)). It cannot overflow: exp is taken of -|z| only."""
    xp = array_namespace(z)
    small = xp.exp(-xp.abs(z))
    return xp.where(z >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def sigmoid_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Logistic function: y = 1 / (1 + exp(-z)); dy/dz = y (1 - y)."""
    y = sigmoid(z)
    return y, lambda grad: grad * (y * (1.0 - y))


def tanh_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Hyperbolic tangent: y = tanh(z); dy/dz = 1 - y^2."""
    y = array_namespace(z).tanh(z)
    return y, lambda grad: grad * (1.0 - y * y)


def silu_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Sigmoid linear unit: y = z s with s = sigmoid(z). ds/dz = s (1 - s), so dy/dz = s + z s (1 - s)."""
    s, low = sigmoid(z), clip(z, -FAR)
    return low * s, lambda grad: grad * (s * (1.0 + clip(low, high=FAR) * (1.0 - s)))


def softplus(z: Array) -> Array:
    """Softplus: log(1 + exp(z)), computed as max(z, 0) + log(1 + exp(-|z|)), which cannot overflow."""
    xp = array_namespace(z)
    return xp.maximum(z, constant_like(z, 0.0)) + xp.log1p(xp.exp(-xp.abs(z)))


def softplus_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Softplus: y = log(1 + exp(z)); dy/dz = sigmoid(z)."""
    return softplus(z), lambda grad: grad * sigmoid(z)


def gelu_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Gaussian error linear unit: y = z P(z), with P(z) = (1 + erf(z / sqrt 2)) / 2.

    P is the standard normal's cumulative distribution and p its density, so dP/dz = p(z) = exp(-z^2 / 2) / sqrt(2 pi)
    and dy/dz = P(z) + z p(z).
    """
    xp = array_namespace(z)
    low = clip(z, -FAR)
    cumulative = 0.5 * (1.0 + erf(low * math.sqrt(0.5)))

    def back(grad: Array) -> Array:
        near = clip(low, high=FAR)
        density = xp.exp(-0.5 * near * near) * (1.0 / math.sqrt(2.0 * math.pi))
        return grad * (cumulative + near * density)

    return low * cumulative, back


def gelu_tanh_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Approximate GELU: y = z (1 + t) / 2 with t = tanh(u), u = sqrt(2 / pi) (z + 0.044715 z^3).

    dt/dz = (1 - t^2) du/dz, so dy/dz = (1 + t) / 2 + z (1 - t^2) sqrt(2 / pi) (1 + 3 * 0.044715 z^2) / 2.
    """
    xp = array_namespace(z)
    scale, cubic = math.sqrt(2.0 / math.pi), 0.044715
    low = clip(z, -FAR)
    t = xp.tanh(scale * (z * (1.0 + cubic * (z * z))))

    def back(grad: Array) -> Array:
        near = clip(low, high=FAR)
        slope = scale * (1.0 + 3.0 * cubic * (near * near))
        return grad * (0.5 * (1.0 + t) + 0.5 * near * (1.0 - t * t) * slope)

    return 0.5 * low * (1.0 + t), back


def linear_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Identity: y = z."""
    return z, lambda grad: grad


ACTIVATIONS: dict[str, ActivationVJP] = {
    "elu": elu_vjp,
    "gelu": gelu_vjp,
    "gelu_tanh": gelu_tanh_vjp,
    "leaky_relu": leaky_relu_vjp,
    "relu": relu_vjp,
    "sigmoid": sigmoid_vjp,
    "silu": silu_vjp,
    "softplus": softplus_vjp,
    "tanh": tanh_vjp,
}


def activation_vjp(name: str | None, **options: float) -> ActivationVJP:
    """The activation with this name and its pullback; None or ``"linear"`` gives the identity.

    ``options`` are the function's own: ``slope`` for leaky_relu, ``alpha`` for elu.

    Raises
    ------
    ValueError
        If no activation has this name.
    """
    if name is None or name == "linear":
        return linear_vjp
    if name not in ACTIVATIONS:
        raise ValueError(f"activation expects one of {sorted(ACTIVATIONS)}, 'linear' or None, got {name!r}")
    return partial(ACTIVATIONS[name], **options) if options else ACTIVATIONS[name]


def applied(name: str | None) -> Callable[[Array], Array] | None:
    """The activation with this name, without its pullback; None for the identity."""
    if name is None or name == "linear":
        return None
    activate = activation_vjp(name)
    return lambda z: activate(z)[0]


# ---------------------------------------------------------------- softmax


@operation
def softmax(x: Array, axis: int = -1) -> Array:
    """Softmax along an axis: y_i = exp(x_i) / sum_j exp(x_j). The maximum is subtracted first, against overflow.

    Infinite entries are bounded by the largest number, which gives their limits: equal shares of those that are +inf,
    and of all if all are -inf.
    """
    xp = array_namespace(x)
    largest = xp.finfo(x.dtype).max
    x = clip(x, -largest, largest)
    powers = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return powers / xp.sum(powers, axis=axis, keepdims=True)


@operation
def softmax_gradient(y: Array, grad: Array, axis: int = -1) -> Array:
    """Gradient of softmax: dL/dx = y (g - sum(g y)), because dy_i/dx_j = y_i (delta_ij - y_j)."""
    xp = array_namespace(y)
    return y * (grad - xp.sum(grad * y, axis=axis, keepdims=True))


def log_softmax(x: Array, axis: int = -1) -> Array:
    """Log-probabilities, x - log(sum(exp(x))) along the axis. Exact also where softmax underflows.

    Beside an infinite largest entry all lower ones have p = 0. Equal entries have equal shares at any height M, so
    the limits M -> inf of several +inf, and M -> -inf of nothing but -inf, are equal shares too.
    """
    xp = array_namespace(x)
    shifted = _below_highest(x, xp.max(x, axis=axis, keepdims=True))
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def log_sum_exp(x: Array, axis: int = -1) -> Array:
    """Log of the sum of exponentials along the axis, which is dropped. It cannot overflow."""
    xp = array_namespace(x)
    highest = xp.max(x, axis=axis, keepdims=True)
    total = xp.log(xp.sum(xp.exp(_below_highest(x, highest)), axis=axis, keepdims=True)) + highest
    return xp.squeeze(total, axis=axis)


def _below_highest(x: Array, highest: Array) -> Array:
    """x - highest, 0 at the highest also where that is infinite."""
    xp, zero = array_namespace(x), constant_like(x, 0.0)
    top = x == highest
    return xp.where(top, zero, xp.where(top, zero, x) - highest)


def allow(scores: Array, allowed: Array | None) -> Array:
    """Attention scores up to -``LOWEST``, with ``LOWEST`` where ``allowed`` (broadcast) is False."""
    scores = clip(scores, high=-LOWEST)
    if allowed is None:
        return scores
    return array_namespace(scores).where(allowed, scores, constant_like(scores, LOWEST))


def masked_softmax(scores: Array, allowed: Array | None) -> Array:
    """Softmax along the last axis over the allowed entries. A row with no allowed entry is all zeros.

    ``softmax_gradient`` is its gradient too: where y = 0, dL/dx = 0.
    """
    if allowed is None:
        return softmax(scores)
    xp = array_namespace(scores)
    scores = allow(scores, allowed)
    powers = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    # in a row with no allowed entry every power is exp(0), so the mask itself sets them to zero
    powers = xp.where(allowed, powers, constant_like(powers, 0.0))
    return powers / nonzero(xp.sum(powers, axis=-1, keepdims=True))


def nonzero(total: Array) -> Array:
    """Denominators of a softmax, with 1 in place of 0 for rows with no allowed entry."""
    return array_namespace(total).where(total > 0, total, constant_like(total, 1.0))
