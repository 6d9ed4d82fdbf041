"""Pooling by attention: the mean of each window with learned weights."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace

from genoml.arguments import Count
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, expect_shape
from genoml.ops.activations import softmax, softmax_gradient
from genoml.ops.arrays import pad_axis
from genoml.ops.secants import Between, midpoint, softmax_between
from genoml.ops.windows import Reach
from genoml.random import Initializer, constant, identity

__all__ = ["AttentionPool1D"]


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

    def between(self, x: Array, reference: Array) -> Between:
        """The softmax's rule, and the product rule: y = sum_k s_k x_k changes by sum_k mean(s) dx_k + mean(x) ds_k."""
        xp, size, length = array_namespace(x), self.pool_size, x.shape[2]
        weights, count = self.weights, length // size
        outputs, channels = weights.shape[1], self.channels

        def windows(z: Array) -> Array:
            used = xp.permute_dims(z[:, :, : count * size], (0, 2, 1))
            return xp.reshape(used, (z.shape[0], count, size, channels))

        rows, others = windows(x), windows(reference)
        share, share_r, back_softmax = softmax_between(rows @ weights, others @ weights, 2)
        mean_rows, mean_share = midpoint(rows, others), midpoint(share, share_r)

        def back(m: Array) -> Array:
            m = xp.permute_dims(m, (0, 2, 1))[:, :, None, :]
            into_share = m * mean_rows
            if outputs != channels:
                into_share = xp.sum(into_share, axis=3, keepdims=True)
            into_rows = mean_share * m + back_softmax(into_share) @ xp.matrix_transpose(weights)
            flat = xp.reshape(into_rows, (reference.shape[0], count * size, channels))
            return self._with_dropped(flat, length)

        y, y_r = (
            xp.permute_dims(xp.sum(s * z, axis=2), (0, 2, 1)) for s, z in ((share, rows), (share_r, others))
        )
        return y, y_r, back

    def _with_dropped(self, rows: Array, length: int) -> Array:
        """Rows with zeros for the positions that were dropped, as (batch, channels, length)."""
        padded = pad_axis(rows, 0, length - rows.shape[1])
        return array_namespace(rows).permute_dims(padded, (0, 2, 1))
