"""Arrays of other tools with other axes: flattened, reshaped, joined, cut; most of it costs nothing here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, TypeGuard, TypeVar, overload

import numpy as np

from genoml import nn
from genoml.convert.builder import BATCH, Builder, ConvertError, Operand, Value, flattened

#: an array of the sequences stays one, and a constant too
OperandT = TypeVar("OperandT", Value, np.ndarray)


def is_constant(x: object) -> TypeGuard[np.ndarray]:
    """Whether an operand does not depend on the sequences."""
    return isinstance(x, np.ndarray | np.generic)


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


def needed(x: object) -> Value:
    """An operand that depends on the sequences.

    Raises
    ------
    ConvertError
        If it is a constant, or part of a formula whose rest is not there.
    """
    if isinstance(x, Value):
        return x
    what = (
        "a constant"
        if is_constant(x)
        else f"a {getattr(x, 'kind', 'state')}, whose other operations are not there"
    )
    raise ConvertError(f"it reads {what}, where an array of the sequences is expected")


def reordered(x: Value, axes: Sequence[int]) -> tuple[int | None, ...]:
    """The order of a value that was arranged by these axes."""
    order: list[int | None] = [None] * x.ndim
    for own, axis in enumerate(axes):
        order[axis] = own
    return tuple(order)


def transpose(x: OperandT, axes: Sequence[int]) -> OperandT:
    """Other order of the axes, which costs nothing."""
    if not isinstance(x, Value):
        return np.transpose(x, axes)
    for own in {own for own in x.order if own is not None and x.order.count(own) > 1}:
        parts = [axis for axis in axes if x.order[axis] == own]
        if parts != sorted(parts):
            raise ConvertError(f"axes of an array {x.shape[1:]} that are parts of one, in another order")
    return replace(x, shape=tuple(x.shape[a] for a in axes), order=tuple(x.order[a] for a in axes))


def unsqueeze(x: OperandT, axes: Sequence[int]) -> OperandT:
    """Add axes of size 1."""
    if not isinstance(x, Value):
        return np.expand_dims(x, tuple(axes))
    shape, order = list(x.shape), list(x.order)
    for axis in sorted(axis % (x.ndim + len(axes)) for axis in axes):
        shape.insert(axis, 1)
        order.insert(axis, None)
    return replace(x, shape=tuple(shape), order=tuple(order))


@overload
def squeeze(b: Builder, x: Value, axes: Sequence[int]) -> Value: ...
@overload
def squeeze(b: Builder, x: np.ndarray, axes: Sequence[int]) -> np.ndarray: ...
def squeeze(b: Builder, x: Any, axes: Sequence[int]) -> Any:
    """Leave out axes of size 1; of a constant all, if none is named."""
    if not isinstance(x, Value):
        return np.squeeze(x, tuple(axes) or None)
    axes = sorted(x.axis(axis) for axis in axes)
    if any(x.shape[axis] != 1 for axis in axes):
        raise ConvertError(f"axes {axes} of an array {x.shape} are not of size 1")
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    if any(x.order[axis] is not None for axis in axes):
        return reshape(b, f"{x.node}_squeeze", x, [x.shape[axis] for axis in kept])
    return replace(x, shape=tuple(x.shape[a] for a in kept), order=tuple(x.order[a] for a in kept))


def flatten(b: Builder, name: str, x: Value) -> Value:
    """All axes but the batch as one; what was flattened in another order is noted with the value."""
    axes = list(dict.fromkeys(own for own in x.order[1:] if own is not None))
    own = b.shapes[x.node]
    if x.features is not None or len(own) == 2:
        return Value(x.node, (x.shape[0], own[1]), (0, 1), x.features)
    if len(axes) < len(own) - 1:  # an axis of size 1 that the tool has not
        axes += [axis for axis in range(1, len(own)) if axis not in axes]
    places = flattened(own[1:], [axis - 1 for axis in axes])
    return Value(b.add(name, nn.Flatten(), x.node), (x.shape[0], prod(own[1:])), (0, 1), places)


@overload
def reshape(b: Builder, name: str, x: Value, target: Sequence[int]) -> Value: ...
@overload
def reshape(b: Builder, name: str, x: np.ndarray, target: Sequence[int]) -> np.ndarray: ...
def reshape(b: Builder, name: str, x: Any, target: Sequence[int]) -> Any:
    """Another shape: flattened, with or without axes of size 1, or one axis as several that follow one another."""
    if not isinstance(x, Value):
        return np.reshape(x, target)
    return _reshaped(b, name, x, target)


def _reshaped(b: Builder, name: str, x: Value, target: Sequence[int]) -> Value:
    meant = _targets(b, x, target)
    if x.shape in meant:
        return x
    for shape in meant if x.features is None else []:
        order = _regrouped(x, shape, b.shapes[x.node])
        if order is not None:
            return replace(x, shape=shape, order=order)
    for shape in meant if x.order[0] == 0 else []:
        long = [axis for axis, size in enumerate(shape) if size != 1]
        if long[:1] == [0] and len(long) <= 2:
            places: list[int | None] = [None] * len(shape)
            places[0], places[long[1] if len(long) > 1 else -1] = 0, 1
            return replace(flatten(b, name, x), shape=shape, order=tuple(places))
    raise ConvertError(f"a reshape from {x.shape[1:]} to {tuple(target)}")


def _targets(b: Builder, x: Value, target: Sequence[int]) -> list[tuple[int, ...]]:
    """Shapes that are meant: without -1, and with ``BATCH`` in each place where the file may have its own batch."""
    sizes, whole = [int(size) for size in target], prod(x.shape)
    whole = whole if BATCH in sizes else whole // BATCH * b.batch
    if -1 in sizes:
        sizes[sizes.index(-1)] = whole // max(-prod(sizes), 1)
    if prod(sizes) != whole:
        return []
    if BATCH in sizes:
        return [tuple(sizes)]
    return [(*sizes[:i], BATCH, *sizes[i + 1 :]) for i, size in enumerate(sizes) if size == b.batch]


def _regrouped(x: Value, shape: tuple[int, ...], own: tuple[int, ...]) -> tuple[int | None, ...] | None:
    """The order of a value in another shape that leaves its array as it is; None if there is none."""
    order: list[int | None] = [None] * len(shape)
    old = [axis for axis, size in enumerate(x.shape) if size != 1]
    new = [axis for axis, size in enumerate(shape) if size != 1]
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
    for axis in range(1, len(own)):  # an axis of size 1 of the network's own
        if axis not in order:
            free = [i for i in range(len(shape)) if order[i] is None]
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


def concatenate(b: Builder, name: str, values: Sequence[Operand], axis: int) -> Operand:
    """Values side by side along an axis, or constants."""
    if all(map(is_constant, values)):
        return np.concatenate([np.asarray(value) for value in values], axis=axis)
    return join(b, name, "concatenate", [needed(value) for value in values], axis)


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
    return Value(node, tuple(shape), reordered(x, (0, others[0], axis)))
