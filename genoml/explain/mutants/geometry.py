"""Which stretches of a network's maps are computed for an edit: whole numbers only.

Positions of a map of the edited sequence are compared with those of the sequence's own map. Before the edit they are
the same; behind it they are shifted by ``longer``, the bases by which the edited sequence is longer; between, in
[first, stop), they are computed. An operation that sees one of the computed positions, or both sides where there is
none (a deletion), gives computed positions itself. Where the own map cannot be shifted (a stride that does not divide
``longer``, another padding), all positions behind are computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from genoml.explain.mutants.operations import Network
from genoml.ops.windows import Reach

__all__ = ["Cone", "Read", "cone_of", "needs"]

#: [start, stop)
Stretch: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Read:
    """A stretch of an edited map: zeros, own positions, computed ones, own ones that were shifted, zeros."""

    zeros_before: int
    before: Stretch
    window: Stretch
    behind: Stretch
    zeros_behind: int


@dataclass(frozen=True)
class Computed:
    """An operation's computed outputs [start, stop), what it reads, and the outputs of that before ``start``."""

    start: int
    stop: int
    reads: tuple[Read, ...]
    ahead: int


@dataclass(frozen=True)
class Cone:
    """What is computed for an edit.

    Attributes
    ----------
    position : int
        Of the edit.
    computed : tuple
        For each operation what it computes; None: nothing.
    output : Read or None
        The outputs that were asked for; None: they are no map.
    room : (int, int)
        By how many positions the edit and its outputs can be moved to the left and right, all else being equal.
    """

    position: int
    computed: tuple[Computed | None, ...]
    output: Read | None
    room: Stretch


def needs(network: Network, outputs: Stretch) -> list[Stretch | None]:
    """Of each value the stretch that these outputs read through the network; None: no map, or nothing."""
    found: list[Stretch | None] = [None] * len(network.lengths)
    if network.lengths[-1] is not None:
        found[-1] = outputs
    for number in range(len(network.operations), 0, -1):
        operation, own = network.operations[number - 1], found[number]
        for source in operation.sources:
            length = network.lengths[source]
            if length is None or (own is None and operation.reach is not None):
                continue
            start, stop, _ = operation.reads(*(own or (0, length)), length)
            if (before := found[source]) is not None:
                start, stop = min(start, before[0]), max(stop, before[1])
            found[source] = max(start, 0), min(stop, length)
    return found


def cone_of(own: Network, edited: Network, edit: Stretch, longer: int, outputs: Stretch) -> Cone:
    """The cone of an edit.

    Parameters
    ----------
    own, edited : Network
        The network for the sequence, and for the edited one.
    edit : (start, stop)
        The new bases in the edited sequence.
    longer : int
        By how much the edited sequence is longer.
    outputs : (start, stop)
        Of the edited sequence.
    """
    needed = needs(edited, outputs)
    reached: list[Stretch] = [edit]
    shifts: list[int | None] = [longer]
    for number, operation in enumerate(edited.operations, 1):
        before, length = own.lengths[number], edited.lengths[number]
        if operation.reach is None or before is None or length is None:
            reached.append((0, 0))
            shifts.append(None)
            continue
        # without a shift, a source of which nothing is changed plays no part
        spans = [
            reached[i] for i in operation.sources if shifts[i] != 0 or reached[i][0] < reached[i][1]
        ] or [(0, 0)]
        first, stop = min(low for low, _ in spans), max(high for _, high in spans)
        shift = _common([shifts[i] for i in operation.sources])
        first, stop, shift = _through(operation.reach, own.operations[number - 1].reach, first, stop, shift)
        if shift is None or length - before != shift:
            stop, shift = length, None
        # the own map has neither positions before its first nor behind its last
        first = min(max(first, 0), length, before)
        reached.append((first, min(max(stop, first, shift or 0), length)))
        shifts.append(shift)

    def read(value: int, start: int, stop: int) -> Read:
        length, (first, last), shift = edited.lengths[value] or 0, reached[value], shifts[value] or 0
        low, high = max(start, 0), min(stop, length)
        window = max(low, first), min(high, last)
        offset = max(first, (needed[value] or (0, 0))[0]) if value else first
        behind = max(low, last)
        return Read(
            low - start,
            (low, max(min(high, first), low)),
            (window[0] - offset, max(window[1], window[0]) - offset),
            (behind - shift, max(high, behind) - shift),
            stop - high,
        )

    computed: list[Computed | None] = []
    room = [needed[0][0], (edited.lengths[0] or 0) - needed[0][1]] if needed[0] else [0, 0]
    for number, operation in enumerate(edited.operations, 1):
        asked = needed[number]
        if operation.reach is None:
            reads = tuple(read(i, 0, edited.lengths[i] or 0) for i in operation.sources)
            computed.append(Computed(0, 0, reads, 0))
            room = [0, 0]
            continue
        start, stop = (
            (0, 0)
            if asked is None
            else (max(asked[0], reached[number][0]), min(asked[1], reached[number][1]))
        )
        if start >= stop:
            computed.append(None)
            continue
        length = edited.lengths[operation.sources[0]] or 0
        low, high, ahead = operation.reads(start, stop, length)
        reads = tuple(read(i, low, high) for i in operation.sources)
        computed.append(Computed(start, stop, reads, ahead))
        at_end = start == 0 or stop == edited.lengths[number] or low < 0 or high > length
        if at_end or operation.reach.stride > 1 or operation.pads_itself:
            room = [0, 0]
    last = len(edited.operations)
    output = None if edited.lengths[last] is None else read(last, *outputs)
    return Cone(edit[0], tuple(computed), output, (room[0], room[1]))


def _common(shifts: list[int | None]) -> int | None:
    return shifts[0] if len(set(shifts)) == 1 else None


def _through(
    reach: Reach, own: Reach | None, first: int, stop: int, shift: int | None
) -> tuple[int, int, int | None]:
    """The computed positions behind an operation, and the shift of those after them."""
    if own is None or own.before != reach.before:
        return 0, 1 << 62, None
    if shift == 0 and first >= stop:  # nothing is changed
        return 0, 0, 0
    first, stop = reach.seen_by(first, stop)
    whole = shift is not None and shift % reach.stride == 0
    return first, max(stop, first), (shift or 0) // reach.stride if whole else None
