"""Fused layers: neighbours in a Sequential that are computed as one, with the same numbers to rounding.

    Conv1D, GlobalMaxPool1D         up to 8 input channels, ReLU or no activation; the convolution's output is not kept
    Conv1D with ReLU, MaxPool1D     windows that do not overlap
    BatchNorm1D, ReLU, MaxPool1D    windows that do not overlap
    BatchNorm1D, ReLU

The arrays between such layers are the largest of a network, and reading and writing them takes most of the time; fused,
a backend needs one pass over them (genoml/ops/conv1d.py, genoml/ops/normalise.py). Sequential fuses wherever these
layers follow one another; subclasses of them are not fused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeGuard

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.activations import ReLU
from genoml.nn.conv import Conv1D, rectified_pullback
from genoml.nn.layer import Grads, Layer, Pass, Pullback
from genoml.nn.norm import BatchNorm1D, through_statistics
from genoml.nn.pooling import GlobalMaxPool1D, MaxPool1D
from genoml.ops.activations import activation_vjp
from genoml.ops.conv1d import conv1d_max, conv1d_max_grad_w, conv1d_vjp, spread_to_positions
from genoml.ops.normalise import rectified_vjp

#: (x, run) -> y and its pullback, whose gradients are those of the first layer's parameters
FusedVJP: TypeAlias = Callable[[Array, Pass], tuple[Array, Pullback]]


def fused_vjp(layers: Sequence[Layer]) -> tuple[int, FusedVJP] | None:
    """The number of first layers that can be fused, and their function; None if they cannot be fused."""
    kinds = [type(layer) for layer in layers[:3]]
    first = layers[0]
    if type(first) is Conv1D and len(kinds) > 1:
        if kinds[1] is GlobalMaxPool1D and _keeps_order(first):
            return 2, partial(conv_maximum_vjp, first)
        if first.activation == "relu" and first.has_bias and _does_not_overlap(pool := layers[1]):
            return 2, partial(conv_pool_vjp, first, pool)
    if type(first) is BatchNorm1D and kinds[1:2] == [ReLU]:
        if len(kinds) > 2 and _does_not_overlap(pool := layers[2]):
            return 3, partial(norm_rectifier_vjp, first, pool)
        return 2, partial(norm_rectifier_vjp, first, None)
    return None


def _does_not_overlap(layer: Layer) -> TypeGuard[MaxPool1D]:
    """Whether a layer is max pooling over windows that do not overlap."""
    return type(layer) is MaxPool1D and layer.stride == layer.pool_size


def _keeps_order(conv: Conv1D) -> bool:
    """Whether the maximum can be taken before the activation, and windows of x are small enough to gather.

    The activation must keep the order of values, and the input channels be few, as the four bases are.
    """
    return conv.activation in (None, "linear", "relu") and conv.groups == 1 and conv.in_channels <= 8


def conv_pool_vjp(conv: Conv1D, pool: MaxPool1D, x: Array, run: Pass) -> tuple[Array, Pullback]:
    """A convolution with bias and ReLU, and a maximum over windows that do not overlap."""
    xp = array_namespace(x)
    z, back_conv = conv.correlate(x)
    pool.check(xp.permute_dims(z, (0, 2, 1)))
    y, back_rectifier = rectified_vjp(z, conv.bias, pool.pool_size, pool.ceil_mode)
    return xp.permute_dims(y, (0, 2, 1)), rectified_pullback(back_rectifier, back_conv)


def conv_maximum_vjp(conv: Conv1D, x: Array, run: Pass) -> tuple[Array, Pullback]:
    """A convolution and the largest value of each sequence: y[n, o] = max_l activation(z[n, o, l]).

    The largest value is found before the activation, which keeps the order, and backward reads the winning
    windows only; z itself is not kept.
    """
    rows, w, before = conv.inputs(x)
    xp = array_namespace(x)
    length = x.shape[2]
    shape = (conv.kernel_size, conv.stride, conv.dilation)
    best, positions = conv1d_max(rows, w, conv.stride, conv.dilation)
    y, back = activation_vjp(conv.activation)(best + conv.bias if conv.has_bias else best)

    def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
        # y = act(z[l*]) with l* = argmax z: dL/dw[k, c] = sum_n g x[l* s + k d, c], dL/db = sum_n g
        g, grads = back(grad), dict[str, Array]()
        if need_params:
            grad_w = conv1d_max_grad_w(rows, positions, g, *shape)
            grads["weights"] = xp.permute_dims(grad_w, (2, 1, 0))
        if need_params and conv.has_bias:
            grads["bias"] = xp.sum(g, axis=0)
        if not need_x:
            return None, grads
        full, back_conv = conv1d_vjp(rows, w, conv.stride, conv.dilation)
        grad_rows, _ = back_conv(spread_to_positions(positions, g, full.shape[1]), True, False)
        return xp.permute_dims(grad_rows[:, before : before + length, :], (0, 2, 1)), grads

    return y, pullback


def norm_rectifier_vjp(
    norm: BatchNorm1D, pool: MaxPool1D | None, x: Array, run: Pass
) -> tuple[Array, Pullback]:
    """Batch normalisation, a ReLU, and a maximum over windows that do not overlap (if there is one)."""
    run = norm.settled(run)
    rows, restore, count = norm.rows(x, run)
    mean, scale = norm.statistics(rows, count, run)
    xp, factor = array_namespace(x), norm.gamma * scale
    if pool is not None:
        pool.check(x)
    windows = (1, False) if pool is None else (pool.pool_size, pool.ceil_mode)
    y, back = rectified_vjp(rows, norm.beta, *windows, mean=mean, scale=factor)

    def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
        g = xp.reshape(grad if x.ndim == 2 else xp.permute_dims(grad, (0, 2, 1)), tuple(y.shape))
        sum_g, sum_gc, into_x = back(g)
        grads = {"gamma": sum_gc * scale, "beta": sum_g} if need_params else {}
        if not need_x:
            return None, grads
        if not run.training:
            return restore(into_x(factor)), grads
        through = through_statistics(sum_g, sum_gc, scale, factor, count, run.part)
        return restore(into_x(factor, *through)), grads

    return restore(y), pullback
