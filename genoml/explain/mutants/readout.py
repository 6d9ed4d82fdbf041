"""Readout layers (global pooling, a dense layer over all positions), computed from changed windows of the map."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.explain.mutants.steps import Evaluated
from genoml.explain.mutants.windows import Changed, reference_windows
from genoml.nn.reach import Correlation
from genoml.ops.arrays import pad_axis
from genoml.ops.windows import EVERYTHING

__all__ = ["Flattened", "Gather", "Maximum", "Mean", "Readout", "readout_of"]

#: changed windows -> the mutants' vectors (mutants, features)
Gather: TypeAlias = Callable[[Changed], Array]


class Readout(Protocol):
    """A layer that makes one vector of the whole map."""

    @property
    def name(self) -> str:
        """The layer's kind."""
        ...

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        """The reference's vectors (n, features), and a function that gives the mutants'."""
        ...


def readout_of(layers: Sequence[Evaluated]) -> tuple[Readout | None, int]:
    """The readout at the beginning of these layers, if there is one, and the number of layers that it takes."""
    first = layers[0]
    if first.readout == "max":
        return Maximum(first), 1
    if first.readout == "mean":
        return Mean(first), 1
    # a dense layer over the vector; of a layer that sees each value alone, the kernel would be a large diagonal matrix
    if first.readout == "flatten" and len(layers) > 1 and layers[1].reach(1) == EVERYTHING:
        dense = layers[1].correlation()
        if dense is not None and dense.kernel.shape[0] == 1:
            return Flattened(f"{type(first).__name__}, {type(layers[1]).__name__}", dense), 2
    return None, 0


def pooled(layer: Evaluated, rows: Array) -> Array:
    """The vectors that a readout layer makes of channels-last maps."""
    y, _ = layer.vjp(array_namespace(rows).permute_dims(rows, (0, 2, 1)))
    return y


@dataclass(frozen=True)
class Mean:
    """Mean over the positions: the reference's mean, plus the change of the window's mean."""

    layer: Evaluated

    @property
    def name(self) -> str:
        return type(self.layer).__name__

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        whole = pooled(self.layer, rows)

        def gather(changed: Changed) -> Array:
            own, width = pooled(self.layer, changed.values), changed.places[1]
            before = pooled(self.layer, _as_windows(reference_windows(rows, changed.places)))
            share = width / changed.length
            rest = whole[:, None, :] - _by_place(rows, before) * share
            return _combined(changed, own * share, rest, array_namespace(rows).add)

        return whole, gather


@dataclass(frozen=True)
class Maximum:
    """Maximum over the positions: of the window, and of the reference before and after it."""

    layer: Evaluated

    @property
    def name(self) -> str:
        return type(self.layer).__name__

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        xp = array_namespace(rows)
        tables: tuple[Array, Array] | None = None
        calls = 0

        def at_places(starts: Sequence[int], width: int) -> Array:
            """The reference's maximum outside each window, (n, P, features)."""
            nonlocal tables
            own = tables
            if own is None:  # threads that meet here make the same ones
                own = tables = (
                    _running_maximum(rows),
                    xp.flip(_running_maximum(xp.flip(rows, axis=1)), axis=1),
                )
            ends = [start + width for start in starts]
            outside = xp.stack([_taken(own[0], starts), _taken(own[1], ends)], axis=2)
            return _by_place(rows, pooled(self.layer, _as_windows(outside)))

        def at_place(start: int, stop: int) -> Array:
            """The same for one window, without tables, which pay from the second call on."""
            sides = [side for side in (rows[:, :start, :], rows[:, stop:, :]) if side.shape[1]]
            found = [pooled(self.layer, side)[:, None, :] for side in sides]
            return found[0] if len(found) == 1 else xp.maximum(*found)

        def gather(changed: Changed) -> Array:
            nonlocal calls
            starts, width = changed.places
            calls += 1
            if calls == 1 and len(starts) == 1 and width < changed.length:
                rest = at_place(starts[0], starts[0] + width)
            else:
                rest = at_places(starts, width)
            return _combined(changed, pooled(self.layer, changed.values), rest, xp.maximum)

        return pooled(self.layer, rows), gather


@dataclass(frozen=True)
class Flattened:
    """Dense layer over all positions: the reference's sums, plus the changes times their window's weights."""

    name: str
    dense: Correlation

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        xp = array_namespace(rows)
        n, length, channels = rows.shape
        flat = xp.reshape(xp.permute_dims(rows, (0, 2, 1)), (n, 1, channels * length))
        sums = self.dense.sums(flat @ self.dense.kernel[0, :, :])
        # Flatten goes channel by channel: (channels, length, features); windows need it position by position
        features = sums.shape[2]
        weights = xp.reshape(self.dense.kernel, (channels, length, features))
        weights = xp.permute_dims(weights, (1, 0, 2))

        def gather(changed: Changed) -> Array:
            _, kinds, p = changed.counts
            starts, width = changed.places
            delta = xp.reshape(changed.delta, (n * kinds, p, width * channels))
            # each place's window has its own rows of the weights
            products = [
                delta[:, i, :]
                @ xp.reshape(weights[start : start + width, :, :], (width * channels, features))
                for i, start in enumerate(starts)
            ]
            added = xp.reshape(xp.stack(products, axis=1), (n * kinds * p, features))
            return self.dense.y(_combined(changed, added, sums, xp.add)[:, None, :])[:, 0, :]

        return self.dense.y(sums)[:, 0, :], gather


def _combined(changed: Changed, own: Array, rest: Array, combine: Callable[[Array, Array], Array]) -> Array:
    """Combine mutants' vectors (n A P, features) with the reference's for each place, (n, P or 1, features)."""
    xp = array_namespace(own)
    n, a, p = changed.counts
    features = own.shape[1]
    found = combine(xp.reshape(own, (n, a, p, features)), rest[:, None, :, :])
    return xp.reshape(found, (n * a * p, features))


def _as_windows(windows: Array) -> Array:
    """(..., width, channels) -> (windows, width, channels)."""
    return array_namespace(windows).reshape(windows, (-1, *windows.shape[-2:]))


def _by_place(rows: Array, vectors: Array) -> Array:
    """(n P, features) -> (n, P, features)."""
    n = rows.shape[0]
    return array_namespace(vectors).reshape(vectors, (n, vectors.shape[0] // n, vectors.shape[1]))


def _taken(table: Array, places: Sequence[int]) -> Array:
    xp = array_namespace(table)
    return xp.take(table, xp.asarray(places, dtype=xp.int32, device=device_of(table)), axis=1)


def _running_maximum(rows: Array) -> Array:
    """(n, L, C) -> (n, L + 1, C): the maximum of the rows before each position, minus infinity at the first.

    In log2(L) steps: the maximum of 2 m rows is that of m and of the m before them.
    """
    xp = array_namespace(rows)
    length = rows.shape[1]
    reach = 1
    table = pad_axis(rows, 1, 0, -math.inf)
    while reach <= length:
        table = xp.maximum(table, pad_axis(table, reach, 0, -math.inf)[:, : length + 1, :])
        reach *= 2
    return table
