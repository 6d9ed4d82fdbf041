"""What the operations of other tools become: one function an operation, shared by all the converters.

Each takes the builder, a name for its node, values and constants, and gives a value. Axes are those of the tool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np

from genoml import nn
from genoml.convert.builder import Builder, ConvertError, Operand, Value, flattened
from genoml.nn.layer import Layer
from genoml.ops.windows import same_padding

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


def softmax(b: Builder, name: str, x: Value, axis: int = -1) -> Value:
    """Softmax along an axis."""
    own = x.order[x.axis(axis)]
    if own in (None, 0):
        raise ConvertError("a softmax along the batch or an axis of size 1")
    return replace(x, node=b.add(name, nn.Softmax(own), x.node))


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


def biased(b: Builder, name: str, x: Value, bias: np.ndarray) -> Value:
    """x + bias, a number a channel, which a convolution or dense layer just before takes as its own."""
    layer, sources = b.nodes.get(x.node, (None, ()))
    if isinstance(layer, nn.Conv1D) and not layer.has_bias and x.order[-1] == 1 and bias.ndim == 1:
        made = nn.Conv1D(
            layer.in_channels, layer.out_channels, layer.kernel_size, stride=layer.stride, padding=layer.padding,
            dilation=layer.dilation, groups=layer.groups, activation=None,
        )  # fmt: skip
        arrays = {"weights": np.asarray(layer.weights), "bias": bias}
        return replace(x, node=b.add(name, made, sources[0], arrays))
    if isinstance(layer, nn.Dense) and not np.asarray(layer.bias).any() and bias.ndim == 1:
        arrays = {"weights": np.asarray(layer.weights), "bias": bias}
        made_dense = nn.Dense(layer.in_features, layer.out_features)
        return replace(x, node=b.add(name, made_dense, sources[0], arrays))
    return affine(b, name, x, 1.0, bias)


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
        return Value(node, (1, weights.shape[1]), (0, 1))
    positions = [axis for axis in range(1, x.ndim - 1) if x.order[axis] is not None]
    kernel = weights.T.reshape(weights.shape[1], weights.shape[0], *[1] * max(len(positions), 1))
    return convolution(b, name, x, kernel, bias, channels=x.ndim - 1, positions=positions or [x.ndim - 2])


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
    return replace(x, node=node, order=_reordered(x, (0, axis, *others)))


def _reordered(x: Value, axes: Sequence[int]) -> tuple[int | None, ...]:
    """The order of a value that was arranged by these axes."""
    order: list[int | None] = [None] * x.ndim
    for own, axis in enumerate(axes):
        order[axis] = own
    return tuple(order)


def layer_norm(b: Builder, name: str, x: Value, arrays: Mapping[str, np.ndarray], eps: float) -> Value:
    """Normalisation of the last axis of each position: gamma and beta, 1 and 0 without."""
    size = x.shape[-1]
    others = [axis for axis in range(1, x.ndim - 1) if x.order[axis] is not None]
    whole = {"gamma": np.ones(size), "beta": np.zeros(size)} | dict(arrays)
    source = b.arranged(x, (0, *others, x.ndim - 1))
    node = b.add(name, nn.LayerNorm(size, eps=eps), source, whole)
    return replace(x, node=node, order=_reordered(x, (0, *others, x.ndim - 1)))


def affine(b: Builder, name: str, x: Value, scale: np.ndarray | float, shift: np.ndarray | float) -> Value:
    """x scale + shift with constants of one number, or one a channel: a normalisation by 0 and 1; two in a row are one."""
    constants = [np.asarray(constant, np.float64) for constant in (scale, shift)]
    axis = _axis_of(x, constants)
    size = x.shape[axis]
    scale, shift = (np.broadcast_to(constant.reshape(-1), (size,)) for constant in constants)
    source = x
    if (known := b.affine.get(x.node)) is not None and known[0].order == x.order:
        source, own_scale, own_shift = known
        scale, shift = own_scale * scale, own_shift * scale + shift
    one, zero = np.ones(size), np.zeros(size)
    arrays = {"gamma": scale, "beta": shift, "running_mean": zero, "running_var": one}
    value = batch_norm(b, name, source, arrays, 0.0, axis)
    b.affine[value.node] = (source, scale, shift)
    return value


def _axis_of(x: Value, constants: Sequence[np.ndarray]) -> int:
    """The axis along which constants differ; where none does, that of the channels."""
    found = set()
    for constant in constants:
        axes = [x.ndim - constant.ndim + i for i, size in enumerate(constant.shape) if size != 1]
        if constant.ndim > x.ndim or len(axes) > 1 or any(x.shape[axis] != constant.size for axis in axes):
            raise ConvertError(
                f"an array {x.shape} and a constant {constant.shape}, which is not one number a channel"
            )
        found.update(axes)
    channel = x.order.index(1) if 1 in x.order else None
    if len(found) > 1 or (not found and channel is None) or 0 in found:
        raise ConvertError(f"an array {x.shape} and constants along several of its axes")
    return found.pop() if found else int(channel or 0)


def pool(
    b: Builder, name: str, x: Value, kind: str, *, channels: int, positions: int, size: int, stride: int | None = None,
    padding: Padding = "valid", ceil_mode: bool = False,
) -> Value:  # fmt: skip
    """Maximum or mean of windows."""
    stride = stride or size
    pads = padding if not isinstance(padding, str) else (0, 0)
    if padding == "same":
        pads = same_padding(x.shape[positions], size, stride)
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
    return replace(x, node=node, shape=tuple(shape), order=_reordered(x, (0, channels, positions)))


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
    order, shape = list(_reordered(x, (0, channels[0]))), list(x.shape)
    order[positions], shape[positions] = None, 1
    value = Value(node, tuple(shape), tuple(order))
    return value if keepdims else squeeze(b, value, [positions])


def flatten(b: Builder, name: str, x: Value) -> Value:
    """All axes but the batch as one; what was flattened in another order is noted with the value."""
    axes = list(dict.fromkeys(own for own in x.order[1:] if own is not None))
    own = b.shapes[x.node]
    if x.features is not None or len(own) == 2:
        return Value(x.node, (1, own[1]), (0, 1), x.features)
    if len(axes) < len(own) - 1:  # an axis of size 1 that the tool has not
        axes += [axis for axis in range(1, len(own)) if axis not in axes]
    places = flattened(own[1:], [axis - 1 for axis in axes])
    return Value(b.add(name, nn.Flatten(), x.node), (1, prod(own[1:])), (0, 1), places)


def squeeze(b: Builder, x: Value, axes: Sequence[int]) -> Value:
    """Leave out axes of size 1."""
    axes = sorted(x.axis(axis) for axis in axes)
    if any(x.shape[axis] != 1 or axis == 0 for axis in axes):
        raise ConvertError(f"axes {axes} of an array {x.shape} are not of size 1")
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    if any(x.order[axis] is not None for axis in axes):
        return reshape(b, f"{x.node}_squeeze", x, [x.shape[axis] for axis in kept])
    return replace(x, shape=tuple(x.shape[a] for a in kept), order=tuple(x.order[a] for a in kept))


def unsqueeze(x: Value, axes: Sequence[int]) -> Value:
    """Add axes of size 1."""
    shape, order = list(x.shape), list(x.order)
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        shape.insert(axis, 1)
        order.insert(axis, None)
    return replace(x, shape=tuple(shape), order=tuple(order))


def transpose(x: Value, axes: Sequence[int]) -> Value:
    """Other order of the axes, which costs nothing."""
    return replace(x, shape=tuple(x.shape[a] for a in axes), order=tuple(x.order[a] for a in axes))


def reshape(b: Builder, name: str, x: Value, target: Sequence[int]) -> Value:
    """Another shape: flattened, with or without axes of size 1, or one axis as several that follow one another."""
    sizes = [int(size) for size in target]
    if -1 in sizes:
        sizes[sizes.index(-1)] = prod(x.shape) // max(-prod(sizes), 1)
    shape = tuple(sizes)
    if prod(shape) != prod(x.shape) or not shape or shape[0] != 1:
        raise ConvertError(f"a reshape from {x.shape} to {tuple(target)}")
    if shape == x.shape:
        return x
    order = None if x.features is not None else _regrouped(x, shape, len(b.shapes[x.node]), b.shapes[x.node])
    if order is not None:
        return replace(x, shape=shape, order=order)
    if sum(size != 1 for size in shape[1:]) <= 1:
        flat = flatten(b, name, x)
        at = next((i for i, size in enumerate(shape) if size != 1), len(shape) - 1)
        places: list[int | None] = [None] * len(shape)
        places[0], places[at] = 0, 1
        return replace(flat, shape=shape, order=tuple(places))
    raise ConvertError(f"a reshape from {x.shape} to {tuple(target)}")


def _regrouped(
    x: Value, shape: tuple[int, ...], axes: int, own: tuple[int, ...]
) -> tuple[int | None, ...] | None:
    """The order of a value in another shape that leaves its array as it is; None if there is none."""
    order: list[int | None] = [None] * len(shape)
    order[0] = 0
    old = [axis for axis in range(1, x.ndim) if x.shape[axis] != 1]
    new = [axis for axis in range(1, len(shape)) if shape[axis] != 1]
    while old and new:
        left, right = [old.pop(0)], [new.pop(0)]
        while (a := prod(x.shape[i] for i in left)) != (c := prod(shape[i] for i in right)):
            rest, group = (old, left) if a < c else (new, right)
            if not rest:
                return None
            group.append(rest.pop(0))
        owners = {x.order[axis] for axis in left}
        if len(owners) > 1 or (len(left) > 1 and len(right) > 1):
            return None
        for axis in right:
            order[axis] = x.order[left[0]]
    for axis in range(1, axes):  # an axis of size 1 of the network's own
        if axis not in order:
            free = [i for i in range(1, len(shape)) if order[i] is None]
            if own[axis] != 1 or not free:
                return None
            order[free[0]] = axis
    return tuple(order)


def join(b: Builder, name: str, how: str, values: Sequence[Value], axis: int = -1) -> Value:
    """Values added, multiplied, averaged, or side by side along an axis."""
    first = values[0]
    if len(values) == 1:
        return first
    if how == "concatenate":
        return _concatenate(b, name, values, first.axis(axis))
    if any(value.shape != first.shape for value in values):
        raise ConvertError(f"{how} of arrays of different shapes {[value.shape for value in values]}")
    node = b.join(name, how, [b.like(value, first) for value in values], b.shapes[first.node])
    return replace(first, node=node)


def _concatenate(b: Builder, name: str, values: Sequence[Value], axis: int) -> Value:
    first = values[0]
    own = first.order[axis]
    if not own:
        raise ConvertError("a concatenation along the batch or an axis of size 1")
    features = None
    if any(value.features is not None for value in values):
        starts = np.cumsum([0, *(value.shape[axis] for value in values)])
        parts = [np.arange(v.shape[axis]) if v.features is None else v.features for v in values]
        features = np.concatenate([part + start for part, start in zip(parts, starts, strict=False)])
        nodes = [value.node for value in values]
    else:
        nodes = [b.like(value, first) for value in values]
    shape, size = list(b.shapes[first.node]), sum(value.shape[axis] for value in values)
    shape[own] = size
    node = b.join(name, f"concatenate:{own}", nodes, tuple(shape))
    whole = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return Value(node, whole, first.order, features)


def shift(b: Builder, name: str, x: Value, before: int, after: int, *, axis: int) -> Value:
    """Zeros at the ends of an axis of positions, or (below 0) positions cut off."""
    axis = x.axis(axis)
    if (before, after) == (0, 0):
        return x
    others = [other for other in range(1, x.ndim) if other != axis and x.order[other] is not None]
    if x.order[axis] is None or len(others) != 1:
        raise ConvertError(f"padding or cutting of an array {x.shape} along axis {axis}")
    node = b.add(name, nn.Pad(before, after), b.arranged(x, (0, others[0], axis)))
    shape = list(x.shape)
    shape[axis] = b.shapes[node][2]
    return Value(node, tuple(shape), _reordered(x, (0, others[0], axis)))


def recurrent(
    b: Builder, name: str, x: Value, kind: str, directions: Sequence[Mapping[str, np.ndarray]], *,
    positions: int, sequences: bool,
) -> Value:  # fmt: skip
    """LSTM or GRU in one or both directions; each with its arrays in genoml's order of the gates."""
    features = next(axis for axis in range(1, x.ndim) if axis != positions)
    made: Any = nn.LSTM if kind == "lstm" else nn.GRU
    hidden = directions[0]["weights_recurrent"].shape[0]
    layer: Layer = made(x.shape[features], hidden, return_sequences=sequences)
    arrays: Mapping[str, np.ndarray] = directions[0]
    if len(directions) == 2:
        layer = nn.Bidirectional(layer)
        named = zip(("forward", "backward"), directions, strict=True)
        arrays = {f"{way}.{key}": value for way, own in named for key, value in own.items()}
    node = b.add(name, layer, b.arranged(x, (0, positions, features)), arrays)
    size = hidden * len(directions)
    if not sequences:
        return Value(node, (1, size), (0, 1))
    shape, order = list(x.shape), _reordered(x, (0, positions, features))
    shape[features] = size
    return Value(node, tuple(shape), order)


def constant(x: Operand, what: str) -> np.ndarray:
    """A constant, where the converter needs one.

    Raises
    ------
    ConvertError
        If it depends on the sequences.
    """
    if isinstance(x, Value):
        raise ConvertError(f"its {what} depends on the sequences")
    return x
