"""Where a map becomes one vector a sequence, and mutants' vectors follow from what they change in the map."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.explain.changed import Changed
from genoml.nn.dense import Dense
from genoml.ops.activations import activation_vjp
from genoml.ops.arrays import pad_axis

__all__ = ["Average", "End", "FlatDense", "Folded", "Highest"]

#: mutants' vectors (mutants, features), from what they change
Gather: TypeAlias = Callable[[Changed], Array]


class End(Protocol):
    """A layer that reads the whole map."""

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        """The reference's vectors (n, features), and how to find the mutants'."""
        ...


@dataclass(frozen=True)
class Average:
    """The mean over the map: the reference's, and the mean of the changes."""

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        xp, length = array_namespace(rows), rows.shape[1]
        whole = xp.mean(rows, axis=1)

        def gather(changed: Changed) -> Array:
            return _each(whole, changed) + changed.sums() / length

        return whole, gather


@dataclass(frozen=True)
class Highest:
    """The maximum over the map: of the window, and of the reference before and behind it."""

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        xp = array_namespace(rows)
        before, behind = _running_maximum(rows), xp.flip(_running_maximum(xp.flip(rows, axis=1)), axis=1)
        length = int(rows.shape[1])

        def gather(changed: Changed) -> Array:
            n, a, p = changed.counts
            inside = xp.max(changed.filled_values(-math.inf), axis=1)
            starts = changed.window.starts()
            outside = xp.maximum(
                _at(before, np.clip(starts, 0, length)),
                _at(behind, np.clip(starts + changed.window.width, 0, length)),
            )
            inside = xp.reshape(inside, (n, a, p, inside.shape[1]))
            return xp.reshape(xp.maximum(inside, outside[:, None, :, :]), (n * a * p, inside.shape[3]))

        return xp.max(rows, axis=1), gather


@dataclass(frozen=True)
class Folded:
    """Pooling over both strands: the channels c and C - 1 - c of what the pooling of one strand gives."""

    end: Highest | Average

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        whole, gather = self.end.trace(rows)
        return self._fold(whole), lambda changed: self._fold(gather(changed))

    def _fold(self, vectors: Array) -> Array:
        xp, half = array_namespace(vectors), vectors.shape[1] // 2
        first, second = vectors[:, :half], xp.flip(vectors[:, half:], axis=1)
        return xp.maximum(first, second) if isinstance(self.end, Highest) else 0.5 * (first + second)


@dataclass(frozen=True)
class FlatDense:
    """A dense layer over all positions: z of the reference, and the changes times the weights of their window."""

    dense: Dense

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        xp, (n, length, channels) = array_namespace(rows), rows.shape
        activate = activation_vjp(self.dense.activation)
        flat = xp.reshape(xp.permute_dims(rows, (0, 2, 1)), (n, channels * length))
        whole = flat @ self.dense.weights + self.dense.bias
        # as Flatten has them channel by channel: (channels, length, features), and position by position
        features = self.dense.out_features
        weights = xp.permute_dims(xp.reshape(self.dense.weights, (channels, length, features)), (1, 0, 2))

        def gather(changed: Changed) -> Array:
            count, a, p = changed.counts
            width = changed.window.width
            delta = xp.reshape(changed.delta(), (count * a, p, width, channels))
            products = []
            for i, start in enumerate(changed.window.starts().tolist()):
                # each position's window has its own stretch of the weights
                low, high = min(max(start, 0), length), min(max(start + width, 0), length)
                part = xp.reshape(
                    delta[:, i, low - start : high - start, :], (count * a, (high - low) * channels)
                )
                products.append(
                    part @ xp.reshape(weights[low:high, :, :], ((high - low) * channels, features))
                )
            change = xp.reshape(xp.stack(products, axis=1), (count * a * p, features))
            return activate(_each(whole, changed) + change)[0]

        return activate(whole)[0], gather


def _each(whole: Array, changed: Changed) -> Array:
    """The reference's vector for each of its mutants, (n, features) -> (n A P, features)."""
    xp, (n, a, p), features = array_namespace(whole), changed.counts, whole.shape[1]
    return xp.reshape(xp.broadcast_to(whole[:, None, :], (n, a * p, features)), (n * a * p, features))


def _at(table: Array, places: np.ndarray) -> Array:
    xp = array_namespace(table)
    return xp.take(table, xp.asarray(places, dtype=xp.int64, device=device_of(table)), axis=1)


def _running_maximum(rows: Array) -> Array:
    """(n, L, C) -> (n, L + 1, C): the maximum of the rows before each place, minus infinity before the first.

    In log2(L) steps: the maximum of 2 m rows is that of m and of the m before them.
    """
    xp, length, reach = array_namespace(rows), rows.shape[1], 1
    table = pad_axis(rows, 1, 0, -math.inf)
    while reach <= length:
        table = xp.maximum(table, pad_axis(table, reach, 0, -math.inf)[:, : length + 1, :])
        reach *= 2
    return table
