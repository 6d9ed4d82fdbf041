"""A step made of steps: rows of layers that read one map, or one another, and are joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.explain.mutants.steps import Change, Step, follow, run_steps
from genoml.explain.mutants.windows import Changed
from genoml.nn.reach import Row
from genoml.ops.windows import Places

__all__ = ["Joined"]


@dataclass(frozen=True)
class Joined:
    """Steps in rows that read one map, or rows before them; the last one gives the output."""

    name: str
    rows: tuple[Row[Step], ...]

    @property
    def stride(self) -> int:
        """The least common multiple of the rows' strides, which are equal where the lengths fit."""
        strides = [1]
        for row in self.rows:
            read = math.lcm(*(strides[source] for source in row.sources))
            strides.append(read * math.prod(step.stride for step in row.layers))
        return math.lcm(*strides)

    def outputs(self, length: int) -> int:
        return self._followed(((0,), 1), length)[1]

    def seen_by(self, places: Places, length: int) -> Places:
        return self._followed(places, length)[0]

    def _followed(self, places: Places, length: int) -> tuple[Places, int]:
        """The windows that windows of the input reach, and the length of the output."""
        found = [(places, length)]
        for row in self.rows:
            read = [found[source][0] for source in row.sources]
            length = found[row.sources[0]][1]
            found.append(follow(row.layers, _hull(read, length), length))
        return found[-1]

    def trace(self, rows: Array) -> tuple[Array, Change]:
        values, wholes, carries = [rows], list[Array](), list[Change]()
        for row in self.rows:
            wholes.append(_joined(row, [values[source] for source in row.sources]))
            own, carry = run_steps(row.layers, wholes[-1])
            values.append(own)
            carries.append(carry)

        def change(changed: Changed) -> Changed:
            found = [changed]
            for row, carry, whole in zip(self.rows, carries, wholes, strict=True):
                read = [found[source] for source in row.sources]
                if row.join is not None:
                    places = _hull([own.places for own in read], int(whole.shape[1]))
                    joined = _joined(row, [own.at(places) for own in read])
                    read = [Changed(whole, places, changed.kinds, joined)]
                found.append(carry(read[0]))
            return found[-1]

        return values[-1], change


def _hull(found: Sequence[Places], length: int) -> Places:
    """The smallest windows that hold those of every row, of one width and inside the map."""
    if len(found) == 1:
        return found[0]
    starts = [min(own) for own in zip(*(places[0] for places in found), strict=True)]
    stops = [max(own) for own in zip(*([s + width for s in firsts] for firsts, width in found), strict=True)]
    width = max(stop - start for start, stop in zip(starts, stops, strict=True))
    return tuple(min(start, length - width) for start in starts), width


def _joined(row: Row[Step], rows: Sequence[Array]) -> Array:
    """What the first step of a row reads, of channels-last maps."""
    if row.join is None:
        return rows[0]
    xp = array_namespace(rows[0])
    return xp.permute_dims(row.join([xp.permute_dims(own, (0, 2, 1)) for own in rows]), (0, 2, 1))
