"""A model as steps whose mutants are windows, and the rest: which layers see a stretch, which see everything.

Where a layer sees everything, mutants' maps are made whole in front of it, and it and what follows run on them
as on any input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.explain.changed import Changed, Window
from genoml.explain.ends import Average, End, FlatDense, Folded, Gather, Highest
from genoml.explain.local import steps_of
from genoml.explain.steps import Linear, Pointwise, Step, Strided, run_steps
from genoml.nn.base import Layer
from genoml.nn.containers import Parallel, Sequential
from genoml.nn.dense import Dense, Flatten
from genoml.nn.pooling import GlobalAveragePool1D, GlobalMaxPool1D, MaxPool1D
from genoml.nn.strand import RCGlobalPool1D

__all__ = ["Chain", "Parts", "chain_of"]


@dataclass(frozen=True)
class Chain:
    """Layers in a row: the steps at their beginning, the layer that reads the whole map, and those behind.

    Attributes
    ----------
    steps : tuple of Step
        On windows.
    end : End or None
        What makes vectors of the last windows; without one the mutants' maps are made whole.
    rest : tuple of Layer
        Computed for each mutant as they are.
    """

    steps: tuple[Step, ...]
    end: End | None
    rest: tuple[Layer, ...]

    @property
    def modulus(self) -> int:
        """Mutations so far apart have windows of one width in every map."""
        own = math.prod(step.stride for step in self.steps)
        return own * self.end.modulus if isinstance(self.end, Parts) else own

    @property
    def is_local(self) -> bool:
        """Whether anything is spared."""
        return bool(self.steps) or (isinstance(self.end, Parts) and self.end.is_local)

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        """The outputs of the reference (n, length, channels), and those of mutants from what they change.

        The outputs are as the layers give them: (n, features) or (n, channels, length).
        """
        rows, through = run_steps(self.steps, rows)
        xp = array_namespace(rows)
        if self.end is not None:
            whole, gather = self.end.trace(rows)
        else:
            whole = xp.permute_dims(rows, (0, 2, 1))

        def outputs(changed: Changed) -> Array:
            changed = through(changed)
            if self.end is not None:
                return self._finish(gather(changed))
            return self._finish(xp.permute_dims(changed.materialise(), (0, 2, 1)))

        return self._finish(whole), outputs

    def _finish(self, y: Array) -> Array:
        for layer in self.rest:
            y, _ = layer.vjp(y)
        return y


@dataclass(frozen=True)
class Parts:
    """Branches that read one map and end each in its own way, side by side."""

    branches: tuple[Chain, ...]

    @property
    def modulus(self) -> int:
        """One that every branch's divides."""
        return math.lcm(*(branch.modulus for branch in self.branches))

    @property
    def is_local(self) -> bool:
        """Whether a branch spares anything."""
        return any(branch.is_local or branch.end is not None for branch in self.branches)

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        xp = array_namespace(rows)
        traced = [branch.trace(rows) for branch in self.branches]

        def gather(changed: Changed) -> Array:
            return xp.concat([outputs(changed) for _, outputs in traced], axis=1)

        return xp.concat([whole for whole, _ in traced], axis=1), gather


def chain_of(model: Layer, length: int, window: Window | None = None) -> Chain:
    """A model that reads maps of this length, as a chain whose windows stay smaller than the maps.

    The steps go as far as a change in the middle does not reach a whole map.
    """
    layers, steps, window = _flat(model), list[Step](), window or Window(length // 2, 1, 1)
    for i, layer in enumerate(layers):
        end, used = _end_of(layers[i:], length, window)
        if end is not None:
            return Chain(tuple(steps), end, tuple(layers[i + used :]))
        made = steps_of(layer)
        if made is None:
            return Chain(tuple(steps), None, tuple(layers[i:]))
        reached, left = window, length
        for step in made:
            reached, left = step.window(reached, left), step.length(left)
        if reached.width >= left:
            return Chain(tuple(steps), None, tuple(layers[i:]))
        steps, window, length = _joined(steps + made), reached, left
    return Chain(tuple(steps), None, ())


def _joined(steps: list[Step]) -> list[Step]:
    """The same, with what can be one step as one: normalisation in the convolution before it, functions.

    A maximum between the two is no obstacle where the normalisation keeps the order: the same values win.
    """
    found: list[Step] = []
    for step in steps:
        last = found[-1] if found else None
        own = step.affine if isinstance(step, Pointwise) else None
        if own is not None and isinstance(last, Linear):
            found[-1] = last.scaled(*own)
        elif (
            own is not None
            and isinstance(step, Pointwise)
            and step.rises
            and _is_maximum(last)
            and len(found) > 1
            and isinstance(before := found[-2], Linear)
        ):
            found[-2] = before.scaled(*own)
        elif isinstance(last, Pointwise) and isinstance(step, Pointwise):
            found[-1] = last.then(step)
        else:
            found.append(step)
    return found


def _is_maximum(step: Step | None) -> bool:
    return isinstance(step, Strided) and type(step.layer) is MaxPool1D


def _flat(layer: Layer) -> list[Layer]:
    """The layers of nested Sequentials in a row."""
    if type(layer) is not Sequential:
        return [layer]
    return [inner for child in layer.layers for inner in _flat(child)]


def _end_of(layers: Sequence[Layer], length: int, window: Window) -> tuple[End | None, int]:
    """The end that the first of these layers is, if it is one, and how many of them it takes."""
    first, following = layers[0], layers[1] if len(layers) > 1 else None
    if type(first) is GlobalMaxPool1D:
        return Highest(), 1
    if type(first) is GlobalAveragePool1D:
        return Average(), 1
    if type(first) is RCGlobalPool1D:
        return Folded(Highest() if first.mode == "max" else Average()), 1
    if type(first) is Flatten and type(following) is Dense:
        return FlatDense(following), 2
    if type(first) is Parallel and steps_of(first) is None:
        return Parts(tuple(chain_of(child, length, window) for child in first.layers)), 1
    return None, 0
