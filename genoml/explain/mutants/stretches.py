"""A stretch of a sequence's own maps, and the maps of edited copies made of it and of what is computed anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.explain.mutants.geometry import Cone, Read, Stretch, needs
from genoml.explain.mutants.operations import Network
from genoml.ops.arrays import pad_axis

__all__ = ["NotKeptError", "OwnMaps", "edited_outputs", "trace"]


class NotKeptError(LookupError):
    """A position of the sequence's own map is asked for that is not there."""


@dataclass(frozen=True)
class OwnMaps:
    """The values of a network for the sequence itself, as far as some outputs read them.

    Attributes
    ----------
    asked : (start, stop)
        Those outputs.
    values : dict
        Of each value that edited copies may read the position of the first, and the map (1, positions, channels); of
        one that is no map 0, and the array.
    """

    asked: Stretch
    values: dict[int, tuple[int, Array]]
    last: int
    maps: bool

    def holds(self, outputs: Stretch) -> bool:
        """Whether these outputs are there."""
        return self.asked[0] <= outputs[0] and outputs[1] <= self.asked[1]

    def outputs(self, start: int, stop: int) -> Array:
        """Outputs as the model gives them, of a batch of one."""
        first, value = self.values[self.last]
        if not self.maps:
            return value
        return array_namespace(value).permute_dims(value[:, start - first : stop - first, :], (0, 2, 1))

    def cut(self, value: int, stretch: Stretch, moved: Sequence[int]) -> Array:
        """A stretch of a map at each of some distances, (len(moved), positions, channels).

        Raises
        ------
        NotKeptError
            If it is not there.
        """
        first, rows = self.values.get(value, (0, None))
        low, high = stretch[0] - first, stretch[1] - first
        if rows is None or low + min(moved) < 0 or high + max(moved) > rows.shape[1]:
            raise NotKeptError(f"positions {stretch} of value {value}")
        xp = array_namespace(rows)
        if len(set(moved)) == 1:
            own = rows[:, low + moved[0] : high + moved[0], :]
            return own if len(moved) == 1 else xp.broadcast_to(own, (len(moved), *own.shape[1:]))
        return xp.concat([rows[:, low + by : high + by, :] for by in moved], axis=0)


def trace(network: Network, bases: Callable[[int, int], Array], outputs: Stretch) -> OwnMaps:
    """The values of the sequence itself that these outputs read; those that no edited copy can read are let go.

    ``bases`` gives rows (1, stop - start, channels) of the input.
    """
    needed = needs(network, outputs)
    first, stop = needed[0] or (0, network.lengths[0] or 0)
    values: dict[int, tuple[int, Array]] = {0: (first, bases(first, stop))}
    keep = _kept(network)
    for number, operation in enumerate(network.operations, 1):
        own = needed[number]
        if own is None and operation.reach is not None:
            continue
        start, stop = own or (0, 0)
        read, ahead = [], 0
        for source in operation.sources:
            at, rows = values[source]
            length = network.lengths[source]
            if length is not None:
                low, high, ahead = operation.reads(start, stop, length)
                inside = rows[:, max(low, 0) - at : min(high, length) - at, :]
                rows = pad_axis(inside, max(-low, 0), max(high - length, 0))
            read.append(_as_given(rows, operation.reach is None and length is not None))
        values[number] = start, operation.evaluate(read, ahead, stop - start)
        for source in network.last_read[number - 1]:
            if source not in keep:
                del values[source]
    last = len(network.operations)
    return OwnMaps(outputs, values, last, network.lengths[last] is not None)


def _as_given(rows: Array, turned: bool) -> Array:
    """A map as layers take it."""
    return array_namespace(rows).permute_dims(rows, (0, 2, 1)) if turned else rows


def _kept(network: Network) -> set[int]:
    """The values that edited copies may read beside their own windows.

    A join reads nothing of the source whose computed windows are never narrower than those of the others.
    """
    reached: list[tuple[int, int] | None] = [(0, 1)]
    kept = {len(network.operations)}
    plain = all(operation.reach is None or operation.reach.stride == 1 for operation in network.operations)
    for operation in network.operations:
        read = [reached[source] for source in operation.sources]
        known = [own for own in read if own is not None]
        reach = operation.reach
        widest = min((a for a, _ in known), default=0), max((b for _, b in known), default=0)
        reached.append(None if reach is None else reach.seen_by(*widest))
        if reach is None or reach.span > 1 or operation.pads_itself:
            kept |= set(operation.sources)
        elif len(operation.sources) > 1:
            own = zip(operation.sources, read, strict=True)
            kept |= {source for source, at in own if at != widest or not plain}
    return kept


def edited_outputs(
    network: Network, own: OwnMaps, cone: Cone, bases: Array, positions: Sequence[int]
) -> Array:
    """The outputs that were asked for, of edited copies with cones alike.

    Parameters
    ----------
    network : Network
        For sequences of the edited length.
    own : OwnMaps
        Of the sequence itself.
    cone : Cone
        Of one of them.
    positions : sequence of int
        Of the edits.

    Shapes
    ------
    bases : (edits, width, channels);  y : (edits, ...) as the model gives it

    Raises
    ------
    NotKeptError
        If positions of the own maps are needed that are not there.
    """
    xp, moved = array_namespace(bases), [position - cone.position for position in positions]
    windows: dict[int, Array] = {0: bases}

    def put_together(value: int, read: Read) -> Array:
        parts = [own.cut(value, read.before, moved)] if read.before[1] > read.before[0] else []
        if read.window[1] > read.window[0]:
            parts.append(windows[value][:, read.window[0] : read.window[1], :])
        if read.behind[1] > read.behind[0]:
            parts.append(own.cut(value, read.behind, moved))
        rows = parts[0] if len(parts) == 1 else xp.concat(parts, axis=1)
        zeros = read.zeros_before, read.zeros_behind
        return pad_axis(rows, *zeros) if any(zeros) else rows

    for number, (operation, computed) in enumerate(zip(network.operations, cone.computed, strict=True), 1):
        if computed is not None:
            rows = [
                windows[source]
                if network.lengths[source] is None
                else _as_given(put_together(source, read), operation.reach is None)
                for source, read in zip(operation.sources, computed.reads, strict=True)
            ]
            windows[number] = operation.evaluate(rows, computed.ahead, computed.stop - computed.start)
            del rows
        for source in network.last_read[number - 1]:
            windows.pop(source, None)
    last = len(network.operations)
    if cone.output is None:
        return windows[last]
    return xp.permute_dims(put_together(last, cone.output), (0, 2, 1))
