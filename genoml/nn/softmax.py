"""Softmax and its logarithm as layers."""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape
from genoml.ops.activations import log_softmax, softmax, softmax_gradient
from genoml.ops.secants import Between, log_softmax_between, softmax_between
from genoml.ops.windows import EVERYTHING, Reach

__all__ = ["LogSoftmax", "Softmax"]


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

    def between(self, x: Array, reference: Array) -> Between:
        """The rule of genoml/ops/secants.py."""
        return softmax_between(x, reference, self.axis)


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

    def between(self, x: Array, reference: Array) -> Between:
        """The rule of genoml/ops/secants.py."""
        return log_softmax_between(x, reference, self.axis)
