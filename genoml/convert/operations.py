"""What the operations of other tools become: one function an operation, shared by all the converters.

Each takes the builder, a name for its node, values and constants, and gives a value. Axes are those of the tool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from genoml import nn
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.shapes import reordered, squeeze, transpose
from genoml.nn.attention.positions import sinusoids
from genoml.nn.layer import Layer
from genoml.ops.windows import same_padding


@dataclass(frozen=True, eq=False)
class State:
    """The last state of one direction of a recurrent layer, which the other is put beside."""

    value: Value
    direction: int


#: zeros on both sides of the positions, or how a tool calls them
Padding: TypeAlias = "Literal['valid', 'same'] | tuple[int, int]"
#: layers of the functions of each number alone, by the lower-case names that the tools give them
ELEMENTWISE: Mapping[str, Callable[..., Layer]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "softplus": nn.Softplus,
    "exp": nn.Exp,
    "exponential": nn.Exp,
    "leaky_relu": nn.LeakyReLU,
    "leakyrelu": nn.LeakyReLU,
}


def elementwise(b: Builder, name: str, x: Value, kind: str, **options: float) -> Value:
    """A function of each number alone, by its name; ``linear`` is none."""
    if kind in ("linear", "identity"):
        return x
    if kind not in ELEMENTWISE:
        raise ConvertError(
            f"the activation {kind!r} is not supported; known: {', '.join(sorted(ELEMENTWISE))}"
        )
    return replace(x, node=b.add(name, ELEMENTWISE[kind](**options), x.node))


def softmax(b: Builder, name: str, x: Value, axis: int = -1, *, logarithm: bool = False) -> Value:
    """Softmax along an axis, or its logarithm."""
    own = x.order[x.axis(axis)]
    if own in (None, 0) or x.order.count(own) > 1:
        raise ConvertError("a softmax along the batch, an axis of size 1 or part of one")
    layer = nn.LogSoftmax(own) if logarithm else nn.Softmax(own)
    return replace(x, node=b.add(name, layer, x.node))


def convolution(
    b: Builder,
    name: str,
    x: Value,
    kernel: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    channels: int,
    positions: Sequence[int],
    stride: Sequence[int] = (1,),
    dilation: Sequence[int] = (1,),
    padding: Padding | Sequence[Padding] = "valid",
    groups: int = 1,
) -> Value:
    """A convolution with a kernel (out_channels, channels / groups, ...) along the one axis that has positions."""
    every = [padding] * len(positions) if isinstance(padding, str | tuple) else list(padding)
    along = [i for i, axis in enumerate(positions) if x.order[axis] is not None]
    flat = [i for i in range(len(positions)) if i not in along]
    if len(along) != 1 or any(kernel.shape[2 + i] != 1 for i in flat):
        raise ConvertError("a convolution along more than one axis")
    at = along[0]
    length, size = x.shape[positions[at]], kernel.shape[2 + at]
    step, apart = int(stride[at % len(stride)]), int(dilation[at % len(dilation)])
    source = b.arranged(x, (0, channels, positions[at]))
    source, before = padded(b, name, source, every[at], length, size, step, apart)
    layer = nn.Conv1D(
        x.shape[channels], kernel.shape[0], size, stride=step, dilation=apart, padding=before, groups=groups,
        bias=bias is not None, activation=None,
    )  # fmt: skip
    arrays = {"weights": kernel.reshape(*kernel.shape[:2], size)} | ({} if bias is None else {"bias": bias})
    node = b.add(name, layer, source, arrays)
    order, shape = list(x.order), list(x.shape)
    order[channels], order[positions[at]] = 1, 2
    _, shape[channels], shape[positions[at]] = b.shapes[node]
    return Value(node, tuple(shape), tuple(order))


def padded(
    b: Builder, name: str, source: str, padding: Padding, length: int, size: int, stride: int, dilation: int
) -> tuple[str, str | int]:
    """What a convolution reads, and how it pads it itself: ``Pad`` does what it cannot."""
    if isinstance(padding, str):
        return source, padding
    before, after = padding
    if before == after >= 0:
        return source, before or "valid"
    if stride == 1 and (before, after) == same_padding(length, size, 1, dilation):
        return source, "same"
    return b.add(f"{name}_pad", nn.Pad(before, after), source), "valid"


def dense(b: Builder, name: str, x: Value, weights: np.ndarray, bias: np.ndarray | None = None) -> Value:
    """x weights + bias along the last axis: a dense layer, or along positions a convolution of width 1."""
    if weights.ndim != 2 or x.shape[-1] != weights.shape[0]:
        raise ConvertError(f"a product of arrays {x.shape} and {weights.shape}")
    if x.ndim == 2:
        layer = nn.Dense(*weights.shape)
        if x.features is not None:
            moved = np.empty_like(weights)
            moved[x.features] = weights
            weights = moved
        zeros = np.zeros(weights.shape[1], weights.dtype)
        source = b.arranged(replace(x, features=None), (0, 1))
        node = b.add(name, layer, source, {"weights": weights, "bias": zeros if bias is None else bias})
        return Value(node, (x.shape[0], weights.shape[1]), (0, 1))
    if (folded := behind_attention(b, name, x, weights, bias)) is not None:
        return folded
    positions = [axis for axis in range(1, x.ndim - 1) if x.order[axis] is not None]
    kernel = weights.T.reshape(weights.shape[1], weights.shape[0], *[1] * max(len(positions), 1))
    return convolution(b, name, x, kernel, bias, channels=x.ndim - 1, positions=positions or [x.ndim - 2])


def behind_attention(
    b: Builder, name: str, x: Value, weights: np.ndarray | None, bias: np.ndarray | None
) -> Value | None:
    """x weights + bias as the output of the attention that gives x, if it has none yet; else None."""
    layer, sources = b.nodes.get(x.node, (None, ()))
    if not isinstance(layer, nn.SelfAttention) or x.order != (0, 1, 2):
        return None
    own, added = (np.asarray(layer.params[f"output_{what}"]) for what in ("weights", "bias"))
    if np.any(added) or (weights is not None and not np.array_equal(own, np.eye(len(own)))):
        return None
    out = own if weights is None else weights
    made = nn.SelfAttention(**{**layer.settings(), "out_features": out.shape[1]})
    arrays = {key: np.asarray(value) for key, value in layer.params.items()}
    arrays |= {"output_weights": out, "output_bias": np.zeros(out.shape[1]) if bias is None else bias}
    node = b.add(name, made, sources[0], arrays)
    return Value(node, (*x.shape[:2], out.shape[1]), (0, 1, 2))


def positions(b: Builder, name: str, x: Value, table: np.ndarray) -> Value:
    """x + table, a number for each position and feature: the sinusoids of genoml's layer."""
    if not np.allclose(table, sinusoids(np.zeros(0), *table.shape), atol=1e-5):
        raise ConvertError(
            "a number for each position and feature that is not of genoml's sinusoidal positions"
        )
    node = b.add(name, nn.SinusoidalPositions(), b.arranged(x, (0, 1, 2)))
    return replace(x, node=node, order=(0, 1, 2))


def group_norm(
    b: Builder, name: str, x: Value, groups: int, gamma: np.ndarray, beta: np.ndarray, eps: float
) -> Value:
    """Normalisation of groups of channels (batch, channels, length) over their positions."""
    layer = nn.GroupNorm(groups, x.shape[1], eps=eps)
    node = b.add(name, layer, b.arranged(x, (0, 1, 2)), {"gamma": gamma, "beta": beta})
    return replace(x, node=node, order=(0, 1, 2))


def chosen(b: Builder, name: str, x: Value, axis: int, places: np.ndarray) -> Value:
    """Places of an axis of channels or features, in this order: a product with columns of the identity."""
    axes = [*(other for other in range(x.ndim) if other != axis), axis]
    y = dense(b, name, transpose(x, axes), np.eye(x.shape[axis])[:, places])
    return transpose(y, [axes.index(own) for own in range(x.ndim)])


def batch_norm(
    b: Builder, name: str, x: Value, arrays: Mapping[str, np.ndarray], eps: float, axis: int
) -> Value:
    """Normalisation of an axis by fixed statistics: gamma, beta, running_mean, running_var."""
    axis = x.axis(axis)
    others = [other for other in range(1, x.ndim) if other != axis and x.order[other] is not None]
    source = x.node if x.features is not None else b.arranged(x, (0, axis, *others))
    if x.features is not None:
        moved = {key: np.empty_like(value) for key, value in arrays.items()}
        for key, value in arrays.items():
            moved[key][x.features] = value
        arrays = moved
    node = b.add(name, nn.BatchNorm1D(x.shape[axis], eps=eps), source, arrays)
    return replace(x, node=node, order=reordered(x, (0, axis, *others)))


def layer_norm(b: Builder, name: str, x: Value, arrays: Mapping[str, np.ndarray], eps: float) -> Value:
    """Normalisation of the last axis of each position: gamma and beta, 1 and 0 without."""
    size = x.shape[-1]
    others = [axis for axis in range(1, x.ndim - 1) if x.order[axis] is not None]
    whole = {"gamma": np.ones(size), "beta": np.zeros(size)} | dict(arrays)
    source = b.arranged(x, (0, *others, x.ndim - 1))
    node = b.add(name, nn.LayerNorm(size, eps=eps), source, whole)
    return replace(x, node=node, order=reordered(x, (0, *others, x.ndim - 1)))


def pool(
    b: Builder, name: str, x: Value, kind: str, *, channels: int, positions: int, size: int, stride: int | None = None,
    padding: Padding = "valid", ceil_mode: bool = False,
) -> Value:  # fmt: skip
    """Maximum or mean of windows."""
    stride = stride or size
    pads = padding if not isinstance(padding, str) else (0, 0)
    if padding == "same":
        pads = same_padding(x.shape[positions], size, stride)
    size_, behind = x.shape[positions], pads[1]
    ceiled = kind == "max" and pads[0] == 0 and 0 < behind < size and (size_ + behind - size) % stride == 0
    if (
        ceiled and size_ + behind - size < size_
    ):  # the last window begins before the end: what lies behind is not read
        pads, ceil_mode = (0, 0), True
    if pads != (0, 0):
        raise ConvertError(f"a pooling with padding {pads}, whose windows are cut off by the ends")
    if ceil_mode and kind == "average":
        raise ConvertError("an average pooling with ceil_mode")
    source = b.arranged(x, (0, channels, positions))
    layer = (
        nn.MaxPool1D(size, stride, ceil_mode=ceil_mode) if kind == "max" else nn.AveragePool1D(size, stride)
    )
    node = b.add(name, layer, source)
    shape = list(x.shape)
    shape[positions] = b.shapes[node][2]
    return replace(x, node=node, shape=tuple(shape), order=reordered(x, (0, channels, positions)))


def global_pool(
    b: Builder, name: str, x: Value, kind: str, *, positions: int, keepdims: bool = False
) -> Value:
    """Maximum or mean of all positions."""
    positions = x.axis(positions)
    channels = [axis for axis in range(1, x.ndim) if axis != positions and x.order[axis] is not None]
    if x.order[positions] is None or len(channels) != 1:
        raise ConvertError(f"a global pooling of an array {x.shape} along axis {positions}")
    layer = nn.GlobalMaxPool1D() if kind == "max" else nn.GlobalAveragePool1D()
    node = b.add(name, layer, b.arranged(x, (0, channels[0], positions)))
    order, shape = list(reordered(x, (0, channels[0]))), list(x.shape)
    order[positions], shape[positions] = None, 1
    value = Value(node, tuple(shape), tuple(order))
    return value if keepdims else squeeze(b, value, [positions])


def recurrent(
    b: Builder, name: str, x: Value, kind: str, directions: Sequence[Mapping[str, np.ndarray]], *,
    positions: int, sequences: bool,
) -> Value:  # fmt: skip
    """LSTM or GRU in one or both directions; each with its arrays in genoml's order of the gates."""
    features = next(axis for axis in range(1, x.ndim) if axis != positions)
    made: Any = nn.LSTM if kind == "lstm" else nn.GRU
    hidden = directions[0]["weights_recurrent"].shape[0]
    layer: Any = made(x.shape[features], hidden, return_sequences=sequences)
    arrays: Mapping[str, np.ndarray] = directions[0]
    if len(directions) == 2:
        layer = nn.Bidirectional(layer)
        named = zip(("forward", "backward"), directions, strict=True)
        arrays = {f"{way}.{key}": value for way, own in named for key, value in own.items()}
    node = b.add(name, layer, b.arranged(x, (0, positions, features)), arrays)
    size = hidden * len(directions)
    if not sequences:
        return Value(node, (x.shape[0], size), (0, 1))
    shape, order = list(x.shape), reordered(x, (0, positions, features))
    shape[features] = size
    return Value(node, tuple(shape), order)


def picked(b: Builder, name: str, x: Value, axis: int, index: np.ndarray) -> Value | State:
    """One place of an axis: the last position of a recurrent layer's states, or one of its directions."""
    axis = x.axis(axis)
    size, at = x.shape[axis], int(index.reshape(-1)[0]) % x.shape[axis]
    layer, sources = b.nodes.get(x.node, (None, ()))
    if index.size == 1 and size == 1 and x.order[axis] is None:
        return squeeze(b, x, [axis]) if index.ndim == 0 else x
    if index.ndim == 0 and x.order == (1, 0, 1) and axis == 0:
        return State(x, at)
    if (
        isinstance(layer, nn.LSTM | nn.GRU)
        and x.order[axis] == 1
        and at == size - 1
        and x.ndim == 3
        and index.ndim == 0
    ):
        made = type(layer)(layer.in_features, layer.hidden, return_sequences=False)
        arrays = {key: np.asarray(value) for key, value in layer.params.items()}
        return Value(b.add(name, made, sources[0], arrays), (x.shape[0], layer.hidden), (0, 1))
    raise ConvertError(f"place {index.tolist()} of axis {axis} of an array {x.shape[1:]}")
