"""What a step changes: kept to go back to, and averaged over the steps."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Self

from genoml.backend import Array
from genoml.nn.base import Layer
from genoml.optim import Optimizer


class Weights:
    """A model's parameters and state. Arrays are replaced, never written to, so this copies no numbers."""

    def __init__(self, model: Layer) -> None:
        self.params, self.state = dict(model.params), dict(model.state)

    @classmethod
    def of(cls, model: Layer, arrays: Mapping[str, Array]) -> Self:
        """Others than the model's own, by the same names."""
        made = cls.__new__(cls)
        made.params = {name: arrays[name] for name in model.params}
        made.state = {name: arrays[name] for name in model.state}
        return made

    def put(self, model: Layer) -> None:
        """Back into the model."""
        model.params, model.state = self.params, self.state


class Average(Weights):
    """Exponential moving average of the parameters and the state, a = d a + (1 - d) p.

    d is at most (1 + t) / (10 + t) at step t, which forgets the initial weights. The running statistics of a
    batch normalisation are averaged too, since they belong to the weights beside them.
    """

    def __init__(self, model: Layer, decay: float) -> None:
        super().__init__(model)
        self.model, self.decay, self.steps = model, decay, 0

    def copy(self) -> Average:
        """The same, which does not change with this one."""
        other = copy(self)
        other.replace(self, self.steps)
        return other

    def replace(self, weights: Weights, steps: int) -> None:
        """Go on from these averages of so many steps."""
        self.params, self.state, self.steps = dict(weights.params), dict(weights.state), steps

    def update(self) -> None:
        """Take in the model as it is now."""
        self.steps += 1
        d = min(self.decay, (1.0 + self.steps) / (10.0 + self.steps))
        for mine, live in ((self.params, self.model.params), (self.state, self.model.state)):
            for name, value in live.items():
                mine[name] = d * mine[name] + (1.0 - d) * value


class Snapshot(Weights):
    """Everything a step changes in the model and the optimiser."""

    def __init__(self, model: Layer, optimizer: Optimizer) -> None:
        super().__init__(model)
        self.moments, self.steps = dict(optimizer.state), optimizer.steps

    def restore(self, model: Layer, optimizer: Optimizer) -> None:
        self.put(model)
        optimizer.state, optimizer.steps = dict(self.moments), self.steps
