"""Pooling layers: over windows, or over the whole length of a sequence."""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.arguments import Count
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything
from genoml.ops.pool1d import (
    average_pool1d_vjp,
    axis_max_between,
    global_max_vjp,
    max_pool1d_vjp,
    max_pool_between,
)
from genoml.ops.secants import Between
from genoml.ops.windows import Reach

__all__ = ["AveragePool1D", "GlobalAveragePool1D", "GlobalMaxPool1D", "MaxPool1D"]


class MaxPool1D(Layer):
    """The largest value in each window: y[n, c, l] = max_{k < pool_size} x[n, c, l stride + k].

    Where several positions of a window are largest, the first takes the gradient.

    Parameters
    ----------
    pool_size : int
        Window width in positions.
    stride : int or None
        Step between windows; ``pool_size`` if None.
    ceil_mode : bool
        Whether positions after the last whole window make one more, which the sequence's end cuts off; they
        are dropped otherwise. The last window begins inside the sequence, as in PyTorch.

    Shapes
    ------
    x : (batch, channels, length)
    y : (batch, channels, (length - pool_size) // stride + 1), rounded up with ``ceil_mode``

    Raises
    ------
    ValueError
        If a sequence is shorter than the window; with ``ceil_mode``, if it is empty.
    """

    def __init__(
        self,
        pool_size: Count,
        stride: Count | None = None,
        *,
        ceil_mode: bool = False,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.pool_size, self.stride = pool_size, pool_size if stride is None else stride
        self.ceil_mode = ceil_mode

    def check(self, x: Array) -> None:
        """Raise ValueError unless x is long enough."""
        ok = x.ndim == 3 and x.shape[2] >= self.shortest
        expect_shape(self, x, ok, f"(batch, channels, length >= {self.shortest})")

    @property
    def shortest(self) -> int:
        """The least length of x."""
        return 1 if self.ceil_mode else self.pool_size

    def reach(self, length: int) -> Reach:
        """An output sees a window of ``pool_size`` positions."""
        return Reach(self.pool_size, self.stride, partial=self.ceil_mode)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        self.check(x)
        xp = array_namespace(x)
        rows = xp.permute_dims(x, (0, 2, 1))
        y, back = max_pool1d_vjp(rows, self.pool_size, self.stride, self.ceil_mode)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            if not need_x:
                return None, {}
            return xp.permute_dims(back(xp.permute_dims(grad, (0, 2, 1))), (0, 2, 1)), {}

        return xp.permute_dims(y, (0, 2, 1)), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """In each window, the rise of its maximum is shared by the largest of x and the largest of reference."""
        self.check(x)
        xp = array_namespace(x)
        rows, others = (xp.permute_dims(z, (0, 2, 1)) for z in (x, reference))
        y, y_r, back = max_pool_between(rows, others, self.pool_size, self.stride, self.ceil_mode)

        def back_maps(m: Array) -> Array:
            return xp.permute_dims(back(xp.permute_dims(m, (0, 2, 1))), (0, 2, 1))

        return xp.permute_dims(y, (0, 2, 1)), xp.permute_dims(y_r, (0, 2, 1)), back_maps


class AveragePool1D(Layer):
    """The mean of each window: y[n, c, l] = (1 / pool_size) sum_{k < pool_size} x[n, c, l stride + k].

    Positions after the last whole window are dropped.

    Parameters
    ----------
    pool_size : int
        Window width in positions.
    stride : int or None
        Step between windows; ``pool_size`` if None.

    Shapes
    ------
    x : (batch, channels, length)
    y : (batch, channels, (length - pool_size) // stride + 1)

    Raises
    ------
    ValueError
        If a sequence is shorter than the window.
    """

    def __init__(
        self,
        pool_size: Count,
        stride: Count | None = None,
        *,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.pool_size, self.stride = pool_size, pool_size if stride is None else stride

    affine = True

    def reach(self, length: int) -> Reach:
        """An output sees a window of ``pool_size`` positions."""
        return Reach(self.pool_size, self.stride)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        ok = x.ndim == 3 and x.shape[2] >= self.pool_size
        expect_shape(self, x, ok, f"(batch, channels, length >= {self.pool_size})")
        xp = array_namespace(x)
        y, back = average_pool1d_vjp(xp.permute_dims(x, (0, 2, 1)), self.pool_size, self.stride)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            if not need_x:
                return None, {}
            return xp.permute_dims(back(xp.permute_dims(grad, (0, 2, 1))), (0, 2, 1)), {}

        return xp.permute_dims(y, (0, 2, 1)), pullback


class GlobalMaxPool1D(Layer):
    """The largest value of the sequence: y[n, c] = max_l x[n, c, l]; the first of equals takes the gradient.

    After a convolution it tells whether a motif is present, wherever it lies.

    Shapes
    ------
    x : (batch, channels, length >= 1)
    y : (batch, channels)

    References
    ----------
    Alipanahi et al. (2015), DeepBind, doi:10.1038/nbt.3300.
    """

    readout = "max"

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        expect_shape(self, x, x.ndim == 3 and x.shape[2] >= 1, "(batch, channels, length >= 1)")
        xp = array_namespace(x)
        y, back = global_max_vjp(xp.permute_dims(x, (0, 2, 1)))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (xp.permute_dims(back(grad), (0, 2, 1)) if need_x else None), {}

        return y, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """As MaxPool1D's, with one window."""
        expect_shape(self, x, x.ndim == 3 and x.shape[2] >= 1, "(batch, channels, length >= 1)")
        return axis_max_between(x, reference, 2)


class GlobalAveragePool1D(Layer):
    """The mean along the sequence: y[n, c] = (1 / L) sum_l x[n, c, l].

    Shapes
    ------
    x : (batch, channels, length >= 1)
    y : (batch, channels)
    """

    readout = "mean"

    affine = True
    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        expect_shape(self, x, x.ndim == 3 and x.shape[2] >= 1, "(batch, channels, length >= 1)")
        xp = array_namespace(x)
        n, c, length = x.shape

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # every position has weight 1 / L; made channels-last, as the arrays around it are
            if not need_x:
                return None, {}
            spread = xp.broadcast_to((grad / length)[:, None, :], (n, length, c))
            return xp.permute_dims(spread, (0, 2, 1)), {}

        return xp.mean(x, axis=2), pullback
