"""Element-wise non-linearities as functions, each beside its derivative, and their names.

Conv1D and Dense take them by name (``activation="gelu"``); genoml/nn/activations.py makes layers of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.special import erf

#: y and grad of y -> grad of z
ActivationPullback: TypeAlias = Callable[[Array], Array]
ActivationVJP: TypeAlias = Callable[[Array], tuple[Array, ActivationPullback]]


def relu_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """The rectifier: y = max(z, 0); dy/dz = 1 where z > 0, else 0 (the subgradient 0 is taken at z = 0)."""
    xp = array_namespace(z)
    zero = xp.zeros((), dtype=z.dtype, device=device_of(z))
    y = xp.maximum(z, zero)
    # a product, since it takes a quarter of the time of ``where`` on NumPy
    return y, lambda grad: grad * xp.astype(y > 0, grad.dtype)


def leaky_relu_vjp(z: Array, slope: float = 0.01) -> tuple[Array, ActivationPullback]:
    """The leaky rectifier: y = z where z > 0, else slope z; dy/dz = 1 or slope (slope at z = 0)."""
    xp = array_namespace(z)
    positive = z > 0
    return xp.where(positive, z, slope * z), lambda grad: xp.where(positive, grad, slope * grad)


def elu_vjp(z: Array, alpha: float = 1.0) -> tuple[Array, ActivationPullback]:
    """Rectified with a soft floor: y = z where z > 0, else alpha (exp(z) - 1); dy/dz = 1 or alpha exp(z)."""
    xp = array_namespace(z)
    low = xp.clip(z, max=0.0)  # exp of the branch that is not taken must not overflow
    y = xp.where(z > 0, z, alpha * xp.expm1(low))
    return y, lambda grad: xp.where(z > 0, grad, grad * (alpha * xp.exp(low)))


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)) without overflow: exp is taken of -|z| only."""
    xp = array_namespace(z)
    small = xp.exp(-xp.abs(z))
    return xp.where(z >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def sigmoid_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """The logistic function: y = 1 / (1 + exp(-z)); dy/dz = y (1 - y)."""
    y = sigmoid(z)
    return y, lambda grad: grad * (y * (1.0 - y))


def tanh_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """The hyperbolic tangent: y = tanh(z); dy/dz = 1 - y^2."""
    y = array_namespace(z).tanh(z)
    return y, lambda grad: grad * (1.0 - y * y)


def silu_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """The sigmoid linear unit: y = z s with s = sigmoid(z); as ds/dz = s (1 - s), dy/dz = s + z s (1 - s)."""
    s = sigmoid(z)
    return z * s, lambda grad: grad * (s * (1.0 + z * (1.0 - s)))


def softplus_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """The smooth rectifier: y = log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|)); dy/dz = sigmoid(z)."""
    xp = array_namespace(z)
    y = xp.clip(z, min=0.0) + xp.log1p(xp.exp(-xp.abs(z)))
    return y, lambda grad: grad * sigmoid(z)


def gelu_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """The Gaussian error linear unit: y = z P(z), with P(z) = (1 + erf(z / sqrt 2)) / 2.

    P is the standard normal distribution, and dP/dz its density p(z) = exp(-z^2 / 2) / sqrt(2 pi), so
    dy/dz = P(z) + z p(z).
    """
    xp = array_namespace(z)
    cumulative = 0.5 * (1.0 + erf(z * math.sqrt(0.5)))

    def back(grad: Array) -> Array:
        density = xp.exp(-0.5 * z * z) * (1.0 / math.sqrt(2.0 * math.pi))
        return grad * (cumulative + z * density)

    return z * cumulative, back


def gelu_tanh_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """Its approximation: y = z (1 + t) / 2 with t = tanh(u), u = sqrt(2 / pi) (z + 0.044715 z^3).

    dt/dz = (1 - t^2) du/dz, so dy/dz = (1 + t) / 2 + z (1 - t^2) sqrt(2 / pi) (1 + 3 * 0.044715 z^2) / 2.
    """
    xp, scale, cubic = array_namespace(z), math.sqrt(2.0 / math.pi), 0.044715
    t = xp.tanh(scale * (z * (1.0 + cubic * (z * z))))

    def back(grad: Array) -> Array:
        slope = scale * (1.0 + 3.0 * cubic * (z * z))
        return grad * (0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * slope)

    return 0.5 * z * (1.0 + t), back


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
    """The activation with this name; None or ``"linear"`` is the identity.

    ``options`` are those of the function: ``slope`` of leaky_relu, ``alpha`` of elu.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name is None or name == "linear":
        return lambda z: (z, lambda grad: grad)
    if name not in ACTIVATIONS:
        raise ValueError(f"activation expects one of {sorted(ACTIVATIONS)}, 'linear' or None, got {name!r}")
    return partial(ACTIVATIONS[name], **options) if options else ACTIVATIONS[name]


def applied(name: str | None) -> Callable[[Array], Array] | None:
    """The activation with this name alone, without its pullback; None for the identity."""
    if name is None or name == "linear":
        return None
    activate = activation_vjp(name)
    return lambda z: activate(z)[0]
