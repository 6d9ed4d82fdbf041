"""Softmax and its logarithm along one axis, and the masked softmax of attention."""

from __future__ import annotations

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array, Backend
from genoml.nn.base import Layer, Pullback, expect_shape
from genoml.nn.reach import EVERYTHING, Reach
from genoml.ops._dispatch import operation

#: what a score that is not allowed becomes: far below any real one, and finite, so that no inf - inf arises
LOWEST = -1e30


def constant_like(x: Array, value: float) -> Array:
    """A 0-dimensional array of x's dtype, on its device."""
    return array_namespace(x).full((), value, dtype=x.dtype, device=device_of(x))


@operation
def softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum exp(x), of x minus its maximum, so that nothing overflows."""
    xp = array_namespace(x)
    powers = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    return powers / xp.sum(powers, axis=axis, keepdims=True)


@operation
def softmax_gradient(y: Array, grad: Array, axis: int = -1) -> Array:
    """dL/dx = y (g - sum(g y)), from dy_i/dx_j = y_i (delta_ij - y_j)."""
    xp = array_namespace(y)
    return y * (grad - xp.sum(grad * y, axis=axis, keepdims=True))


def allow(scores: Array, allowed: Array | None) -> Array:
    """The scores, with ``LOWEST`` where ``allowed`` (broadcast) is False."""
    if allowed is None:
        return scores
    return array_namespace(scores).where(allowed, scores, constant_like(scores, LOWEST))


def masked_softmax(scores: Array, allowed: Array | None) -> Array:
    """The softmax along the last axis over what is allowed; a row in which nothing is gives zeros.

    Its gradient is ``softmax_gradient``: where y = 0, dL/dx = 0.
    """
    if allowed is None:
        return softmax(scores)
    xp = array_namespace(scores)
    scores = allow(scores, allowed)
    powers = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    # where nothing is allowed every power is exp(0), so each is set to zero by the mask itself
    powers = xp.where(allowed, powers, constant_like(powers, 0.0))
    return powers / nonzero(xp.sum(powers, axis=-1, keepdims=True))


def nonzero(total: Array) -> Array:
    """The sums of a softmax, with 1 for the rows in which nothing is allowed."""
    return array_namespace(total).where(total > 0, total, constant_like(total, 1.0))


def check_axis(layer: str, x: Array, axis: int) -> None:
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
        """Each position itself along the channels, all of them along any other axis."""
        return Reach() if self.axis == 1 else EVERYTHING

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        check_axis("Softmax", x, self.axis)
        y = softmax(x, self.axis)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
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
        """Each position itself along the channels, all of them along any other axis."""
        return Reach() if self.axis == 1 else EVERYTHING

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        check_axis("LogSoftmax", x, self.axis)
        xp, axis = array_namespace(x), self.axis
        shifted = x - xp.max(x, axis=axis, keepdims=True)
        y = shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # dy_i/dx_j = delta_ij - softmax_j  =>  dL/dx = g - softmax(x) sum(g)
            if not need_x:
                return None, {}
            return grad - xp.exp(y) * xp.sum(grad, axis=axis, keepdims=True), {}

        return y, pullback
