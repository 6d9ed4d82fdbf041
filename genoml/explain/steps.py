"""How a change in a map becomes a change in the next: one class a kind of layer, each with its interval rule.

A step knows, without computing, where a changed window of its input appears in its output (``window``), and
how long its output is (``length``). ``trace(rows)`` computes the reference once, and returns with it a
function that carries mutants over, from what they change in the input to what they change in the output; it
holds what of the reference it needs, as a layer's pullback does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.explain.changed import Changed, Window
from genoml.explain.convolve import convolve_changes
from genoml.nn.base import Layer
from genoml.ops.arrays import pad_axis
from genoml.ops.conv1d import conv1d_vjp, output_length

__all__ = [
    "Crop",
    "Linear",
    "Pointwise",
    "Step",
    "Strided",
    "affine",
    "evaluate",
    "run_steps",
]

#: mutants behind a step, from mutants before it
Change: TypeAlias = Callable[[Changed], Changed]


class Step(Protocol):
    """A layer, or a part of one, each of whose outputs reads a stretch of positions."""

    @property
    def stride(self) -> int:
        """How many positions of the input one of the output stands for."""
        ...

    def length(self, length: int) -> int:
        """Positions that it makes of ``length``."""
        ...

    def window(self, window: Window, length: int) -> Window:
        """Where a changed window of an input of this length shows in the output."""
        ...

    def trace(self, rows: Array) -> tuple[Array, Change]:
        """The output for the reference (n, length, channels), and how mutants go through."""
        ...


def evaluate(layer: Layer, rows: Array) -> Array:
    """A layer over (batch, channels, length), in evaluation, on channels-last maps."""
    xp = array_namespace(rows)
    y, _ = layer.vjp(xp.permute_dims(rows, (0, 2, 1)))
    return xp.permute_dims(y, (0, 2, 1))


def run_steps(steps: Sequence[Step], rows: Array) -> tuple[Array, Change]:
    """Several in a row."""
    changes = []
    for step in steps:
        rows, change = step.trace(rows)
        changes.append(change)

    def through(changed: Changed) -> Changed:
        for change in changes:
            changed = change(changed)
        return changed

    return rows, through


@dataclass(frozen=True)
class Pointwise:
    """A function of each position alone: [a, b) -> [a, b).

    Attributes
    ----------
    function : channels-last maps -> the same with any channels
    affine : (scale, shift), if it is x scale + shift
    rises : bool
        Whether it is known to keep the order of values, as maxima need it.
    """

    function: Callable[[Array], Array]
    affine: tuple[Array, Array] | None = None
    rises: bool = False
    stride: int = 1

    def then(self, other: Pointwise) -> Pointwise:
        """Both in one."""
        return Pointwise(lambda rows: other.function(self.function(rows)))

    def length(self, length: int) -> int:
        return length

    def window(self, window: Window, length: int) -> Window:
        return window

    def trace(self, rows: Array) -> tuple[Array, Change]:
        whole = self.function(rows)

        def change(changed: Changed) -> Changed:
            values = self.function(changed.values())
            # where nothing differs, nothing differs behind it
            return Changed(whole, changed.window, changed.kinds, values=values, clean=changed.clean)

        return whole, change


def affine(scale: Array, shift: Array, *, rises: bool = False) -> Pointwise:
    """y = x scale + shift, with a number a channel: normalisation with fixed statistics."""
    return Pointwise(lambda rows: rows * scale + shift, affine=(scale, shift), rises=rises)


@dataclass(frozen=True)
class Linear:
    """A convolution without its activation: what mutants add is the convolution of what they changed.

    [a, b) -> [ceil((a + before - (K - 1) dilation) / stride), floor((b - 1 + before) / stride) + 1)

    A changed position is multiplied once with all of the kernel, and the products are added where they
    belong: width K products a mutant, where the convolution of the window would take (width + K - 1) K.

    Attributes
    ----------
    kernel : (K, channels, out_channels)
    bias : (out_channels,) or None
    pads : length -> zeros before and behind it
    """

    kernel: Array
    bias: Array | None = None
    pads: Callable[[int], tuple[int, int]] = lambda length: (0, 0)
    stride: int = 1
    dilation: int = 1

    def scaled(self, scale: Array, shift: Array) -> Linear:
        """With a normalisation behind it, as one convolution."""
        bias = shift if self.bias is None else self.bias * scale + shift
        return replace(self, kernel=self.kernel * scale, bias=bias)

    @property
    def size(self) -> int:
        """K."""
        return int(self.kernel.shape[0])

    def length(self, length: int) -> int:
        return output_length(length + sum(self.pads(length)), self.size, self.stride, self.dilation)

    def window(self, window: Window, length: int) -> Window:
        found = window.read_by(self.size, self.stride, self.dilation, self.pads(length)[0])
        return found.within(self.length(length))

    def trace(self, rows: Array) -> tuple[Array, Change]:
        length = int(rows.shape[1])
        padded = pad_axis(rows, *self.pads(length))
        whole, _ = conv1d_vjp(padded, self.kernel, self.stride, self.dilation)
        if self.bias is not None:
            whole = whole + self.bias

        def change(changed: Changed) -> Changed:
            densely = changed.window.read_by(self.size, 1, self.dilation, self.pads(length)[0])

            def make(window: Window) -> Array:
                first = window.start * self.stride - densely.start
                return convolve_changes(
                    changed.delta(), self.kernel, first, window.width, self.stride, self.dilation
                )

            return changed.followed(whole, self.window(changed.window, length), make=make)

        return whole, change


@dataclass(frozen=True)
class Strided:
    """Windows of ``size`` positions, every ``stride``-th: pooling.

    [a, b) -> [ceil((a - size + 1) / stride), floor((b - 1) / stride) + 1)

    Attributes
    ----------
    layer : Layer
        Applied to what the changed windows read.
    partial : bool
        Whether the end may cut off the last window; positions behind it then count as minus infinity.
    """

    layer: Layer
    size: int
    stride: int
    partial: bool = False

    def length(self, length: int) -> int:
        if self.partial and length % self.stride:
            return -(-max(length - self.size, 0) // self.stride) + 1
        return (length - self.size) // self.stride + 1

    def window(self, window: Window, length: int) -> Window:
        return window.read_by(self.size, self.stride).within(self.length(length))

    def trace(self, rows: Array) -> tuple[Array, Change]:
        whole, length = evaluate(self.layer, rows), int(rows.shape[1])

        def change(changed: Changed) -> Changed:
            window = self.window(changed.window, length)
            read = changed.at(window.inputs(self.size, self.stride))
            values = read.filled_values(-math.inf) if self.partial else read.values()
            return changed.followed(whole, window, values=evaluate(self.layer, values))

        return whole, change


@dataclass(frozen=True)
class Crop:
    """The middle of a map: [a, b) -> [a - before, b - before)."""

    kept: int
    stride: int = 1

    def length(self, length: int) -> int:
        return self.kept

    def window(self, window: Window, length: int) -> Window:
        return window.moved((length - self.kept) // 2).within(self.kept)

    def trace(self, rows: Array) -> tuple[Array, Change]:
        length = int(rows.shape[1])
        before = (length - self.kept) // 2
        whole = rows[:, before : before + self.kept, :]

        def change(changed: Changed) -> Changed:
            at = self.window(changed.window, length)
            return changed.followed(whole, at, delta=changed.at(at.moved(-before)).delta())

        return whole, change
