"""Activation layers; those that Conv1D and Dense take by name have their derivatives in genoml/ops/activations.py."""

from __future__ import annotations

from typing import Literal

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_itself
from genoml.ops.activations import activation_vjp, log_softmax, softmax, softmax_gradient
from genoml.ops.arrays import clip, constant_like
from genoml.ops.windows import EVERYTHING, Reach

__all__ = [
    "ELU",
    "GELU",
    "Exp",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
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


def check_axis(layer: Layer, x: Array, axis: int) -> None:
    """Raise ValueError unless x has this axis, with at least one value."""
    ok = -x.ndim <= axis < x.ndim and x.shape[axis] >= 1
    expect_shape(layer, x, ok, f"at least one value along axis {axis}")


class Softmax(Layer):
    """y_i = exp(x_i) / sum_j exp(x_j) along one axis; exact for any finite x, without overflow.

    Parameters
    ----------
    axis : int
        The axis along which y sums to one.

    Shapes
    ------
    x, y : any, the same

    Raises
    ------
    ValueError
        If x lacks the axis, or has no values along it.

    References
    ----------
    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs,
    doi:10.1007/978-3-642-76153-9_28.
    """

    def __init__(
        self, axis: int = -1, *, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.axis = axis

    def reach(self, length: int) -> Reach:
        """An output sees its own position if the axis is that of the channels, else every position."""
        return Reach() if self.axis == 1 else EVERYTHING

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        check_axis(self, x, self.axis)
        y = softmax(x, self.axis)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (softmax_gradient(y, grad, self.axis) if need_x else None), {}

        return y, pullback


class LogSoftmax(Layer):
    """y_i = x_i - log sum_j exp(x_j) along one axis: the logarithm of Softmax, exact where that underflows.

    Parameters
    ----------
    axis : int
        The axis along which exp(y) sums to one.

    Shapes
    ------
    x, y : any, the same

    Raises
    ------
    ValueError
        If x lacks the axis, or has no values along it.
    """

    def __init__(
        self, axis: int = -1, *, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.axis = axis

    def reach(self, length: int) -> Reach:
        """An output sees its own position if the axis is that of the channels, else every position."""
        return Reach() if self.axis == 1 else EVERYTHING

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        check_axis(self, x, self.axis)
        xp, axis = array_namespace(x), self.axis
        y = log_softmax(x, axis)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # dy_i/dx_j = delta_ij - softmax_j  =>  dL/dx = g - softmax(x) sum(g)
            if not need_x:
                return None, {}
            return grad - xp.exp(y) * xp.sum(grad, axis=axis, keepdims=True), {}

        return y, pullback
