"""How many positions a stack of convolutions and poolings leaves, and the shortest sequence that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """What a layer reads for one position of its output: ``size`` positions, every ``stride``-th of them.

    Attributes
    ----------
    size, stride : int
        Positions that it spans, dilation included, and the step between two of them.
    partial : bool
        Whether the sequence's end may cut off the last window (``ceil_mode``).
    """

    size: int
    stride: int = 1
    partial: bool = False

    def outputs(self, length: int) -> int:
        """Positions that it leaves of ``length``; 0 where not one fits."""
        if self.partial:
            return -(-length // self.stride)
        return max((length - self.size) // self.stride + 1, 0)

    def inputs(self, count: int) -> int:
        """The shortest length of which it leaves ``count`` positions."""
        return (count - 1) * self.stride + (1 if self.partial else self.size)


def pool(size: int, *, partial: bool = False) -> Window:
    """Pooling without overlap."""
    return Window(size, size, partial)


def positions(length_bp: int, windows: Sequence[Window]) -> int:
    """Positions that the layers leave of a sequence, one after another.

    Raises
    ------
    ValueError
        If none is left.
    """
    length = length_bp
    for window in windows:
        length = window.outputs(length)
    if length < 1:
        raise ValueError(f"expects length_bp >= {shortest_bp(windows)}, got {length_bp}")
    return length


def shortest_bp(windows: Sequence[Window], count: int = 1) -> int:
    """The shortest sequence, in bp, of which the layers leave ``count`` positions."""
    for window in reversed(windows):
        count = window.inputs(count)
    return count
