"""Arrays of an ONNX graph that have a meaning together with later operations only, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from genoml import nn
from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.io.weights import GraphNode

__all__ = [
    "Groups",
    "Keys",
    "Reversed",
    "Symbol",
    "Windows",
    "groups_of",
    "other_operand",
    "own_axis",
    "projected",
    "slices",
]

#: an end further before the first place than any axis is long: everything
_FAR = 1 << 31


class Symbol:
    """An array that no layer gives alone. What reads it asks it for the rest."""

    kind: ClassVar[str]

    def then(self, b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
        """What an operation makes of it; ``given`` are the operation's inputs."""
        raise self.unknown(node)

    def unknown(self, node: GraphNode) -> ConvertError:
        """The error for an operation that has no meaning here."""
        return ConvertError(f"it reads {self.kind}, which {node.operation} is not known to follow")

    def viewed(self, node: GraphNode, given: Sequence[Any], kept: int = 0) -> np.ndarray:
        """A constant that stands for the array, seen as a view of it says; the last ``kept`` axes are its own."""
        x, said, ndim = given[0], node.attributes, given[0].ndim - kept
        if node.operation == "Slice":
            for axis, taken in slices(node, given):
                x = x[(slice(None),) * (axis % ndim) + (taken,)]
            return np.asarray(x)
        if node.operation == "Unsqueeze":
            axes = said.get("axes", given[1] if len(given) > 1 else None)
            return np.expand_dims(x, tuple(int(a) % (ndim + len(axes)) for a in axes))
        if node.operation == "Concat":
            return np.concatenate(given, axis=int(said["axis"]) % ndim)
        if node.operation == "Transpose":
            return np.transpose(x, [*said["perm"], *range(ndim, x.ndim)])
        if node.operation == "Reshape":
            target = [x.shape[i] if size == 0 else int(size) for i, size in enumerate(given[1])]
            return np.reshape(x, [*target, *x.shape[ndim:]])
        raise self.unknown(node)


def slices(node: GraphNode, given: Sequence[Any]) -> list[tuple[int, slice]]:
    """Axes of a Slice and what is taken of each: attributes in older files, inputs in newer ones."""
    said, parts = node.attributes, list[Any]()
    if len(given) > 1:
        parts = [None if part is None else shapes.constant(part, "slice").tolist() for part in given[1:]]
    else:
        parts = [said["starts"], said["ends"], said.get("axes")]
    starts, ends, axes, steps = [*parts, None, None][:4]
    axes = axes if axes is not None else list(range(len(starts)))
    steps = steps if steps is not None else [1] * len(starts)
    return [
        (int(axis), slice(start, None if step < 0 and end < -_FAR else end, step))
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True)
    ]


def other_operand(symbol: Symbol, given: Sequence[Any]) -> Any:
    """The other operand of two."""
    return given[1] if given[0] is symbol else given[0]


# ---------------------------------------------------------------- what an array is made of


def own_axis(x: Value) -> int:
    """The network's axis of the features of (batch, length, features) or (batch, heads, length, size); 0 if none."""
    axes = {own for own in (x.order[-1], *x.order[1:-2]) if own is not None}
    place = x.order[-2]
    if len(axes) > 1 or place in axes or len(x.order) not in (3, 4):
        return 0
    return axes.pop() if axes else 3 - place if place in (1, 2) else 0


def projected(b: Builder, x: Value) -> tuple[str, np.ndarray, np.ndarray]:
    """Rows, weights and bias of an array that is rows @ weights + bias: convolutions of width 1 taken together.

    The rows are a node (batch, length, features).
    """
    axis, node = own_axis(x), x.node
    if axis == 0 or len(b.shapes[node]) != 3:
        raise ConvertError(f"an array {x.shape[1:]} whose last axis is not the features of positions")
    size = b.shapes[node][axis]
    weights, bias = np.eye(size), np.zeros(size)
    while node in b.nodes and axis == 1:
        layer, (source, *_) = b.nodes[node]
        if node in b.affine:
            _, factor, added = b.affine[node]
            bias, weights = bias + added @ weights, factor[:, None] * weights
        elif type(layer) is nn.Conv1D and _each_position(layer):
            own = np.asarray(layer.weights, np.float64)[:, :, 0].T
            if layer.has_bias:
                bias = bias + np.asarray(layer.bias) @ weights
            weights = own @ weights
        else:
            break
        node = source
    length, features = b.shapes[node][3 - axis], b.shapes[node][axis]
    order = (0, 3 - axis, axis)
    return b.arranged(Value(node, (x.shape[0], length, features), order), (0, 1, 2)), weights, bias


def _each_position(layer: nn.Conv1D) -> bool:
    """Whether it is a dense layer at every position, without an activation."""
    plain = (layer.kernel_size, layer.stride, layer.groups, layer.activation) == (1, 1, 1, None)
    return plain and layer.padding in (0, "valid", "same")


# ---------------------------------------------------------------- symbols


@dataclass(frozen=True, eq=False)
class Keys(Symbol):
    """A product of two constants, whose factors are remembered."""

    kind: ClassVar[str] = "a product of two constants"
    first: np.ndarray
    second: np.ndarray
    array: np.ndarray

    @property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Both."""
        return self.first, self.second

    def then(self, b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
        return replace(self, array=self.viewed(node, [getattr(each, "array", each) for each in given]))


@dataclass(frozen=True, eq=False)
class Groups(Symbol):
    """(batch, groups, -1) of (batch, channels, length); normalised if ``eps`` is known."""

    kind: ClassVar[str] = "groups of channels"
    source: Value
    groups: int
    eps: float | None = None

    def then(self, b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
        """A normalisation of each group, and the channels again."""
        if node.operation == "InstanceNormalization" and self.eps is None:
            if np.any(given[1] != 1) or np.any(given[2] != 0):
                raise ConvertError("groups of channels with a scale or a shift of their own")
            return replace(self, eps=float(node.attributes.get("epsilon", 1e-5)))
        x = self.source
        if node.operation == "Reshape" and self.eps is not None:
            channels, *rest = (int(size) for size in given[1][1:])
            if channels == x.shape[1] and tuple(rest) in ((-1,), x.shape[2:]):
                ones, zeros = np.ones(channels), np.zeros(channels)
                return ops.group_norm(b, node.name, x, self.groups, ones, zeros, self.eps)
        raise self.unknown(node)


def groups_of(x: Value, target: Sequence[int]) -> Groups | None:
    """A reshape of (batch, channels, length) to (batch, groups, -1), if it is one."""
    _, channels, length = x.shape
    if len(target) != 3 or not 0 < target[1] < channels or channels % target[1]:
        return None
    return Groups(x, int(target[1])) if target[2] in (-1, channels // target[1] * length) else None


@dataclass(frozen=True, eq=False)
class Reversed(Symbol):
    """The input with its channels or positions in reverse order; both are the other strand."""

    kind: ClassVar[str] = "the input with one axis in reverse order"
    source: Value
    axes: frozenset[int] = frozenset()

    def then(self, b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
        """The other axis too."""
        if node.operation != "Slice":
            raise self.unknown(node)
        whole = slice(None, None, -1)
        found = slices(node, given)
        turned = {axis % 3 for axis, taken in found if range(9)[taken] == range(9)[whole]}
        if len(turned) < len(found) or not turned <= {1, 2}:
            raise self.unknown(node)
        axes = self.axes ^ turned
        if axes < {1, 2}:
            return replace(self, axes=axes)
        if b.reverse is None:
            b.reverse = b.unique("other_strand")
            b.shapes[b.reverse] = b.shapes[self.source.node]
        return replace(self.source, node=b.reverse)


@dataclass(frozen=True, eq=False)
class Windows(Symbol):
    """Softmax along the positions of each window of (batch, windows, positions, channels), and what it multiplies."""

    kind: ClassVar[str] = "weights of the positions of windows"
    logits: Value
    read: Value | None = None

    def then(self, b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
        """The product with the windows, and the sum over each."""
        if node.operation == "Mul" and self.read is None:
            return replace(self, read=shapes.needed(other_operand(self, given)))
        x = self.read
        if node.operation != "ReduceSum" or x is None or node.attributes.get("keepdims", 1):
            raise self.unknown(node)
        axes = node.attributes.get("axes") or shapes.constant(given[1], "axes").tolist()
        rows, weights, _ = projected(b, self._rows(self.logits))  # a softmax does not see a bias
        own, identity, bias = projected(b, self._rows(x))
        whole = rows == own and not np.any(bias) and np.array_equal(identity, np.eye(len(identity)))
        if axes not in ([2], (2,)) or not whole or weights.shape[1] not in (1, len(identity)):
            raise ConvertError("a mean of windows whose weights are not those of their own positions")
        batch, windows, size, channels = x.shape
        layer = nn.AttentionPool1D(channels, size, per_channel=weights.shape[1] == channels)
        source = b.arranged(Value(rows, (batch, windows * size, channels), (0, 1, 2)), (0, 2, 1))
        node_name = b.add(node.name, layer, source, {"weights": weights})
        return Value(node_name, (batch, windows, channels), (0, 2, 1))

    def _rows(self, x: Value) -> Value:
        """(batch, windows, positions, channels) as (batch, length, channels)."""
        batch, windows, size, channels = x.shape
        own = x.order[1] if x.order[1] is not None else x.order[2]
        return Value(x.node, (batch, windows * size, channels), (0, own, 3 - (own or 0)))
