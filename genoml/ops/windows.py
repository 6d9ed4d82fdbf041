"""Receptive fields: which positions an output reads, how many outputs there are, and whom a change reaches.

Whole numbers only. Every layer that reads windows of positions describes them by a :class:`Reach`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

__all__ = ["EVERYTHING", "Reach", "positions_left", "same_padding", "shortest_length"]


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
        """The inputs that position k of the kernel meets for the first ``count`` outputs, without padding."""
        start = k * self.dilation
        return slice(start, start + (count - 1) * self.stride + 1, self.stride)

    def then(self, other: Reach, length: int) -> Reach:
        """Of this layer and another behind it, for a sequence of this length."""
        if EVERYTHING in (self, other):
            return EVERYTHING
        before = self.before + other.before * self.stride
        found = Reach(
            self.span + (other.span - 1) * self.stride,
            self.stride * other.stride,
            before=before,
            copies=self.copies and other.copies,
        )
        return found._leaving(other.outputs(self.outputs(length)), length)

    def beside(self, other: Reach, length: int) -> Reach:
        """The smallest that holds both, of two layers that read one sequence of this length."""
        if EVERYTHING in (self, other) or self.stride != other.stride:
            return EVERYTHING
        before = max(self.before, other.before)
        behind = max(self.span - self.before, other.span - other.before)
        return Reach(before + behind, self.stride, before=before)._leaving(self.outputs(length), length)

    def _leaving(self, count: int, length: int) -> Reach:
        """The same with as much behind a sequence of this length as leaves ``count`` outputs."""
        return replace(self, after=(count - 1) * self.stride + self.span - length - self.before)


#: of layers whose every output may read every position
EVERYTHING = Reach(kernel=0)


def same_padding(length: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Positions to add before and behind, so that ceil(length / stride) outputs are left; the odd one behind."""
    span = Reach(kernel, dilation=dilation).span
    total = max((-(-length // stride) - 1) * stride + span - length, 0)
    return total // 2, total - total // 2


def shortest_length(reaches: Sequence[Reach], count: int = 1) -> int:
    """The shortest sequence of which layers in a row leave ``count`` positions."""
    for reach in reversed(reaches):
        count = reach.shortest(count)
    return count


def positions_left(length_bp: int, reaches: Sequence[Reach]) -> int:
    """Positions that layers in a row leave of a sequence.

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
