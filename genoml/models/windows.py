"""Output length of a stack of convolutions and poolings, and the shortest sequence that it can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Window of a layer: the input positions that one output position reads.

    Attributes
    ----------
    size, stride : int
        Positions that it spans, dilation included, and the step between two of them.
    partial : bool
        Whether a shorter last window counts (``ceil_mode``).
    """

    size: int
    stride: int = 1
    partial: bool = False

    def outputs(self, length: int) -> int:
        """Number of output positions for an input of ``length``; 0 if no window fits."""
        if self.partial:
            return -(-length // self.stride)
        return max((length - self.size) // self.stride + 1, 0)

    def inputs(self, count: int) -> int:
        """The shortest input length with ``count`` output positions."""
        return (count - 1) * self.stride + (1 if self.partial else self.size)


def pool(size: int, *, partial: bool = False) -> Window:
    """Window of a pooling without overlap."""
    return Window(size, size, partial)


def positions(length_bp: int, windows: Sequence[Window]) -> int:
    """Number of positions after all layers.

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
    """The shortest sequence, in bp, with ``count`` positions after all layers."""
    for window in reversed(windows):
        count = window.inputs(count)
    return count
