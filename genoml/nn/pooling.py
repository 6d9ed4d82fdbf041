"""Pooling layers: over windows, or over the whole length of a sequence."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace

from genoml.arguments import Count
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything
from genoml.ops.activations import softmax, softmax_gradient
from genoml.ops.arrays import pad_axis
from genoml.ops.pool1d import average_pool1d_vjp, global_max_vjp, max_pool1d_vjp
from genoml.ops.windows import Reach
from genoml.random import Initializer, constant, identity

__all__ = ["AttentionPool1D", "AveragePool1D", "GlobalAveragePool1D", "GlobalMaxPool1D", "MaxPool1D"]


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
        shortest = 1 if self.ceil_mode else self.pool_size
        ok = x.ndim == 3 and x.shape[2] >= shortest
        expect_shape(self, x, ok, f"(batch, channels, length >= {shortest})")

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


class GlobalAveragePool1D(Layer):
    """The mean along the sequence: y[n, c] = (1 / L) sum_l x[n, c, l].

    Shapes
    ------
    x : (batch, channels, length >= 1)
    y : (batch, channels)
    """

    readout = "mean"

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


class AttentionPool1D(Layer):
    """Mean of each window with learned weights, from a softmax over the window.

        weights[n, :, o, l] = softmax_k(sum_c x[n, c, l pool_size + k] W[c, o])
        y[n, o, l] = sum_k weights[n, k, o, l] x[n, o, l pool_size + k]

    W begins as twice the identity, which is close to maximum pooling; W = 0 is average pooling. Positions
    past the last whole window are dropped.

    Parameters
    ----------
    channels : int
        Size of axis 1 of x.
    pool_size : int
        Window width, and the step between windows, in positions.
    per_channel : bool
        Whether each channel has weights of its own (W is (channels, channels)), or all share one set
        (W is (channels, 1), and begins as zero).

    Shapes
    ------
    x : (batch, channels, length >= pool_size)
    y : (batch, channels, length // pool_size)

    Raises
    ------
    ValueError
        If the channels differ, or a sequence is shorter than the window.

    References
    ----------
    Avsec et al. (2021), Enformer, doi:10.1038/s41592-021-01252-x, methods, "attention pooling".
    """

    weights, weights_grad = Parameter(), Gradient()  # (channels, channels) or (channels, 1)

    def __init__(
        self,
        channels: Count,
        pool_size: Count = 2,
        *,
        per_channel: bool = True,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.channels = channels
        self.pool_size = pool_size
        self.per_channel = per_channel

    def initial_params(self) -> Mapping[str, Initializer]:
        """Twice the identity, or zero where the channels share one set."""
        shared = constant((self.channels, 1), 0.0)
        return {"weights": identity(self.channels, 2.0) if self.per_channel else shared}

    def reach(self, length: int) -> Reach:
        """An output sees a window of ``pool_size`` positions; windows do not overlap."""
        return Reach(self.pool_size, self.pool_size)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        ok = x.ndim == 3 and x.shape[1] == self.channels and x.shape[2] >= self.pool_size
        expect_shape(self, x, ok, f"(batch, {self.channels}, length >= {self.pool_size})")
        xp = array_namespace(x)
        weights = self.weights
        size = self.pool_size
        n, channels, length = x.shape
        count, outputs = length // size, weights.shape[1]
        # channels-last, as the memory is: a row a position
        used = xp.permute_dims(x[:, :, : count * size], (0, 2, 1))
        rows = xp.reshape(used, (n * count * size, channels))
        windows = xp.reshape(rows, (n, count, size, channels))
        share = softmax(xp.reshape(rows @ weights, (n, count, size, outputs)), axis=2)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y = sum_k s_k x_k with s = softmax(x W): ds_k = g x_k (summed over the channels that share s),
            # dz = softmax'(ds), dW = x^T dz, dx = s g + dz W^T
            g = xp.permute_dims(grad, (0, 2, 1))[:, :, None, :]
            grad_share = g * windows
            if outputs != channels:
                grad_share = xp.sum(grad_share, axis=3, keepdims=True)
            logits = xp.reshape(softmax_gradient(share, grad_share, axis=2), (n * count * size, outputs))
            grads = {"weights": xp.matrix_transpose(rows) @ logits} if need_params else {}
            if not need_x:
                return None, grads
            direct = xp.reshape(share * g, (n * count * size, channels))
            grad_rows = direct + logits @ xp.matrix_transpose(weights)
            return self._with_dropped(xp.reshape(grad_rows, (n, count * size, channels)), length), grads

        return xp.permute_dims(xp.sum(share * windows, axis=2), (0, 2, 1)), pullback

    def _with_dropped(self, rows: Array, length: int) -> Array:
        """Rows with zeros for the positions that were dropped, as (batch, channels, length)."""
        padded = pad_axis(rows, 0, length - rows.shape[1])
        return array_namespace(rows).permute_dims(padded, (0, 2, 1))
