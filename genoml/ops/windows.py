"""Receptive fields: which positions an output reads, how many outputs there are, and which ones a change reaches.

Whole numbers only. Every layer that reads windows of positions describes them by a :class:`Reach`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

__all__ = [
    "EVERYTHING",
    "Places",
    "Reach",
    "positions_left",
    "same_padding",
    "seen_by",
    "shortest_length",
    "slices",
]

#: windows of one width: their starts, and the width
Places: TypeAlias = tuple[tuple[int, ...], int]


@dataclass(frozen=True)
class Reach:
    """The receptive field of a layer's outputs.

        output l reads the inputs  l stride - before + k dilation,  0 <= k < kernel

    Attributes
    ----------
    kernel : int
        Positions that an output reads; 0 in :data:`EVERYTHING`.
    stride, dilation : int
        Step between two outputs' windows, and between the positions of one.
    before, after : int
        Positions that the layer adds at the two ends of a sequence; below 0, that it cuts off.
    partial : bool
        Whether the end may cut off the last window (``ceil_mode``), which begins inside the sequence.
    copies : bool
        Whether an output is the input at its position itself: there is nothing to compute.
    """

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    partial: bool = False
    copies: bool = False

    @property
    def span(self) -> int:
        """Positions from the first to the last that an output reads."""
        return (self.kernel - 1) * self.dilation + 1

    def outputs(self, length: int) -> int:
        """Output positions for a sequence of this length; 0 where not one window fits."""
        padded = length + self.before + self.after
        if self.partial:
            return min(max(-(-(padded - self.span) // self.stride), 0) + 1, -(-padded // self.stride))
        return max((padded - self.span) // self.stride + 1, 0)

    def shortest(self, count: int = 1) -> int:
        """The shortest length that leaves ``count >= 1`` outputs."""
        first = (count - 1) * self.stride  # where the last window begins
        if self.partial:
            whole = first - self.stride + self.span if count > 1 else 0
            padded = max(first, whole) + 1
        else:
            padded = first + self.span
        return max(padded - self.before - self.after, 0)

    def seen_by(self, start: int, stop: int) -> tuple[int, int]:
        """[first, stop) of the outputs whose windows hold one of the inputs [start, stop), past the ends too."""
        first = -(-(start + self.before - self.span + 1) // self.stride)
        return first, (stop - 1 + self.before) // self.stride + 1

    def reads(self, start: int, stop: int) -> tuple[int, int]:
        """[start, stop) of the inputs that the outputs [start, stop) read, past the ends too."""
        first = start * self.stride - self.before
        return first, first + (stop - 1 - start) * self.stride + self.span

    def tap(self, k: int, count: int) -> slice:
        """The inputs that position k of the kernel reads for the first ``count`` outputs, without padding."""
        start = k * self.dilation
        return slice(start, start + (count - 1) * self.stride + 1, self.stride)

    def then(self, other: Reach, length: int) -> Reach:
        """The receptive field of the outputs of another layer after this one, for a sequence of this length."""
        if EVERYTHING in (self, other):
            return EVERYTHING
        before = self.before + other.before * self.stride
        span = self.span + (other.span - 1) * self.stride
        found = Reach(span, self.stride * other.stride, before=before, copies=self.copies and other.copies)
        return found.with_outputs(other.outputs(self.outputs(length)), length)

    def beside(self, other: Reach, length: int) -> Reach:
        """The smallest receptive field that holds both, of two layers that read one sequence of this length."""
        if EVERYTHING in (self, other) or self.stride != other.stride:
            return EVERYTHING
        before = max(self.before, other.before)
        after = max(self.span - self.before, other.span - other.before)
        return Reach(before + after, self.stride, before=before).with_outputs(self.outputs(length), length)

    def with_outputs(self, count: int, length: int) -> Reach:
        """The same with ``after`` chosen so that a sequence of this length has ``count`` outputs."""
        after = (count - 1) * self.stride + self.span - length - self.before
        return Reach(self.kernel, self.stride, self.dilation, self.before, after, self.partial, self.copies)


#: the receptive field of a layer whose every output may read every position
EVERYTHING = Reach(kernel=0)


def same_padding(length: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Positions to add before and after, so that ceil(length / stride) outputs are left; the odd one after."""
    span = Reach(kernel, dilation=dilation).span
    total = max((-(-length // stride) - 1) * stride + span - length, 0)
    return total // 2, total - total // 2


def shortest_length(reaches: Sequence[Reach], count: int = 1) -> int:
    """The shortest sequence length of which layers in a row leave ``count`` positions."""
    for reach in reversed(reaches):
        count = reach.shortest(count)
    return count


def positions_left(length_bp: int, reaches: Sequence[Reach]) -> int:
    """Number of positions that layers in a row leave of a sequence.

    Raises
    ------
    ValueError
        If none is left.
    """
    length = length_bp
    for reach in reaches:
        length = reach.outputs(length)
    if length < 1:
        raise ValueError(f"expects length_bp >= {shortest_length(reaches)}, got {length_bp}")
    return length


@lru_cache(maxsize=512)
def seen_by(places: Places, reach: Reach, length: int) -> Places:
    """The windows of a layer's outputs that see these windows of its input, which has this length.

    At the ends they are moved inside, and so hold a few outputs more than need be.
    """
    starts, width = places
    count = reach.outputs(length)
    found = [reach.seen_by(start, start + width) for start in starts]
    inside = [(max(first, 0), min(stop, count)) for first, stop in found]
    widest = min(max(max(stop - first for first, stop in inside), 1), count)
    return tuple(min(first, count - widest) for first, _ in inside), widest


@lru_cache(maxsize=512)
def slices(places: Places, reach: Reach, length: int) -> Places:
    """The slices of a layer's input from which it computes these windows of its output, as from the whole input.

    A slice holds all that the outputs read, or ends where the input does. Slices begin at a multiple of the stride,
    and where padding counts they are shorter than the input by a multiple of it, so that outputs are aligned to the
    whole's.
    """
    starts, width = places
    stride = reach.stride
    ahead = max(-(-reach.before // stride), 0)  # outputs that see the padding before the input
    size = reach.reads(ahead, ahead + width)[1] + max(-reach.after, 0)  # with what the layer cuts off
    if max(reach.before, reach.after) > 0 or reach.reads(max(starts), max(starts) + width)[1] > length:
        size += (length - size) % stride
    if size >= length:
        return (0,) * len(starts), length
    last = (length - size) // stride
    return tuple(stride * min(max(start - ahead, 0), last) for start in starts), size
