"""Element-wise non-linearities, each beside its derivative.

Conv1D and Dense take them by name (``activation="relu"``); the same functions are layers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
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


def exp_vjp(z: Array) -> tuple[Array, ActivationPullback]:
    """y = exp(z); dy/dz = y."""
    y = array_namespace(z).exp(z)
    return y, lambda grad: grad * y


ACTIVATIONS: dict[str, ActivationVJP] = {"relu": relu_vjp, "sigmoid": sigmoid_vjp, "exp": exp_vjp}


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


class Exp(Activation):
    """y = exp(x), any shape; behind the first convolution it makes filters read as whole motifs.

    Overflows where x does not stay moderate (88 in float32): put a normalisation before it.

    References
    ----------
    Koo and Ploenzke (2021), Improving representations of genomic sequence motifs in convolutional networks with
    exponential activations, doi:10.1038/s42256-020-00291-x.
    """

    function = "exp"
