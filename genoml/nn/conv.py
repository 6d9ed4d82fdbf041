"""Convolution layer over sequences."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace

from genoml.arguments import Count, Whole
from genoml.backend import Array, Backend
from genoml.nn.layer import (
    EVALUATION,
    AffinePullback,
    Gradient,
    Grads,
    Layer,
    Parameter,
    Pass,
    Pullback,
    expect_shape,
)
from genoml.nn.reach import Correlation
from genoml.ops.activations import ActivationName, activation_vjp, applied
from genoml.ops.arrays import pad_axis
from genoml.ops.conv1d import biased_conv1d_vjp, grouped_conv1d_vjp
from genoml.ops.conv1d_norm import Moments, conv1d_moments_vjp
from genoml.ops.normalise import RectifyPullback, biased_vjp
from genoml.ops.secants import Between, activation_between
from genoml.ops.windows import Reach, same_padding
from genoml.parallel import ALONE, Workers
from genoml.random import Initializer, constant, glorot_normal, he_normal

__all__ = ["Conv1D"]


class Conv1D(Layer):
    """Cross-correlate each sequence with a bank of kernels, then apply an activation.

        y[n, o, l] = activation(bias[o] + sum_{c,k} weights[o, c, k] x[n, c, l stride + k dilation - before])

    where x is zero outside the sequence, and ``before`` is the padding on the left.

    Parameters
    ----------
    in_channels, out_channels : int
        4 at the input layer; number of kernels.
    kernel_size : int
        Kernel width, in base pairs at the input layer.
    stride, dilation : int
        Step between outputs, and between the kernel's positions; 1 = none.
    padding : "valid", "same" or int
        Zeros on each side: none; so many that y has ceil(L / stride) positions (the odd one on the right,
        as in TensorFlow); or the given number.
    groups : int
        The channels, in and out, are cut into this many blocks in order, and block g of y reads block g of x
        only; ``weights`` then holds in_channels / groups of them a kernel. 1 = all read all.
    bias : bool
        Whether there is one; before a normalisation it has no effect, and its gradient is rounding noise.
    activation : str or None
        ``"relu"`` by default; the names are in genoml/ops/activations.py.

    Shapes
    ------
    x : (batch, in_channels, length)
    y : (batch, out_channels, (length + padding - (kernel_size - 1) dilation - 1) // stride + 1)

    Both are channels-last in memory; a copy is made only if x is not.

    Raises
    ------
    ValueError
        If the channels differ, ``groups`` does not divide them, or a sequence is shorter than the kernel.

    References
    ----------
    Waibel et al. (1989), Phoneme recognition using time-delay neural networks, doi:10.1109/29.21701.
    """

    weights, weights_grad = Parameter(), Gradient()  # (out_channels, in_channels / groups, kernel_size)
    bias, bias_grad = Parameter(), Gradient()  # (out_channels,)

    def __init__(
        self,
        in_channels: Count,
        out_channels: Count,
        kernel_size: Count,
        *,
        stride: Count = 1,
        padding: str | Whole = "valid",
        dilation: Count = 1,
        groups: Count = 1,
        bias: bool = True,
        activation: ActivationName | None = "relu",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv1D expects groups that divide {in_channels} and {out_channels} channels, got {groups}"
            )
        if isinstance(padding, str) and padding not in ("valid", "same"):
            raise ValueError(f"Conv1D expects padding 'valid', 'same' or an int >= 0, got {padding!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.has_bias, self.activation = bias, activation
        activation_vjp(activation)  # an unknown name is an error now

    def initial_params(self) -> Mapping[str, Initializer]:
        shape = (self.out_channels, self.in_channels // self.groups, self.kernel_size)
        fan_in, fan_out = shape[1] * shape[2], shape[0] // self.groups * shape[2]
        rectified = self.activation == "relu"
        weights = he_normal(shape, fan_in) if rectified else glorot_normal(shape, fan_in, fan_out)
        return {"weights": weights} | ({"bias": constant((self.out_channels,), 0.0)} if self.has_bias else {})

    def inputs(self, x: Array) -> tuple[Array, Array, int]:
        """Padded x and the weights, both channels-last, and the number of zeros on the left."""
        rows, w, padding = self.unpadded(x)
        return pad_axis(rows, *padding), w, padding[0]

    def unpadded(self, x: Array) -> tuple[Array, Array, tuple[int, int]]:
        """x and the weights, both channels-last, and the numbers of zeros to put around x."""
        # Conv1D's own: a subclass with another vjp may not define one
        reach = Conv1D.reach(self, x.shape[2] if x.ndim == 3 else 0)
        ok = x.ndim == 3 and x.shape[1] == self.in_channels and reach.outputs(x.shape[2]) >= 1
        shortest = 1 if self.padding == "same" else reach.shortest()
        expect_shape(self, x, ok, f"(batch, {self.in_channels}, length >= {shortest})")
        xp = array_namespace(x)
        w = xp.permute_dims(self.weights, (2, 1, 0))
        return xp.permute_dims(x, (0, 2, 1)), w, (reach.before, reach.after)

    def reach(self, length: int) -> Reach:
        """An output sees the kernel's window, of a sequence padded with zeros."""
        shape = self.kernel_size, self.stride, self.dilation
        if self.padding == "same":
            return Reach(*shape, *same_padding(length, *shape))
        pad = self.padding if isinstance(self.padding, int) else 0
        return Reach(*shape, pad, pad)

    def correlation(self) -> Correlation | None:
        """The layer itself, unless its channels are in groups."""
        if self.groups > 1:
            return None
        kernel = array_namespace(self.weights).permute_dims(self.weights, (2, 1, 0))
        bias = self.bias if self.has_bias else None
        return Correlation(kernel, bias, applied(self.activation))

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        if self.activation in ("relu", None, "linear") and self.has_bias and self.groups == 1:
            return self._biased(x, run.part.workers)
        xp = array_namespace(x)
        z, back_conv = self.correlate(x, run.part.workers)
        y, back = biased_vjp(z, self.bias if self.has_bias else None, self.activation)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            g, grad_bias = back(xp.permute_dims(grad, (0, 2, 1)), need_params)
            return back_conv(g, grad_bias, need_x, need_params)

        return xp.permute_dims(y, (0, 2, 1)), pullback

    def _biased(self, x: Array, workers: Workers) -> tuple[Array, Pullback]:
        """conv(x, w) + b, rectified or not, as one operation."""
        rows, w, before = self.inputs(x)
        xp, length = array_namespace(x), x.shape[2]
        shape, rectified = (self.stride, self.dilation), self.activation == "relu"
        y, back = biased_conv1d_vjp(rows, w, self.bias, *shape, workers, rectified=rectified)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            grad_rows, *own = back(xp.permute_dims(grad, (0, 2, 1)), need_x, need_params)
            grads = _by_name(*own) if need_params else {}
            return without_padding(grad_rows, before, length), grads

        return xp.permute_dims(y, (0, 2, 1)), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The correlation's transpose, after the mean slope of the activation."""
        xp, bias = array_namespace(x), self.bias if self.has_bias else 0.0
        (z, _), (z_r, back_conv) = self.correlate(x), self.correlate(reference)
        y, y_r, back = activation_between(self.activation, z + bias, z_r + bias)

        def back_all(m: Array) -> Array:
            return back_conv(back(xp.permute_dims(m, (0, 2, 1))), None, True, False)[0]

        return xp.permute_dims(y, (0, 2, 1)), xp.permute_dims(y_r, (0, 2, 1)), back_all

    def correlate(self, x: Array, workers: Workers = ALONE) -> tuple[Array, AffinePullback]:
        """The correlation (batch, length, out_channels), without bias and activation; and its pullback."""
        rows, w, before = self.inputs(x)
        length = x.shape[2]
        z, back = grouped_conv1d_vjp(rows, w, self.groups, self.stride, self.dilation, workers)

        def pullback(grad: Array, grad_bias: Array | None, need_x: bool, need_params: bool) -> Grads:
            # dL/dw and dL/dx are correlations themselves, in ops/conv1d.py
            grad_rows, grad_w = back(grad, need_x, need_params)
            grads = _by_name(grad_w, grad_bias) if need_params else {}
            return without_padding(grad_rows, before, length), grads

        return z, pullback

    def correlate_moments(self, x: Array, workers: Workers = ALONE) -> tuple[Array, Moments, AffinePullback]:
        """As ``correlate``, for a plain convolution, with the moments of its output for batch normalisation."""
        rows, w, padding = self.unpadded(x)
        z, moments, back = conv1d_moments_vjp(rows, w, padding, workers)

        def pullback(grad: Array, grad_bias: Array | None, need_x: bool, need_params: bool) -> Grads:
            grad_rows, grad_w = back(grad, need_x, need_params)
            grads = _by_name(grad_w, grad_bias) if need_params else {}
            return without_padding(grad_rows, 0, x.shape[2]), grads

        return z, moments, pullback

    @property
    def is_plain(self) -> bool:
        """Whether stride, dilation and groups are 1."""
        return self.stride == self.dilation == self.groups == 1


def _by_name(grad_w: Array, grad_bias: Array | None) -> dict[str, Array]:
    """The parameters' gradients."""
    own = {"weights": array_namespace(grad_w).permute_dims(grad_w, (2, 1, 0))}
    return own if grad_bias is None else own | {"bias": grad_bias}


def without_padding(grad_rows: Array | None, before: int, length: int) -> Array | None:
    """dL/dx (batch, channels, length) from that of the padded rows."""
    if grad_rows is None:
        return None
    return array_namespace(grad_rows).permute_dims(grad_rows[:, before : before + length, :], (0, 2, 1))


def rectified_pullback(back_rectifier: RectifyPullback, back_conv: AffinePullback) -> Pullback:
    """The pullback of max(conv(x, w) + b, 0), pooled or not, from those of ``rectified_vjp`` and ``correlate``."""

    def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
        grad_bias, _, into_z = back_rectifier(array_namespace(grad).permute_dims(grad, (0, 2, 1)))
        return back_conv(into_z(), grad_bias, need_x, need_params)

    return pullback
