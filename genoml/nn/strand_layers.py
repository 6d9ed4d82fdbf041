"""Equivariant layers: convolution, batch normalisation and pooling that treat both strands alike (nn/strand.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from array_api_compat import array_namespace

from genoml.arguments import Count, NotNegative, Probability, Whole
from genoml.backend import Array, Backend
from genoml.nn.batch_norm import BatchNorm1D
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, expect_shape
from genoml.nn.reach import Correlation, per_channel, sees_everything, sees_itself
from genoml.ops.activations import ActivationName, activation_vjp, applied
from genoml.ops.arrays import pad_axis, sum_rows
from genoml.ops.conv1d import conv1d_vjp
from genoml.ops.pool1d import axis_max_between, global_max_vjp
from genoml.ops.secants import Between, activation_between
from genoml.ops.windows import Reach, same_padding
from genoml.random import Initializer, constant, glorot_normal, he_normal

__all__ = ["RCBatchNorm1D", "RCConv1D", "RCGlobalPool1D"]


class RCConv1D(Layer):
    """Equivariant convolution, whose kernels come in reverse-complement pairs.

        W[o, c, k] = weights[o, c, k],  W[O - 1 - o, c, k] = weights[o, C - 1 - c, K - 1 - k]    for o < O / 2
        y[n, o, l] = activation(b[o] + sum_{c,k} W[o, c, k] x[n, c, l + k dilation - padding])

    with b shared likewise: kernel O - 1 - o is kernel o for the other strand.

    Parameters
    ----------
    in_channels, out_channels : int
        4 at the input layer; channels of y, an even number.
    kernel_size : int
        Kernel width, in base pairs at the input layer.
    padding : "valid", "same" or int
        Zeros on both sides; ``"same"`` needs an odd kernel_size, since unequal sides break the symmetry.
    dilation : int
        Step between the kernel's positions; 1 = none. There is no stride, which would break the symmetry too.
    activation : str or None
        ``"relu"`` by default.

    Shapes
    ------
    x : (batch, in_channels, length)
    y : (batch, out_channels, length + 2 padding - (kernel_size - 1) dilation)
    weights : (out_channels / 2, in_channels, kernel_size);  bias : (out_channels / 2,)

    Raises
    ------
    ValueError
        If out_channels is odd, the kernel of ``"same"`` is even, the channels differ, or a sequence is
        shorter than the kernel.

    References
    ----------
    Shrikumar et al. (2017), doi:10.1101/103663; Brown and Lunter (2019), doi:10.1093/bioinformatics/bty964.
    """

    weights, weights_grad = Parameter(), Gradient()  # (out_channels / 2, in_channels, kernel_size)
    bias, bias_grad = Parameter(), Gradient()  # (out_channels / 2,)

    def __init__(
        self,
        in_channels: Count,
        out_channels: Count,
        kernel_size: Count,
        *,
        padding: str | Whole = "valid",
        dilation: Count = 1,
        activation: ActivationName | None = "relu",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        if out_channels % 2:
            raise ValueError(f"RCConv1D expects an even number of out_channels, got {out_channels}")
        if padding == "same":
            if kernel_size % 2 == 0:
                raise ValueError(f"RCConv1D expects an odd kernel_size for 'same', got {kernel_size}")
            padding, _ = same_padding(kernel_size * dilation, kernel_size, dilation=dilation)
        elif padding == "valid":
            padding = 0
        if isinstance(padding, str):
            raise ValueError(f"RCConv1D expects padding 'valid', 'same' or an int >= 0, got {padding!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.padding, self.dilation = padding, dilation
        self.activation, self._activate = activation, activation_vjp(activation)

    def initial_params(self) -> Mapping[str, Initializer]:
        shape = (self.out_channels // 2, self.in_channels, self.kernel_size)
        fan_in, fan_out = shape[1] * shape[2], self.out_channels * shape[2]
        rectified = self.activation == "relu"
        weights = he_normal(shape, fan_in) if rectified else glorot_normal(shape, fan_in, fan_out)
        return {"weights": weights, "bias": constant((shape[0],), 0.0)}

    def reach(self, length: int) -> Reach:
        """An output sees the kernel's window, of a sequence padded with zeros."""
        return Reach(self.kernel_size, 1, self.dilation, self.padding, self.padding)

    def correlation(self) -> Correlation:
        """The kernels of both strands and their bias, then the activation."""
        xp = array_namespace(self.weights)
        kernel = xp.permute_dims(self.weights, (2, 1, 0))
        kernel = xp.concat([kernel, xp.flip(kernel, axis=(0, 1, 2))], axis=2)
        bias = xp.concat([self.bias, xp.flip(self.bias, axis=0)], axis=0)
        return Correlation(kernel, bias, applied(self.activation))

    def correlate(self, x: Array) -> tuple[Array, Callable[[Array, bool, bool], tuple[Any, Any]]]:
        """The correlation with both strands' kernels, and their bias, (batch, length, out_channels); its pullback."""
        # RCConv1D's own: a subclass with another vjp may not define them
        shortest, both = RCConv1D.reach(self, 0).shortest(), RCConv1D.correlation(self)
        ok = x.ndim == 3 and x.shape[1] == self.in_channels and x.shape[2] >= shortest
        expect_shape(self, x, ok, f"(batch, {self.in_channels}, length >= {shortest})")
        xp, pad, length = array_namespace(x), self.padding, x.shape[2]
        rows = pad_axis(xp.permute_dims(x, (0, 2, 1)), pad, pad)
        z, back = conv1d_vjp(rows, both.kernel, 1, self.dilation)

        def pullback(grad: Array, need_x: bool, need_params: bool) -> tuple[Any, Any]:
            grad_rows, grad_w = back(grad, need_x, need_params)
            if grad_rows is not None:
                grad_rows = xp.permute_dims(grad_rows[:, pad : pad + length, :], (0, 2, 1))
            return grad_rows, grad_w

        return z + both.bias, pullback

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp, half = array_namespace(x), self.out_channels // 2
        z, back_conv = self.correlate(x)
        y, back = self._activate(z)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # the mirrored half is a flip of the same numbers: its gradient is flipped back and added
            g = back(xp.permute_dims(grad, (0, 2, 1)))
            grad_x, grad_w = back_conv(g, need_x, need_params)
            if grad_w is None:
                return grad_x, {}
            folded = grad_w[:, :, :half] + xp.flip(grad_w[:, :, half:], axis=(0, 1, 2))
            grad_b = sum_rows(g)
            return grad_x, {
                "weights": xp.permute_dims(folded, (2, 1, 0)),
                "bias": grad_b[:half] + xp.flip(grad_b[half:], axis=0),
            }

        return xp.permute_dims(y, (0, 2, 1)), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """As Conv1D's, with the kernels of both strands."""
        xp, (z, _), (z_r, back_conv) = array_namespace(x), self.correlate(x), self.correlate(reference)
        y, y_r, back = activation_between(self.activation, z, z_r)

        def back_all(m: Array) -> Array:
            return back_conv(back(xp.permute_dims(m, (0, 2, 1))), True, False)[0]

        return xp.permute_dims(y, (0, 2, 1)), xp.permute_dims(y_r, (0, 2, 1)), back_all


def _fold(x: Array) -> Array:
    """(N, C, L) -> (N, C / 2, 2 L): channel C - 1 - c follows channel c."""
    xp, half = array_namespace(x), x.shape[1] // 2
    return xp.concat([x[:, :half, :], xp.flip(x[:, half:, :], axis=1)], axis=2)


def _unfold(x: Array) -> Array:
    """The inverse of ``_fold``, which is also its pullback."""
    xp, length = array_namespace(x), x.shape[2] // 2
    return xp.concat([x[:, :, :length], xp.flip(x[:, :, length:], axis=1)], axis=1)


class RCBatchNorm1D(BatchNorm1D):
    """Batch normalisation whose statistics, scale and shift are shared by each reverse-complement pair.

    Channels c and C - 1 - c are normalised as one, see BatchNorm1D: the layer is equivariant, in training too.

    Parameters
    ----------
    channels : int
        Size of axis 1 of x, an even number; ``layer.channels`` is that of the pairs.
    momentum, eps : float
        As in BatchNorm1D.

    Shapes
    ------
    x, y : (batch, channels, length)
    gamma, beta, running_mean, running_var : (channels / 2,)

    Raises
    ------
    ValueError
        If ``channels`` is odd, if the channels differ, or in training without a value a channel.
    """

    def __init__(
        self,
        channels: Count,
        *,
        momentum: Probability = 0.1,
        eps: NotNegative = 1e-5,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        if channels % 2:
            raise ValueError(f"RCBatchNorm1D expects an even number of channels, got {channels}")
        super().__init__(channels // 2, momentum=momentum, eps=eps, dtype=dtype, backend=backend)

    def settings(self) -> Mapping[str, Any]:
        """The constructor's arguments; ``channels`` is twice ``layer.channels``."""
        return {**super().settings(), "channels": 2 * self.channels}

    affine = True
    reach = sees_itself

    def correlation(self) -> Correlation:
        """In evaluation y = x scale + shift, the same for both channels of a pair."""
        xp = array_namespace(self.gamma)
        return per_channel(*(xp.concat([half, xp.flip(half)]) for half in self.scale_and_shift()))

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        channels = 2 * self.channels
        expect_shape(self, x, x.ndim == 3 and x.shape[1] == channels, f"(batch, {channels}, length)")
        if run.training:
            count = run.part.whole_size(x.shape[0]) * x.shape[2]
            expect_shape(self, x, count > 0, "at least one value a channel in training")
        y, back = super().vjp(_fold(x), run)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            grad_x, grads = back(_fold(grad), need_x=need_x, need_params=need_params)
            return (None if grad_x is None else _unfold(grad_x)), grads

        return _unfold(y), pullback


class RCGlobalPool1D(Layer):
    """The largest value, or the mean, of each reverse-complement pair of channels along the sequence.

        y[n, c] = max_l max(x[n, c, l], x[n, C - 1 - c, l])    or the mean over l and both

    After equivariant layers y is the same for both strands. Of equal values the first takes the gradient,
    channel c before channel C - 1 - c.

    Parameters
    ----------
    mode : {"max", "mean"}
        The largest value or the mean.

    Shapes
    ------
    x : (batch, channels, length >= 1), channels even
    y : (batch, channels / 2)

    Raises
    ------
    ValueError
        For another mode, an odd number of channels, or no position.
    """

    def __init__(
        self,
        mode: Literal["max", "mean"] = "max",
        *,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.mode = self.readout = mode

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        ok = x.ndim == 3 and x.shape[1] % 2 == 0 and x.shape[2] >= 1
        expect_shape(self, x, ok, "(batch, an even number of channels, length >= 1)")
        xp, folded = array_namespace(x), _fold(x)
        shape = tuple(folded.shape)
        y, back = xp.mean(folded, axis=2), None
        if self.mode == "max":
            y, back = global_max_vjp(xp.permute_dims(folded, (0, 2, 1)))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            if not need_x:
                return None, {}
            if back is not None:
                return _unfold(xp.permute_dims(back(grad), (0, 2, 1))), {}
            return _unfold(xp.broadcast_to((grad / shape[2])[:, :, None], shape)), {}

        return y, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The maximum's rule over both strands and all positions, or the mean's pullback."""
        if self.mode == "max":
            y, y_r, back = axis_max_between(_fold(x), _fold(reference), 2)
            return y, y_r, lambda m: _unfold(back(m))
        y_r, pullback = self.vjp(reference)
        return self.vjp(x)[0], y_r, lambda m: pullback(m)[0]
