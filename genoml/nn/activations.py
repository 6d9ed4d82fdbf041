"""Element-wise non-linearities, each beside its derivative.

Conv1D and Dense take them by name (``activation="relu"``); the same functions are layers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array, Backend
from genoml.nn.base import Layer, Pullback

#: y and grad of y -> grad of z
ActivationPullback: TypeAlias = Callable[[Array], Array]
ActivationVJP: TypeAlias = Callable[[Array], tuple[Array, ActivationPullback]]


def relu_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """y = max(z, 0); dy/dz = 1 where z > 0, else 0 (the subgradient 0 is taken at z = 0)."""
    xp = array_namespace(z)
    zero = xp.zeros((), dtype=z.dtype, device=device_of(z))
    y = xp.maximum(z, zero)
    return y, lambda grad: xp.where(y > 0, grad, zero)


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)) without overflow: exp is taken of -|z| only."""
    xp = array_namespace(z)
    small = xp.exp(-xp.abs(z))
    return xp.where(z >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def sigmoid_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """y = 1 / (1 + exp(-z)); dy/dz = y (1 - y)."""
    y = sigmoid(z)
    return y, lambda grad: grad * (y * (1.0 - y))


ACTIVATIONS: dict[str, ActivationVJP] = {"relu": relu_vjp, "sigmoid": sigmoid_vjp}


def activation_vjp(name: str | None) -> ActivationVJP:
    """The activation with this name; None or ``"linear"`` is the identity.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name is None or name == "linear":
        return lambda z: (z, lambda grad: grad)
    if name not in ACTIVATIONS:
        raise ValueError(f"activation expects one of {sorted(ACTIVATIONS)}, 'linear' or None, got {name!r}")
    return ACTIVATIONS[name]


class Activation(Layer):
    """A layer that applies one element-wise function; subclasses name it."""

    function: str

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        y, back = activation_vjp(self.function)(x)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            return (back(grad) if need_x else None), {}

        return y, pullback


class ReLU(Activation):
    """y = max(x, 0), any shape.

    References
    ----------
    Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
    """

    function = "relu"


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)), any shape; exact for any finite x, without overflow."""

    function = "sigmoid"


class Exp(Layer):
    """y = exp(min(x, ceiling)), any shape; behind the first convolution it makes filters read as whole motifs.

    Without a ceiling it is the exponential, and overflows where x does not stay moderate (88 in float32). With
    one, y is bounded and dy/dx = 0 from the ceiling on, so that single large activations do not take over the
    training.

    References
    ----------
    Koo and Ploenzke (2021), Improving representations of genomic sequence motifs in convolutional networks with
    exponential activations, doi:10.1038/s42256-020-00291-x; the ceiling is our own.
    """

    def __init__(
        self,
        ceiling: float | None = None,
        *,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.ceiling = ceiling

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        xp, ceiling = array_namespace(x), self.ceiling
        y = xp.exp(x) if ceiling is None else xp.exp(xp.clip(x, max=ceiling))

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            if not need_x:
                return None, {}
            g = grad * y  # d exp(x) / dx = exp(x)
            if ceiling is None:
                return g, {}
            return xp.where(x < ceiling, g, xp.zeros((), dtype=g.dtype, device=device_of(g))), {}

        return y, pullback
