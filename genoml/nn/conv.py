"""One-dimensional convolution over sequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.activations import activation_vjp
from genoml.nn.base import Gradient, Layer, Parameter, Pullback, expect_shape
from genoml.nn.functions import applied
from genoml.nn.pooling import MaxPool1D
from genoml.nn.reach import Correlation, Reach
from genoml.ops.conv1d import conv1d_vjp, grouped_conv1d_vjp
from genoml.ops.conv1d_max import conv1d_max, conv1d_max_grad_w, spread_to_positions
from genoml.ops.pad import pad_length
from genoml.ops.rectify import rectified_vjp
from genoml.ops.windows import same_padding
from genoml.random import Initializer, constant, glorot_normal, he_normal


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
        ``"relu"`` by default; the names are in genoml/nn/functions.py.

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
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: str | int = "valid",
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        activation: str | None = "relu",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        sizes = {
            "in_channels": in_channels,
            "out_channels": out_channels,
            "kernel_size": kernel_size,
            "stride": stride,
            "dilation": dilation,
            "groups": groups,
        }
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"Conv1D expects {name} >= 1, got {value}")
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv1D expects groups that divide {in_channels} and {out_channels} channels, got {groups}"
            )
        if padding not in ("valid", "same") and not (isinstance(padding, int) and padding >= 0):
            raise ValueError(f"Conv1D expects padding 'valid', 'same' or an int >= 0, got {padding!r}")
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.groups = groups
        self.has_bias, self.activation = bias, activation
        self._activate = activation_vjp(activation)

    def initial_params(self) -> Mapping[str, Initializer]:
        shape = (self.out_channels, self.in_channels // self.groups, self.kernel_size)
        fan_in, fan_out = shape[1] * shape[2], shape[0] // self.groups * shape[2]
        rectified = self.activation == "relu"
        weights = he_normal(shape, fan_in) if rectified else glorot_normal(shape, fan_in, fan_out)
        return {"weights": weights} | ({"bias": constant((self.out_channels,), 0.0)} if self.has_bias else {})

    def _inputs(self, x: Array) -> tuple[Array, Array, int]:
        """Padded x and the weights, both channels-last, and the zeros on the left."""
        reach = self.reach(x.shape[2] if x.ndim == 3 else 0)
        ok = x.ndim == 3 and x.shape[1] == self.in_channels and reach.outputs(x.shape[2]) >= 1
        shortest = 1 if self.padding == "same" else reach.shortest()
        expect_shape("Conv1D", x, ok, f"(batch, {self.in_channels}, length >= {shortest})")
        xp = array_namespace(x)
        rows = pad_length(xp.permute_dims(x, (0, 2, 1)), reach.before, reach.after)
        return rows, xp.permute_dims(self.weights, (2, 1, 0)), reach.before

    def reach(self, length: int) -> Reach:
        """The kernel's windows, of a sequence with zeros at its ends."""
        shape = self.kernel_size, self.stride, self.dilation
        if self.padding == "same":
            return Reach(*shape, *same_padding(length, *shape))
        pad = self.padding if isinstance(self.padding, int) else 0
        return Reach(*shape, pad, pad)

    def correlation(self) -> Correlation | None:
        """The kernel, its bias and the activation, unless the channels are in groups."""
        if self.groups > 1:
            return None
        kernel = array_namespace(self.weights).permute_dims(self.weights, (2, 1, 0))
        bias = self.bias if self.has_bias else None
        return Correlation(kernel, bias, applied(self.activation))

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        if self.activation == "relu" and self.has_bias:
            return self._rectified(x, None)
        z, back_conv = self._correlate(x)
        y, back = self._activate(z + self.bias if self.has_bias else z)
        xp = array_namespace(x)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # z = conv(x, w) + b: dL/db sums over positions
            g = back(xp.permute_dims(grad, (0, 2, 1)))
            grad_x, grads = back_conv(g, need_x)
            return grad_x, (grads | {"bias": xp.sum(g, axis=(0, 1))} if self.has_bias else grads)

        return xp.permute_dims(y, (0, 2, 1)), pullback

    def _correlate(
        self, x: Array
    ) -> tuple[Array, Callable[[Array, bool], tuple[Array | None, dict[str, Array]]]]:
        """The correlation (batch, length, out_channels), and its gradients with respect to x and the weights."""
        rows, w, before = self._inputs(x)
        xp, length = array_namespace(x), x.shape[2]
        z, back = grouped_conv1d_vjp(rows, w, self.groups, self.stride, self.dilation)

        def pullback(grad: Array, need_x: bool) -> tuple[Array | None, dict[str, Array]]:
            # dL/dw and dL/dx are correlations themselves, in ops/conv1d.py
            grad_rows, grad_w = back(grad, need_x)
            grads = {"weights": xp.permute_dims(grad_w, (2, 1, 0))}
            if grad_rows is None:
                return None, grads
            return xp.permute_dims(grad_rows[:, before : before + length, :], (0, 2, 1)), grads

        return z, pullback

    def vjp_of_pool(self, pool: MaxPool1D, x: Array, *, training: bool = False) -> tuple[Array, Pullback]:
        """The layer and a MaxPool1D behind it in one, for windows that do not overlap; see genoml/nn/fused.py."""
        return self._rectified(x, pool)

    def _rectified(self, x: Array, pool: MaxPool1D | None) -> tuple[Array, Pullback]:
        """max(conv(x, w) + b, 0), pooled if there is a pool."""
        xp, (z, back_conv) = array_namespace(x), self._correlate(x)
        y, back = rectified_vjp(
            z, self.bias, *((1, False) if pool is None else pool.apart(xp.permute_dims(z, (0, 2, 1))))
        )

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # z = conv(x, w) + b: dL/db sums over positions
            grad_bias, _, into_z = back(xp.permute_dims(grad, (0, 2, 1)))
            grad_x, grads = back_conv(into_z(), need_x)
            return grad_x, grads | {"bias": grad_bias}

        return xp.permute_dims(y, (0, 2, 1)), pullback

    @property
    def has_quick_maximum(self) -> bool:
        """Whether ``vjp_of_maximum`` serves this layer.

        The activation must keep the order of values, and the inputs be few, as bases are: the windows that are
        gathered then weigh little.
        """
        return self.activation in (None, "linear", "relu") and self.groups == 1 and self.in_channels <= 8

    def vjp_of_maximum(self, x: Array, *, training: bool = False) -> tuple[Array, Pullback]:
        """The layer and a GlobalMaxPool1D behind it in one: y[n, o] = max_l activation(z[n, o, l]).

        The largest value is found before the activation, which keeps the order, and backward reads the winning
        windows only; z itself is not kept. See genoml/nn/fused.py.
        """
        rows, w, before = self._inputs(x)
        xp, length, shape = array_namespace(x), x.shape[2], (self.kernel_size, self.stride, self.dilation)
        best, positions = conv1d_max(rows, w, self.stride, self.dilation)
        y, back = self._activate(best + self.bias if self.has_bias else best)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # y = act(z[l*]) with l* = argmax z: dL/dw[k, c] = sum_n g x[l* s + k d, c], dL/db = sum_n g
            g = back(grad)
            grad_w = conv1d_max_grad_w(rows, positions, g, *shape)
            grads = {"weights": xp.permute_dims(grad_w, (2, 1, 0))}
            if self.has_bias:
                grads["bias"] = xp.sum(g, axis=0)
            if not need_x:
                return None, grads
            full, back_conv = conv1d_vjp(rows, w, self.stride, self.dilation)
            grad_rows, _ = back_conv(spread_to_positions(positions, g, full.shape[1]), True)
            return xp.permute_dims(grad_rows[:, before : before + length, :], (0, 2, 1)), grads

        return y, pullback
