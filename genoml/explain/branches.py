"""Steps made of steps: shortcuts, and branches side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.explain.changed import Changed, Window
from genoml.explain.steps import Change, Crop, Step, run_steps

__all__ = ["Shortcut", "Side"]


@dataclass(frozen=True)
class Shortcut:
    """y = crop(x) + f(x): [a, b) -> the smallest that holds what f makes of it and what the crop leaves."""

    steps: tuple[Step, ...]

    @property
    def stride(self) -> int:
        """That of f, which is 1 where the shapes fit."""
        return math.prod(step.stride for step in self.steps)

    def length(self, length: int) -> int:
        for step in self.steps:
            length = step.length(length)
        return length

    def window(self, window: Window, length: int) -> Window:
        middle = Crop(self.length(length)).window(window, length)
        for step in self.steps:
            window, length = step.window(window, length), step.length(length)
        return window.hull(middle)

    def trace(self, rows: Array) -> tuple[Array, Change]:
        inner, through = run_steps(self.steps, rows)
        length = int(rows.shape[1])
        middle, crop = Crop(int(inner.shape[1])).trace(rows)
        whole = middle + inner

        def change(changed: Changed) -> Changed:
            window = self.window(changed.window, length)
            delta = through(changed).at(window).delta() + crop(changed).at(window).delta()
            return changed.followed(whole, window, delta=delta)

        return whole, change


@dataclass(frozen=True)
class Side:
    """Branches of one map, side by side in the channels: [a, b) -> the smallest that holds what each makes."""

    branches: tuple[tuple[Step, ...], ...]

    @property
    def stride(self) -> int:
        """One that every branch's divides; they are equal where the lengths fit."""
        return math.lcm(*(math.prod(step.stride for step in steps) for steps in self.branches))

    def length(self, length: int) -> int:
        return Shortcut(self.branches[0]).length(length)

    def window(self, window: Window, length: int) -> Window:
        found = []
        for steps in self.branches:
            inner, left = window, length
            for step in steps:
                inner, left = step.window(inner, left), step.length(left)
            found.append(inner)
        hull = found[0]
        for inner in found[1:]:
            hull = hull.hull(inner)
        return hull

    def trace(self, rows: Array) -> tuple[Array, Change]:
        xp, length = array_namespace(rows), int(rows.shape[1])
        traced = [run_steps(steps, rows) for steps in self.branches]
        whole = xp.concat([inner for inner, _ in traced], axis=2)

        def change(changed: Changed) -> Changed:
            window = self.window(changed.window, length)
            delta = [through(changed).at(window).delta() for _, through in traced]
            return changed.followed(whole, window, delta=xp.concat(delta, axis=2))

        return whole, change
