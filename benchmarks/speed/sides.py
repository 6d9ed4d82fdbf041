"""genoml's side: a training step and an inference, as ``fit`` and ``predict_outputs`` run them on an encoded batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from benchmarks.speed.rows import Row

#: learning rate and weight decay of the AdamW of every side, which decays every parameter
RATE, DECAY = 1e-3, 0.01


class Side(Protocol):
    """What is timed."""

    def infer(self) -> np.ndarray:
        """The network's output, as in evaluation."""

    def step(self) -> float:
        """Forward, mean squared error, backward, AdamW; gives the loss before the step."""

    def mean_gradients(self) -> dict[str, np.ndarray]:
        """AdamW's running mean of the gradients, by genoml's names; after one step, the gradients times 0.1."""


def targets_like(output: np.ndarray) -> np.ndarray:
    """What every side is trained towards."""
    return np.random.default_rng(1).random(output.shape).astype(np.float32)


class Genoml:
    """genoml on NumPy; to be timed inside ``running()``."""

    def __init__(self, row: Row, threads: int) -> None:
        from genoml.optim import AdamW
        from genoml.parallel import Threads

        self.model, self.x, self.threads = row.build(), row.inputs(), Threads(threads)
        self.optimizer = AdamW(RATE, weight_decay=DECAY, decays=lambda name: True)
        self.steps, self.weights = 0, row.weights
        self.targets = targets_like(self.infer())

    @contextmanager
    def running(self) -> Iterator[None]:
        """What ``fit`` and ``predict_outputs`` run in; once, since it ends the threads."""
        with self.model.backend.computing(), self.threads:
            yield

    def forward(self, *, training: bool) -> tuple[Any, Any]:
        """The output and the pullback; of the attention layer with its weights, which are made and dropped."""
        run = self._pass(training=training)
        if self.weights:
            y, _, pullback = self.model.vjp_with_weights(self.x, run)  # type: ignore[attr-defined]
            return y, pullback
        return self.threads.vjp(self.model, self.x, run)

    def _pass(self, *, training: bool) -> Any:
        from genoml.nn import Pass
        from genoml.parallel import Part

        pulls = 1 if training else 0
        return Pass(training=training, step=self.steps, part=Part(workers=self.threads.workers), pulls=pulls)

    def _share(self, outputs: Any, rows: slice, part: Any) -> tuple[Any, Any]:
        from genoml.losses import mean_squared_error

        share = len(outputs) / len(self.targets)
        loss, grad = mean_squared_error(outputs, self.targets[rows])
        return loss * share, grad * share

    def infer(self) -> np.ndarray:
        return np.asarray(self.forward(training=False)[0])

    def step(self) -> float:
        from genoml.losses import mean_squared_error

        if self.weights:
            y, pullback = self.forward(training=True)
            loss, grad = mean_squared_error(y, self.targets)
            _, grads = pullback(grad, need_x=False)
        else:
            found = self.threads.gradients(self.model, self.x, self._pass(training=True), self._share)
            loss, grads = found.total()
        self.optimizer.update(self.model.params, grads, workers=self.threads.workers, in_place=True)
        self.steps += 1
        return float(loss)

    def mean_gradients(self) -> dict[str, np.ndarray]:
        return {name: self.optimizer.state[f"mean/{name}"] for name in self.model.params}
