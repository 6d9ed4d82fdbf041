"""Plan of a network for mutants: steps computed on windows, a readout, and the layers computed whole.

Before a layer that sees everything, or does not say what it sees, the mutants' maps are made whole; it and all
layers after it are computed on whole maps.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.explain.mutants.joined import Joined
from genoml.explain.mutants.readout import Gather, Readout, readout_of
from genoml.explain.mutants.steps import Correlated, Evaluated, Step, Windowed, follow, run_steps
from genoml.explain.mutants.windows import Changed
from genoml.nn.reach import Row
from genoml.ops.windows import EVERYTHING, Places, Reach

__all__ = ["Plan", "Split", "plan_of"]


@dataclass(frozen=True)
class Plan:
    """Plan of layers in a row: steps first, then the layer that reads the whole map, then the rest.

    Attributes
    ----------
    steps : tuple of Step
        Layers computed on windows.
    readout : Readout or None
        The layer that makes vectors of the last windows; without one the mutants' maps are made whole.
    rest : tuple of Layer
        Layers computed whole for each mutant.
    silent : tuple of str
        Layers that do not say what they see, so that windows end here.
    """

    steps: tuple[Step, ...]
    readout: Readout | None
    rest: tuple[Evaluated, ...]
    silent: tuple[str, ...] = ()

    @property
    def changes_less(self) -> bool:
        """Whether a mutant costs less than its whole sequence."""
        return bool(self.steps) or self.readout is not None

    @property
    def stride(self) -> int:
        """The distance of mutations whose windows have one width in every map."""
        own = math.prod(step.stride for step in self.steps)
        return own * self.readout.stride if isinstance(self.readout, Split) else own

    def portions(self, starts: np.ndarray, width: int, length: int, count: int) -> list[np.ndarray]:
        """Windows of one width at these starts, by number, in portions of ``count``.

        In each portion windows are multiples of the stride apart and reach windows of one width. Those that were moved
        at an end of a map are portions of their own; the others need no gather.
        """
        stride, rows = self.stride, list[np.ndarray]()
        for rest in np.unique(starts % stride).tolist():
            row = np.flatnonzero(starts % stride == rest)
            (seen, _), _ = follow(self.steps, (tuple(starts[row].tolist()), width), length)
            ahead = np.asarray(seen) * stride - starts[row]
            middle = len(row) // 2
            side = np.where(ahead == ahead[middle], 0, np.where(row < row[middle], 1, 2))
            rows += [row[side == which] for which in range(3)]
        return [row[first : first + count] for row in rows for first in range(0, len(row), count)]

    def warn_of_silent(self, stacklevel: int) -> None:
        """Warn of layers that do not say what they see."""
        if self.silent:
            warnings.warn(
                f"{', '.join(self.silent)} does not say what its outputs see (Layer.reach): from there on every "
                "mutant is computed whole",
                stacklevel=stacklevel,
            )

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        """The output for the reference (n, length, channels), and a function that gives mutants' outputs.

        Outputs are as the layers give them: (n, features) or (n, channels, length).
        """
        rows, carry = run_steps(self.steps, rows)
        xp = array_namespace(rows)
        if self.readout is not None:
            whole, gather = self.readout.trace(rows)
        else:
            whole = xp.permute_dims(rows, (0, 2, 1))

        def outputs(changed: Changed) -> Array:
            changed = carry(changed)
            if self.readout is not None:
                return self._finish(gather(changed))
            return self._finish(xp.permute_dims(changed.maps(), (0, 2, 1)))

        return self._finish(whole), outputs

    def _finish(self, y: Array) -> Array:
        for layer in self.rest:
            y, _ = layer.vjp(y)
        return y


@dataclass(frozen=True)
class Split:
    """Rows of layers that read one map, each with a plan of its own, and the function that joins their outputs."""

    name: str
    rows: tuple[Plan, ...]
    join: Callable[[Sequence[Array]], Array]

    @property
    def stride(self) -> int:
        """The least common multiple of the rows' strides."""
        return math.lcm(*(row.stride for row in self.rows))

    def trace(self, rows: Array) -> tuple[Array, Gather]:
        traced = [row.trace(rows) for row in self.rows]

        def gather(changed: Changed) -> Array:
            return self.join([outputs(changed) for _, outputs in traced])

        return self.join([whole for whole, _ in traced]), gather


def plan_of(layers: Sequence[Evaluated], length: int, places: Places | None = None) -> Plan:
    """The plan of layers in a row that read maps of this length.

    Steps go on while a change in these windows, or in the middle if None, reaches less than the whole map.
    """
    places = places or ((length // 2,), 1)
    steps, rest = list[Step](), list(layers)
    while rest:
        branches = rest[0].branches(length)
        pieces = [] if branches is None else branches.pieces()
        if branches is not None and pieces != [branches]:
            rest[:1] = pieces
            continue
        readout, used = readout_of(rest)
        if readout is not None:
            return Plan(tuple(steps), readout, tuple(rest[used:]))
        step = step_of(rest[0], length)
        if step is None:
            split = _split(rest[0], length, places)
            if split is None:
                break
            silent = tuple(dict.fromkeys(name for row in split.rows for name in row.silent))
            return Plan(tuple(steps), split, tuple(rest[1:]), silent)
        seen, left = step.seen_by(places, length), step.outputs(length)
        if seen[1] >= left:
            return Plan(tuple(steps), None, tuple(rest))
        steps = _with_step(steps, step)
        places = seen
        length = left
        rest = rest[1:]
    return Plan(tuple(steps), None, tuple(rest), _silent(rest[:1], length))


def step_of(layer: Evaluated, length: int) -> Step | None:
    """The step that computes a layer on windows; None if it may see everything, or does not say."""
    branches, name = layer.branches(length), type(layer).__name__
    if branches is not None:
        rows, lengths = list[Row[Step]](), [length]
        for row in branches.rows:
            steps = _steps_of(row.layers, lengths[row.sources[0]])
            if steps is None:
                return None
            rows.append(Row(tuple(steps), row.sources, row.join))
            lengths.append(follow(steps, ((0,), 1), lengths[row.sources[0]])[1])
        return Joined(name, tuple(rows))
    reach = layer.reach(length)
    if reach is None or reach == EVERYTHING:
        return None
    correlation = layer.correlation()
    if correlation is not None and reach.kernel > 1 and reach.stride == 1:
        return Correlated(layer, reach, correlation)
    return Windowed(layer, reach)


def _steps_of(layers: Sequence[Evaluated], length: int) -> list[Step] | None:
    steps = list[Step]()
    for layer in layers:
        step = step_of(layer, length)
        if step is None:
            return None
        steps = _with_step(steps, step)
        length = step.outputs(length)
    return steps


def _with_step(steps: list[Step], step: Step) -> list[Step]:
    """Steps with one more at the end: left out if it is the identity, merged with the last one if it can be."""
    if not isinstance(step, Windowed):
        return [*steps, step]
    if step.reach == Reach(copies=True):
        return steps
    last = steps[-1] if steps else None
    if step.reach == Reach() and isinstance(last, Correlated):
        own = step.layer.correlation()
        both = None if own is None else last.correlation.then(own)
        if both is not None:
            return [*steps[:-1], replace(last, correlation=both)]
    return [*steps, step]


def _split(layer: Evaluated, length: int, places: Places) -> Split | None:
    """A layer as rows with a plan each; None if it has no rows, or all of them are computed whole."""
    branches = layer.branches(length)
    join = None if branches is None or not branches.parallel else branches.rows[-1].join
    if branches is None or join is None:
        return None
    rows = tuple(plan_of(row.layers, length, places) for row in branches.rows[:-1])
    if not any(row.steps or row.readout for row in rows):
        return None
    return Split(type(layer).__name__, rows, join)


def _silent(layers: Sequence[Evaluated], length: int) -> tuple[str, ...]:
    """The first layer of a row, or of each row inside it, that does not say what it sees."""
    for layer in layers:
        reach, branches = layer.reach(length), layer.branches(length)
        if branches is not None and reach is None:
            names = [name for row in branches.rows for name in _silent(row.layers, length)]
            return tuple(dict.fromkeys(names))
        if reach is None:
            return (type(layer).__name__,)
        if reach == EVERYTHING:
            return ()
        length = reach.outputs(length)
    return ()
