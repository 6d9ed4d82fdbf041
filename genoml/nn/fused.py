"""Fused layers: neighbours in a Sequential that are computed as one, with the same numbers to rounding.

    Conv1D, GlobalMaxPool1D         up to 8 input channels, ReLU or no activation; the convolution's output is not kept
    Conv1D with ReLU, MaxPool1D     windows that do not overlap
    BatchNorm1D, ReLU, MaxPool1D    windows that do not overlap
    BatchNorm1D, ReLU
    Conv1D or Dense, and one of the last two     without activation; the normalisation takes its bias away again, and in
                                    evaluation it is part of the weights of a Conv1D without pooling

The arrays between such layers are the largest of a network, and reading and writing them takes most of the time; fused,
a backend needs one pass over them (genoml/ops/conv1d.py, genoml/ops/normalise.py). Sequential fuses wherever these
layers follow one another; subclasses of them are not fused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeGuard

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.activations import ReLU
from genoml.nn.batch_norm import BatchNorm1D
from genoml.nn.conv import Conv1D, rectified_pullback, without_padding
from genoml.nn.dense import Dense
from genoml.nn.layer import AffinePullback, Grads, Layer, Pass, Pullback
from genoml.nn.pooling import GlobalMaxPool1D, MaxPool1D
from genoml.ops.conv1d import biased_conv1d_vjp, conv1d_max, conv1d_max_grad_w, conv1d_max_grad_x
from genoml.ops.conv1d_norm import Moments, pooled_conv1d
from genoml.ops.normalise import biased_vjp, rectified_vjp, statistics_gradient

#: as a layer's, with the parameters' gradients of the first layer, or of the first few, each in a dict of its own
FusedPullback: TypeAlias = Callable[..., tuple[Array | None, dict[str, Array] | tuple[dict[str, Array], ...]]]
#: (x, run) -> y and its pullback
FusedVJP: TypeAlias = Callable[[Array, Pass], tuple[Array, Pullback | FusedPullback]]


def fused_vjp(layers: Sequence[Layer]) -> tuple[int, FusedVJP] | None:
    """The number of first layers that can be fused, and their function; None if they cannot be fused."""
    first, rest = layers[0], layers[1:]
    if type(first) is Conv1D and rest:
        if type(rest[0]) is GlobalMaxPool1D and _keeps_order(first):
            return 2, partial(conv_maximum_vjp, first)
        if first.activation == "relu" and first.has_bias and _does_not_overlap(pool := rest[0]):
            return 2, partial(conv_pool_vjp, first, pool)
    affine = first if _is_affine(first) else None
    before = 0 if affine is None else 1
    row = layers[before : before + 3]
    if len(row) > 1 and type(row[0]) is BatchNorm1D and type(row[1]) is ReLU:
        if len(row) > 2 and _does_not_overlap(pool := row[2]):
            return before + 3, partial(norm_rectifier_vjp, affine, row[0], pool)
        return before + 2, partial(norm_rectifier_vjp, affine, row[0], None)
    return None


def evaluate_row(layers: Sequence[Any], x: Array) -> Array:
    """The output, in evaluation, of layers in a row, fused where they can be."""
    at = 0
    while at < len(layers):
        count, fused = fused_vjp(layers[at:]) or (1, None)
        x = layers[at].vjp(x)[0] if fused is None else fused(x, Pass(pulls=0))[0]
        at += count
    return x


def _is_affine(layer: Layer) -> TypeGuard[Conv1D | Dense]:
    """Whether a layer is a convolution or dense layer without activation."""
    exact = type(layer) is Conv1D or type(layer) is Dense
    return exact and getattr(layer, "activation", None) in (None, "linear")


def _does_not_overlap(layer: Layer) -> TypeGuard[MaxPool1D]:
    """Whether a layer is max pooling over windows that do not overlap."""
    return type(layer) is MaxPool1D and layer.stride == layer.pool_size


def _needs_output_only(conv: Conv1D, pool: MaxPool1D, x: Array, run: Pass) -> bool:
    """Whether no pullback is called, and the shapes are covered (a wrong one is said elsewhere)."""
    if run.pulls != 0 or not conv.is_plain or x.ndim != 3:
        return False
    return conv.reach(x.shape[2]).outputs(x.shape[2]) >= pool.shortest


def _keeps_order(conv: Conv1D) -> bool:
    """Whether the maximum can be taken before the activation, and windows of x are small enough to gather.

    The activation must keep the order of values, and the input channels be few, as the four bases are.
    """
    return conv.activation in (None, "linear", "relu") and conv.groups == 1 and conv.in_channels <= 8


def conv_pool_vjp(conv: Conv1D, pool: MaxPool1D, x: Array, run: Pass) -> tuple[Array, Pullback]:
    """A convolution with bias and ReLU, and a maximum over windows that do not overlap."""
    if _needs_output_only(conv, pool, x, run):
        return pooled_output(conv, None, conv.bias, pool, x, run), no_pullback
    xp = array_namespace(x)
    z, back_conv = conv.correlate(x, run.part.workers)
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
    best, positions = conv1d_max(rows, w, conv.stride, conv.dilation, run.part.workers)
    y, back = biased_vjp(best, conv.bias if conv.has_bias else None, conv.activation)

    def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
        # y = act(z[l*]) with l* = argmax z: dL/dw[k, c] = sum_n g x[l* s + k d, c], dL/db = sum_n g
        (g, grad_bias), grads = back(grad, need_params), dict[str, Array]()
        if need_params:
            grad_w = conv1d_max_grad_w(rows, positions, g, *shape)
            grads["weights"] = xp.permute_dims(grad_w, (2, 1, 0))
        if grad_bias is not None:
            grads["bias"] = grad_bias
        if not need_x:
            return None, grads
        grad_rows = conv1d_max_grad_x(w, positions, g, rows.shape[1], conv.stride, conv.dilation)
        return xp.permute_dims(grad_rows[:, before : before + length, :], (0, 2, 1)), grads

    return y, pullback


def norm_rectifier_vjp(
    affine: Conv1D | Dense | None, norm: BatchNorm1D, pool: MaxPool1D | None, x: Array, run: Pass
) -> tuple[Array, FusedPullback]:
    """Batch normalisation, a ReLU, and a maximum over windows that do not overlap (if there is one).

    The bias of an affine layer before them is never added: it moves the running mean alone, since x - mean is the same
    without it.
    """
    run = norm.settled(run)
    if isinstance(affine, Conv1D) and affine.groups == 1 and not run.training:
        if pool is None:
            return folded_vjp(affine, norm, x, run)
        if _needs_output_only(affine, pool, x, run):
            scale, by = norm.scale_and_shift()
            # (w x + b) scale + by = (w scale) x + (b scale + by)
            shift = affine.bias * scale + by if affine.has_bias else by
            return pooled_output(affine, scale, shift, pool, x, run), no_pullback
    z, moments, back_affine = (x, None, None) if affine is None else affine_vjp(affine, x, run)
    shift = affine.bias if affine is not None and "bias" in affine.params else None
    rows, restore, count = norm.rows(z, run)
    mean, scale = norm.statistics(rows, count, run, shift, moments)
    xp, factor = array_namespace(x), norm.gamma * scale
    if pool is not None:
        pool.check(z)
    windows = (1, False) if pool is None else (pool.pool_size, pool.ceil_mode)
    y, back = rectified_vjp(rows, norm.beta, *windows, mean=mean, scale=factor)

    def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> tuple[Array | None, Any]:
        g = xp.reshape(grad if z.ndim == 2 else xp.permute_dims(grad, (0, 2, 1)), tuple(y.shape))
        sum_g, sum_gc, into_z = back(g)
        through: list[Array] = []
        if run.training:
            gamma, *through = statistics_gradient(sum_g, sum_gc, scale, factor, count, run.part)
        else:
            gamma = sum_gc * scale
        grads = {"gamma": gamma, "beta": sum_g} if need_params else {}
        if back_affine is None:
            return (restore(into_z(factor, *through)) if need_x else None), grads
        # dL/db = sum dL/dz, which is 0 where the batch's own mean is taken away
        grad_bias = None if shift is None else xp.zeros_like(shift) if run.training else sum_g * factor
        grad_x, own = back_affine(restore(into_z(factor, *through)), grad_bias, need_x, need_params)
        return grad_x, (own, grads)

    return restore(y), pullback


def folded_vjp(conv: Conv1D, norm: BatchNorm1D, x: Array, run: Pass) -> tuple[Array, FusedPullback]:
    """A convolution, batch normalisation by the running statistics, and a ReLU, as a convolution with other weights.

    factor (conv(x, w) - mean) + beta = conv(x, factor w) + (beta - factor mean),   factor = gamma scale
    """
    rows, w, before = conv.inputs(x)
    xp, length = array_namespace(x), x.shape[2]
    mean, scale = norm.statistics(rows, 0, run, conv.bias if conv.has_bias else None)
    factor = norm.gamma * scale
    y, back = biased_conv1d_vjp(
        rows, w * factor, norm.beta - factor * mean, conv.stride, conv.dilation, run.part.workers
    )

    def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> tuple[Array | None, Any]:
        # with g the gradient before the ReLU and W that of factor w: dw = factor W, db = factor sum g, and
        # dgamma = scale sum g (conv(x, w) - mean), where sum g conv(x, w) = sum_{k, c} w W, as conv is linear in w
        grad_rows, grad_w, sum_g = back(xp.permute_dims(grad, (0, 2, 1)), need_x, need_params)
        grad_x = without_padding(grad_rows, before, length)
        if not need_params:
            return grad_x, ({}, {})
        own = {"weights": xp.permute_dims(grad_w * factor, (2, 1, 0))}
        if conv.has_bias:
            own["bias"] = sum_g * factor
        gamma = (xp.sum(w * grad_w, axis=(0, 1)) - mean * sum_g) * scale
        return grad_x, (own, {"gamma": gamma, "beta": sum_g})

    return xp.permute_dims(y, (0, 2, 1)), pullback


def affine_vjp(layer: Conv1D | Dense, x: Array, run: Pass) -> tuple[Array, Moments, AffinePullback]:
    """The output of a layer without activation, and without its bias; its moments if known; and the pullback."""
    if isinstance(layer, Dense):
        z, back = layer.product(x, run)
        return z, None, back
    xp, moments = array_namespace(x), None
    if run.training and layer.is_plain:
        z, moments, back = layer.correlate_moments(x, run.part.workers)
    else:
        z, back = layer.correlate(x, run.part.workers)
    transposed = xp.permute_dims(z, (0, 2, 1))
    return transposed, moments, lambda grad, *rest: back(xp.permute_dims(grad, (0, 2, 1)), *rest)


def pooled_output(
    conv: Conv1D, scale: Array | None, shift: Array, pool: MaxPool1D, x: Array, run: Pass
) -> Array:
    """max(conv(x, w scale) + shift, 0), and its maximum over windows that do not overlap, for a plain convolution."""
    xp = array_namespace(x)
    rows, w, padding = conv.unpadded(x)
    kernels = w if scale is None else w * scale
    y = pooled_conv1d(rows, kernels, shift, pool.pool_size, pool.ceil_mode, padding, run.part.workers)
    return xp.permute_dims(y, (0, 2, 1))


def no_pullback(grad: Array, **_: Any) -> Any:
    """In place of a pullback for which nothing is kept, or nothing any more."""
    raise RuntimeError("a pullback is called more often than `pulls` of its Pass says")
