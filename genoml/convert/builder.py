"""A network that is put together node by node, as the node of another tool's graph say, with every shape known.

Other tools keep sequences as (batch, length, channels), genoml's convolutions as (batch, channels, length). A
:class:`Value` knows which axis of the tool's array is which axis of genoml's, so that a transposition costs nothing
and is made only where a layer asks for another order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np

from genoml import nn
from genoml.nn.layer import Layer
from genoml.nn.node import INPUT

__all__ = ["BATCH", "Builder", "ConvertError", "Value"]


#: size of the batch in shapes as the tool sees them: a number that no other axis has
BATCH = 1009


#: nodes of a network, and numbers of one array in it, at most
_MOST_NODES, _MOST_NUMBERS = 20_000, 1 << 28


class ConvertError(ValueError):
    """Raised for what no rule converts: the message names the node, and what is known."""


@dataclass(frozen=True, eq=False)
class Value:
    """An array of the other tool's graph.

    Attributes
    ----------
    node : str
        The node of the network that computes it.
    shape : tuple of int
        Its shape as the tool sees it, for ``BATCH`` examples.
    order : tuple of int or None
        For each axis the network's own axis; None for one of size 1 that the network does not have. Neighbours with
        the same are parts of one: heads and features, say.
    features : array of int, optional
        For each of the tool's features, the network's: what was flattened position by position there is flattened
        channel by channel here.
    """

    node: str
    shape: tuple[int, ...]
    order: tuple[int | None, ...]
    features: np.ndarray | None = None

    @property
    def ndim(self) -> int:
        """Axes, as the tool sees it."""
        return len(self.shape)

    def axis(self, axis: int) -> int:
        """An axis counted from the first."""
        return axis % self.ndim


#: an array of the tool's graph that depends on the sequences, or a constant
Operand: TypeAlias = "Value | np.ndarray"


class Builder:
    """Collects nodes, and makes the network of those that its outputs need."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[Layer | str, tuple[str, ...]]] = {}
        #: shape of each node's output in the network, of one example
        self.shapes: dict[str, tuple[int, ...]] = {}
        #: the value that a node scales and shifts, with both
        self.affine: dict[str, tuple[Value, np.ndarray, np.ndarray]] = {}
        self.inputs: list[str] = []
        #: what stands for the reverse complement of the input, where both strands are read
        self.reverse: str | None = None
        self._names = Counter[str]()
        #: size of the batch in the file
        self.batch = 1

    # ------------------------------------------------------------ nodes

    def unique(self, name: str) -> str:
        """A name for a node that no other has, of letters, digits and ``_``."""
        name = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "node"
        found = name
        while found in self.nodes or found in self.inputs or found == INPUT:
            self._names[name] += 1
            found = f"{name}_{self._names[name] + 1}"
        return found

    def input(self, name: str, shape: Sequence[int], *, channels: int) -> Value:
        """An input of one-hot sequences, with the axis that its channels are on; other axes of size 1 are left out."""
        name = self.unique(name)
        long = [axis for axis in range(1, len(shape)) if axis != channels and shape[axis] != 1]
        if len(long) != 1:
            raise ConvertError(
                f"input {name} has shape {tuple(shape[1:])}; expects the four bases and positions, so give the length"
            )
        order: list[int | None] = [None] * len(shape)
        order[0], order[channels], order[long[0]] = 0, 1, 2
        self.inputs.append(name)
        self.shapes[name] = (1, shape[channels], shape[long[0]])
        return Value(name, (BATCH, *shape[1:]), tuple(order))

    def add(
        self, name: str, layer: Layer, source: str, arrays: Mapping[str, np.ndarray] | None = None
    ) -> str:
        """Add a layer with its arrays, parameters and state; returns its node."""
        name = self.unique(name)
        if arrays is not None:
            _set_arrays(name, layer, arrays)
        try:
            shape = output_shape(layer, self.shapes[source])
        except ValueError as error:
            raise ConvertError(f"node {name}: {error}") from error
        return self._keep(name, layer, (source,), shape)

    def join(self, name: str, how: str, sources: Sequence[str], shape: tuple[int, ...]) -> str:
        """Add a node that joins others: ``add``, ``multiply``, ``mean`` or ``concatenate``."""
        return self._keep(self.unique(name), how, tuple(sources), shape)

    def _keep(self, name: str, layer: Layer | str, sources: tuple[str, ...], shape: tuple[int, ...]) -> str:
        """Keep a node, unless a small file asks for more than a network has."""
        if len(self.nodes) >= _MOST_NODES:
            raise ConvertError(f"import: the network has more than {_MOST_NODES:,} nodes")
        _expect_size(name, shape)
        self.nodes[name], self.shapes[name] = (layer, sources), shape
        return name

    # ------------------------------------------------------------ orders of axes

    def arranged(self, x: Value, axes: Sequence[int]) -> str:
        """The node of a value whose own axes are these of the tool's, in this order."""
        own = [x.order[axis] for axis in axes]
        expected = list(range(len(self.shapes[x.node])))
        if own == expected:
            return x.node
        if x.features is None and own == [0, 2, 1]:
            return self._transposed(x.node)
        raise ConvertError(f"axes {tuple(axes)} of an array {x.shape} cannot be brought into this order here")

    def _transposed(self, node: str) -> str:
        made = self.nodes.get(node)
        if made is not None and isinstance(made[0], nn.Transpose):
            return made[1][0]
        for name, (layer, sources) in self.nodes.items():
            if sources == (node,) and isinstance(layer, nn.Transpose):
                return name
        return self.add(f"{node}_transpose", nn.Transpose(), node)

    def like(self, x: Value, other: Value) -> str:
        """The node of x in the order that another value has."""
        if x.order == other.order and _same(x.features, other.features):
            return x.node
        if x.features is None and other.features is None and len(self.shapes[other.node]) == 3:
            axes = [other.order.index(own) for own in range(3)]
            if [x.order[axis] for axis in axes] == [0, 2, 1]:
                return self._transposed(x.node)
        raise ConvertError(f"arrays {x.shape} and {other.shape} cannot be brought into one order")

    def settled(self, x: Value) -> Value:
        """The value with its features in the tool's own order, flattened position by position."""
        if x.features is None:
            return x
        layer, sources = self.nodes[x.node]
        if not isinstance(layer, nn.Flatten):
            raise ConvertError(
                f"array {x.shape}, flattened position by position, must be read by a dense layer"
            )
        node = self.add(f"{x.node}_positions", nn.Flatten(), self._transposed(sources[0]))
        return replace(x, node=node, features=None)

    # ------------------------------------------------------------ the network

    def needed(self, outputs: Sequence[str]) -> list[str]:
        """Nodes that the outputs need, in order."""
        wanted = set(outputs)
        for name, (_, sources) in reversed(self.nodes.items()):
            if name in wanted:
                wanted.update(sources)
        return [name for name in self.nodes if name in wanted]


def _same(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def _set_arrays(name: str, layer: Layer, arrays: Mapping[str, np.ndarray]) -> None:
    """Set a layer's parameters and state."""
    for table in (layer.params, layer.state):
        for key in table:
            value, expected = np.asarray(arrays[key]), tuple(table[key].shape)
            if value.shape != expected:
                raise ConvertError(f"node {name}: {key} expects shape {expected}, got {value.shape}")
            if not np.isfinite(value).all():
                raise ConvertError(f"node {name}: {key} holds numbers that are not finite")
            table[key] = layer.backend.asarray(np.ascontiguousarray(value), dtype=layer.dtype)


def _expect_size(name: str, shape: tuple[int, ...]) -> None:
    """Raise ConvertError for an array that is larger than any network's."""
    if prod(shape) > _MOST_NUMBERS:
        raise ConvertError(
            f"node {name} gives {prod(shape):,} numbers a sequence, more than {_MOST_NUMBERS:,}"
        )


def output_shape(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of a layer's output for one example; computed for zeros where no rule says it faster."""
    if isinstance(layer, nn.Conv1D | nn.Pad) and len(shape) == 3:
        channels = layer.out_channels if isinstance(layer, nn.Conv1D) else shape[1]
        count = layer.reach(shape[2]).outputs(shape[2])
        fits = isinstance(layer, nn.Pad) or layer.in_channels == shape[1]
        if fits and count >= 1:
            return (shape[0], channels, count)
    if isinstance(layer, nn.activations.Activation | nn.BatchNorm1D | nn.Softmax | nn.Dropout):
        return shape
    zeros = layer.backend.asarray(np.zeros(shape), dtype=layer.dtype)
    with np.errstate(all="ignore"):
        return tuple(layer.vjp(zeros)[0].shape)


def flattened(sizes: Sequence[int], order: Sequence[int]) -> np.ndarray | None:
    """For each feature of an array that was flattened in this order of its axes, its place in the array's own order."""
    if list(order) == sorted(order):
        return None
    places: np.ndarray = np.arange(prod(sizes)).reshape(sizes).transpose(order).reshape(-1)
    return None if np.array_equal(places, np.arange(len(places))) else places
