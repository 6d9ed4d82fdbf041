"""Activation layers; those that Conv1D and Dense take by name have their derivatives in genoml/ops/activations.py."""

from __future__ import annotations

from typing import Literal

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback
from genoml.nn.reach import sees_itself
from genoml.ops.activations import activation_vjp
from genoml.ops.arrays import clip, constant_like
from genoml.ops.secants import (
    Between,
    activation_between,
    exp_slope,
    relu_slope,
    slope_of_pairs,
)

__all__ = [
    "ELU",
    "GELU",
    "Exp",
    "LeakyReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
]


class Activation(Layer):
    """A layer that applies one element-wise function; subclasses name it, and its options."""

    function: str

    def options(self) -> dict[str, float]:
        """Arguments of the function besides its input."""
        return {}

    reach = sees_itself

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        y, back = activation_vjp(self.function, **self.options())(x)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (back(grad) if need_x else None), {}

        return y, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The mean slope of the function between x and reference."""
        return activation_between(self.function, x, reference, **self.options())


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


class LeakyReLU(Activation):
    """y = x where x > 0, else slope x; any shape.

    References
    ----------
    Maas et al. (2013), Rectifier nonlinearities improve neural network acoustic models.
    """

    function = "leaky_relu"

    def __init__(
        self, slope: float = 0.01, *, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.slope = slope

    def options(self) -> dict[str, float]:
        """The slope."""
        return {"slope": self.slope}


class ELU(Activation):
    """y = x where x > 0, else alpha (exp(x) - 1); any shape.

    References
    ----------
    Clevert et al. (2016), Fast and accurate deep network learning by exponential linear units,
    arXiv:1511.07289.
    """

    function = "elu"

    def __init__(
        self, alpha: float = 1.0, *, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.alpha = alpha

    def options(self) -> dict[str, float]:
        """Minus the limit of y towards minus infinity."""
        return {"alpha": self.alpha}


class GELU(Activation):
    """y = x P(x), P the standard normal's cumulative distribution; any shape.

    Parameters
    ----------
    approximate : "none" or "tanh"
        Exact through erf, or x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. As activations by name they
        are ``"gelu"`` and ``"gelu_tanh"``.

    Raises
    ------
    ValueError
        If ``approximate`` is neither.

    References
    ----------
    Hendrycks and Gimpel (2016), Gaussian error linear units, arXiv:1606.08415.
    """

    def __init__(
        self,
        approximate: Literal["none", "tanh"] = "none",
        *,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.approximate = approximate
        self.function = "gelu" if approximate == "none" else "gelu_tanh"


class SiLU(Activation):
    """y = x / (1 + exp(-x)), any shape.

    References
    ----------
    Elfwing et al. (2018), Sigmoid-weighted linear units, doi:10.1016/j.neunet.2017.12.012.
    """

    function = "silu"


class Tanh(Activation):
    """y = tanh(x), any shape."""

    function = "tanh"


class Softplus(Activation):
    """y = log(1 + exp(x)), any shape; positive, and x itself where x is large, without overflow.

    References
    ----------
    Dugas et al. (2001), Incorporating second-order functional knowledge for better option pricing.
    """

    function = "softplus"


class Exp(Layer):
    """y = exp(min(x, ceiling)), any shape; after the first convolution, its filters learn whole motifs.

    Without a ceiling y is the exponential, which overflows for large x (above 88 in float32).
    With one, y is bounded and dy/dx = 0 from the ceiling on, so that single large activations do not take over
    the training.

    References
    ----------
    Koo and Ploenzke (2021), Improving representations of genomic sequence motifs in convolutional networks
    with exponential activations, doi:10.1038/s42256-020-00291-x; the ceiling is our own.
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

    reach = sees_itself

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp, ceiling = array_namespace(x), self.ceiling
        y = xp.exp(x if ceiling is None else clip(x, high=ceiling))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            if not need_x:
                return None, {}
            g = grad * y  # d exp(x) / dx = exp(x)
            if ceiling is None:
                return g, {}
            return xp.where(x < ceiling, g, constant_like(g, 0.0)), {}

        return y, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The slope of exp between the bounded inputs, times that of the bound, min(x, c) = c - max(c - x, 0)."""

        def slope(a: Array, b: Array) -> Array:
            c = self.ceiling
            if c is None:
                return exp_slope(a, b)
            return exp_slope(clip(a, high=c), clip(b, high=c)) * relu_slope(c - a, c - b)

        factor = slope_of_pairs(slope, x, reference)
        return self.vjp(x)[0], self.vjp(reference)[0], lambda m: m * factor
