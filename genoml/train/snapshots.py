"""What a step changes: kept to go back to, and averaged over the steps."""

from __future__ import annotations

from genoml.nn.base import Layer
from genoml.optim import Optimizer


class Average:
    """Exponential moving average of the parameters and the state, a = d a + (1 - d) p.

    d is at most (1 + t) / (10 + t) at step t, which forgets the initial weights. The running statistics of a
    batch normalisation are averaged too, since they belong to the weights beside them.
    """

    def __init__(self, model: Layer, decay: float) -> None:
        self.model, self.decay, self.steps = model, decay, 0
        self.params, self.state = dict(model.params), dict(model.state)

    def update(self) -> None:
        """Take in the model as it is now."""
        self.steps += 1
        d = min(self.decay, (1.0 + self.steps) / (10.0 + self.steps))
        for mine, live in ((self.params, self.model.params), (self.state, self.model.state)):
            for name, value in live.items():
                mine[name] = d * mine[name] + (1.0 - d) * value

    def apply(self) -> None:
        """Put the averages into the model."""
        self.model.params, self.model.state = self.params, self.state


class Snapshot:
    """Everything a step changes. Arrays are replaced, never written to, so this copies no numbers."""

    def __init__(self, model: Layer, optimizer: Optimizer) -> None:
        self.params, self.state = dict(model.params), dict(model.state)
        self.moments, self.steps = dict(optimizer.state), optimizer.steps

    def restore(self, model: Layer, optimizer: Optimizer) -> None:
        model.params, model.state = self.params, self.state
        optimizer.state, optimizer.steps = dict(self.moments), self.steps
