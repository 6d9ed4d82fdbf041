"""Positions in ONNX graphs of attention: rotated queries and keys, and products of queries with distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.onnx_symbols import Keys, Symbol, other_operand
from genoml.io.weights import GraphNode
from genoml.nn.attention.positions import Rotary
from genoml.nn.attention.relative import distance_bases

__all__ = ["Distances", "Linear"]


@dataclass(frozen=True, eq=False)
class Linear(Symbol):
    """Features of each position changed linearly: y[h, l, e] = sum_d maps[h, l, e, d] x[h, l, d].

    Attributes
    ----------
    source : Value
        x, (batch, heads, length, size).
    maps : array
        Its axes are those of y, and d.
    """

    kind: ClassVar[str] = "part of a rotation of queries or keys"
    source: Value
    maps: np.ndarray

    @classmethod
    def of(cls, x: Value) -> Linear:
        """The array itself."""
        _, heads, length, size = x.shape
        return cls(x, np.broadcast_to(np.eye(size), (1, heads, length, size, size)))

    def then(self, b: Builder, node: GraphNode, given: Sequence[Any]) -> Symbol:
        """Views, products with constants, and sums with others of the same array."""
        maps = [getattr(each, "maps", each) for each in given]
        if any(each.source is not self.source for each in given if isinstance(each, Linear)):
            raise ConvertError("a sum of two different arrays")
        if node.operation in ("Mul", "Add", "Sub"):
            if node.operation != "Mul" and not all(isinstance(each, Linear) for each in given):
                raise self.unknown(node)
            tables = [
                each if isinstance(own, Linear) else each[..., None]
                for own, each in zip(given, maps, strict=True)
            ]
            made = {"Mul": np.multiply, "Add": np.add, "Sub": np.subtract}[node.operation](*tables)
            return replace(self, maps=made)
        return replace(self, maps=self.viewed(node, maps, kept=1))

    def turns(self, length: int, size: int) -> bool:
        """Whether it is the rotation of :class:`~genoml.nn.attention.positions.Rotary`."""
        _, heads, *_ = self.source.shape
        rotary = Rotary(np.zeros(0), length, size)
        eye = np.broadcast_to(np.eye(size)[:, None, :], (size, length, size))
        turned = rotary.rotate(eye).transpose(1, 2, 0)
        return self.maps.shape[1:] == (heads, length, size, size) and np.allclose(
            self.maps, turned, atol=1e-5
        )


@dataclass(frozen=True, eq=False)
class Distances(Symbol):
    """Products of queries with a vector for each distance, moved: y[h, ...] = x[h, i] . keys[h, :, r].

    Attributes
    ----------
    source : Value
        x, (batch, heads, length, size).
    keys : Keys
        (heads, size, distances).
    places : array of int
        i distances + r of each number of y.
    """

    kind: ClassVar[str] = "products of queries and distances"
    source: Value
    keys: Keys
    places: np.ndarray

    @classmethod
    def of(cls, x: Value, keys: Keys) -> Distances:
        """The products themselves."""
        (_, heads, length, _), many = x.shape, keys.array.shape[-1]
        places = np.arange(length * many).reshape(1, 1, length, many)
        return cls(x, keys, np.broadcast_to(places, (1, heads, length, many)))

    def then(self, b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
        """Views; the sum with scores is read there."""
        other = other_operand(self, given) if node.operation == "Add" else None
        if isinstance(other, Symbol) and not isinstance(other, Distances):
            return other.then(b, node, given)
        return replace(self, places=self.viewed(node, [getattr(each, "places", each) for each in given]))

    def bases(self, length: int) -> tuple[int, int, np.ndarray]:
        """How many basis functions of each family, the length over which they are spread, and their weights."""
        rows, columns = np.indices((length, length))
        many = self.keys.array.shape[-1]
        if self.places.shape[2:] != (length, length) or np.any(
            self.places != rows * many + columns - rows + length - 1
        ):
            raise ConvertError("products of queries and keys that are not those of their distance")
        functions, weights = self.keys.factors
        each = functions.shape[1] // 6
        edge = functions[-1, each - 1]  # 2^(-distance / reach), the longest half-life
        near = round(-(length - 1) / np.log2(edge)) if each > 1 and 0 < edge < 1 else 0
        for reach in range(near - 2, near + 3) if near else range(2, 4097):
            if reach >= 2 and np.allclose(
                distance_bases(np.zeros(0), length, reach, each), functions, atol=1e-4
            ):
                return each, reach, weights
        raise ConvertError("keys of distances that are not those of genoml's basis functions")
