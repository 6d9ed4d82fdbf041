"""A training step and an inference on either side, the same down to the optimiser's settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.speed.rows import Row
from genoml.losses import mean_squared_error
from genoml.nn.base import Layer
from genoml.optim import AdamW
from genoml.threads import Threads

#: weight decay and learning rate of both optimisers
RATE, DECAY = 1e-3, 0.01


class Ours:
    """genoml on NumPy; a step is what ``fit`` does with a batch once it is encoded."""

    def __init__(self, row: Row, x: np.ndarray, threads: Threads, build: Callable[[], Layer]) -> None:
        self.model, self.x, self.threads = build(), x, threads
        self.optimizer = AdamW(RATE, weight_decay=DECAY)
        self.steps, self.weights = 0, row.weights
        shape = self.infer().shape
        self.targets = np.random.default_rng(1).random(shape).astype(np.float32)

    def infer(self) -> np.ndarray:
        if self.weights:
            self.model.attention(self.x)  # type: ignore[operator]
        return np.asarray(self.threads.vjp(self.model, self.x)[0])

    def step(self) -> float:
        if self.weights:
            self.model.attention(self.x)  # type: ignore[operator]
        y, pullback = self.threads.vjp(self.model, self.x, training=True, step=self.steps)
        loss, grad = mean_squared_error(y, self.targets)
        _, grads = pullback(grad, need_x=False)
        self.optimizer.update(self.model.params, grads)
        self.steps += 1
        return float(loss)


class Theirs:
    """PyTorch, eager or compiled."""

    def __init__(self, row: Row, x: torch.Tensor, targets: np.ndarray, *, compiled: bool = False) -> None:
        self.module = row.theirs()
        self.model: Any = torch.compile(self.module) if compiled else self.module
        self.x, self.targets = x, torch.tensor(targets)
        self.optimizer = torch.optim.AdamW(self.module.parameters(), lr=RATE, weight_decay=DECAY)

    def infer(self) -> np.ndarray:
        self.module.eval()
        with torch.inference_mode():
            return self.model(self.x).numpy()

    def step(self) -> float:
        self.module.train()
        loss = torch.nn.functional.mse_loss(self.model(self.x), self.targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()
