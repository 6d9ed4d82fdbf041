"""ONNX's operations on shapes: slices, pads, transpositions, and the arithmetic of constants behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from genoml import nn
from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.builder import Builder, ConvertError, Operand, Value
from genoml.convert.onnx_positions import Linear
from genoml.convert.onnx_recurrent import gathered_state
from genoml.convert.onnx_symbols import Reversed, groups_of, slices
from genoml.convert.shapes import is_constant
from genoml.io.weights import GraphNode

__all__ = ["SHAPE_RULES", "Rule", "axes_of"]

Rule: TypeAlias = Callable[[Builder, GraphNode, Sequence[Any]], Any]
#: numbers of a constant that is made, at most
_MOST_FILLED = 1 << 24


def axes_of(node: GraphNode, given: Sequence[Any], default: Sequence[int] = ()) -> list[int]:
    """Axes of an operation: an attribute in older files, the second input in newer ones."""
    found = node.attributes.get("axes")
    if found is None:
        found = (
            shapes.constant(given[1], "axes").tolist() if len(given) > 1 and given[1] is not None else default
        )
    return [int(axis) for axis in found]


def _concat(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand:
    x, *others = given
    if len(others) == 1 and isinstance(x, Value) and is_constant(others[0]):
        return _dispersion(b, node.name, x, others[0])
    state = gathered_state(given)
    return (
        state if state is not None else shapes.concatenate(b, node.name, given, int(node.attributes["axis"]))
    )


def _dispersion(b: Builder, name: str, x: Value, rows: np.ndarray) -> Value:
    """The same numbers for every sequence, put behind x: as many as x has."""
    if x.order != (0, 1) or rows.shape != x.shape or np.any(rows != rows[:1]):
        raise ConvertError(f"a constant {rows.shape[1:]} put behind an array {x.shape[1:]}")
    node = b.add(name, nn.LearnedDispersion(x.shape[1]), b.settled(x).node, {"log_dispersion": rows[0]})
    return Value(node, (x.shape[0], 2 * x.shape[1]), (0, 1))


def _slice(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    """Positions cut off at the ends; channels in any order."""
    x = given[0]
    for axis, taken in slices(node, given):
        if is_constant(x):
            x = x[(slice(None),) * (axis % x.ndim) + (taken,)]
            continue
        value, axis = shapes.needed(x), axis % x.ndim
        size = value.shape[axis]
        places = np.arange(size)[taken]
        if value.node in b.inputs and np.array_equal(places, np.arange(size)[::-1]):
            return Reversed(value).then(b, node, given)
        if value.ndim == 4 and value.order.count(value.order[axis]) > 1:
            return Linear.of(value).then(b, node, [Linear.of(value), *given[1:]])
        if value.order[axis] == 1 and len(places):
            x = ops.chosen(b, node.name, value, axis, places)
            continue
        if not len(places) or np.any(np.diff(places) != 1):
            raise ConvertError("a slice that is not a cut at the ends, or leaves nothing")
        x = shapes.shift(b, node.name, value, -int(places[0]), int(places[-1]) + 1 - size, axis=axis)
    return x


def _pad(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    x, said = shapes.needed(given[0]), node.attributes
    pads = shapes.constant(given[1], "pads").tolist() if len(given) > 1 else list(said["pads"])
    filled = given[2] if len(given) > 2 and given[2] is not None else np.asarray(said.get("value", 0.0))
    if said.get("mode", "constant") != "constant" or np.any(shapes.constant(filled, "value") != 0):
        raise ConvertError("a padding with other values than 0")
    axes = (
        shapes.constant(given[3], "axes").tolist()
        if len(given) > 3 and given[3] is not None
        else range(x.ndim)
    )
    half = len(pads) // 2
    for axis, before, after in zip(axes, pads[:half], pads[half:], strict=True):
        x = shapes.shift(b, node.name, x, int(before), int(after), axis=int(axis))
    return x


def _gather(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    x, index = given[0], shapes.constant(given[1], "index")
    axis = int(node.attributes.get("axis", 0))
    if is_constant(x):
        return np.take(x, index, axis=axis)
    return ops.picked(b, node.name, shapes.needed(x), axis, index)


def _squeeze(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    ones = [axis for axis, size in enumerate(given[0].shape) if size == 1]
    return shapes.squeeze(b, given[0], axes_of(node, given, ones))


def _unsqueeze(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    return shapes.unsqueeze(given[0], axes_of(node, given))


def _transposed(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    return shapes.transpose(given[0], list(node.attributes.get("perm") or reversed(range(given[0].ndim))))


def _reshaped(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    x, target = given[0], shapes.constant(given[1], "shape").tolist()
    if not node.attributes.get("allowzero"):
        target = [x.shape[i] if size == 0 else size for i, size in enumerate(target)]
    if isinstance(x, Value) and x.order == (0, 1, 2) and (groups := groups_of(x, target)) is not None:
        return groups
    return shapes.reshape(b, node.name, x, target)


def _flattened(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    if int(node.attributes.get("axis", 1)) != 1:
        raise ConvertError("it flattens other axes than all but the batch")
    return shapes.flatten(b, node.name, shapes.needed(given[0]))


def _expanded(b: Builder, node: GraphNode, given: Sequence[Any]) -> np.ndarray:
    x, shape = shapes.constant(given[0], "input"), shapes.constant(given[1], "shape")
    if np.prod(shape) > _MOST_FILLED:
        raise ConvertError(f"it makes a constant of shape {tuple(shape.tolist())}")
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape.tolist())))


def _triangle(b: Builder, node: GraphNode, given: Sequence[Any]) -> np.ndarray:
    """The upper or lower triangle of a constant."""
    x, offset = shapes.constant(given[0], "input"), given[1] if len(given) > 1 else 0
    triangle = np.triu if node.attributes.get("upper", 1) else np.tril
    return triangle(x, int(np.reshape(offset, ())))


def _filled(b: Builder, node: GraphNode, given: Sequence[Any]) -> np.ndarray:
    shape, value = shapes.constant(given[0], "shape"), node.attributes.get("value", np.zeros(1, np.float32))
    if np.prod(shape) > _MOST_FILLED:
        raise ConvertError(f"it makes a constant of shape {tuple(shape.tolist())}")
    return np.full(shape.tolist(), np.asarray(value).reshape(-1)[0])


SHAPE_RULES: dict[str, Rule] = {
    "Shape": lambda b, node, given: np.array(given[0].shape, np.int64),
    "Concat": _concat,
    "Slice": _slice,
    "Pad": _pad,
    "Gather": _gather,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transposed,
    "Reshape": _reshaped,
    "Flatten": _flattened,
    "Trilu": _triangle,
    "ConstantOfShape": _filled,
    "Expand": _expanded,
}
