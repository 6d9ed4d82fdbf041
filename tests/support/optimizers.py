"""Every optimiser with its settings and the formula of its paper, for one parameter at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from genoml.backend import Backend
from genoml.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from support.guard import no_host_read

SHAPES = {"conv.weights": (4, 2, 3), "conv.bias": (4,), "norm.gamma": (4,), "dense.weights": (4, 1)}


def draws(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}


class ByFormula:
    """The formulas of the papers for one parameter, with plain scalars for the state's decay."""

    def __init__(self, p: np.ndarray, decay: float) -> None:
        self.p, self.decay, self.t = p.copy(), decay, 0
        self.m, self.v, self.s = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)

    def sgd(self, g: np.ndarray, lr: float, momentum: float, nesterov: bool) -> None:
        g = g + self.decay * self.p
        self.v = momentum * self.v + g
        step = g + momentum * self.v if nesterov else (self.v if momentum else g)
        self.p = self.p - lr * step

    def adam(self, g: np.ndarray, lr: float, b1: float, b2: float, eps: float, decoupled: bool) -> None:
        self.t += 1
        if decoupled:
            self.p = self.p - lr * self.decay * self.p
        else:
            g = g + self.decay * self.p
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        m_hat, v_hat = self.m / (1 - b1**self.t), self.v / (1 - b2**self.t)
        self.p = self.p - lr * m_hat / (np.sqrt(v_hat) + eps)

    def adagrad(self, g: np.ndarray, lr: float, lr_decay: float, initial: float, eps: float) -> None:
        self.t += 1
        g = g + self.decay * self.p
        self.s = self.s + g**2
        self.p = self.p - lr / (1 + (self.t - 1) * lr_decay) * g / (np.sqrt(initial + self.s) + eps)

    def rmsprop(self, g: np.ndarray, lr: float, rho: float, momentum: float, centred: bool) -> None:
        g = g + self.decay * self.p
        self.s = rho * self.s + (1 - rho) * g**2
        self.m = rho * self.m + (1 - rho) * g
        spread = self.s - self.m**2 if centred else self.s
        self.v = momentum * self.v + g / (np.sqrt(spread) + 1e-8)
        self.p = self.p - lr * self.v


@dataclass(frozen=True)
class OptimizerCase:
    """How to build it, one step of its formula, and the decay that falls on weights."""

    make: Callable[[], Optimizer]
    formula: Callable[[ByFormula, np.ndarray], None]
    decay: float = 0.0

    def expected(self, steps: int = 50) -> dict[str, np.ndarray]:
        """The parameters after these steps, by the formula."""
        references = {
            name: ByFormula(value, self.decay if name.endswith("weights") else 0.0)
            for name, value in draws(0).items()
        }
        for step in range(steps):
            for name, grad in draws(step + 1).items():
                self.formula(references[name], grad)
        return {name: reference.p for name, reference in references.items()}

    def run(self, backend: Backend, dtype: str, steps: int = 50) -> dict[str, np.ndarray]:
        """The parameters after these steps on a backend."""
        optimizer = self.make()
        params = {name: backend.asarray(value, dtype) for name, value in draws(0).items()}
        for step in range(steps):
            grads = {name: backend.asarray(value, dtype) for name, value in draws(step + 1).items()}
            with no_host_read(backend):
                optimizer.update(params, grads)
        assert optimizer.steps == steps
        return {name: backend.to_numpy(value) for name, value in params.items()}


OPTIMIZERS: dict[str, OptimizerCase] = {
    "SGD": OptimizerCase(lambda: SGD(0.05), lambda f, g: f.sgd(g, 0.05, 0.0, False), 0.0),
    "SGD decay": OptimizerCase(
        lambda: SGD(0.05, weight_decay=0.1), lambda f, g: f.sgd(g, 0.05, 0.0, False), 0.1
    ),
    "SGD momentum": OptimizerCase(
        lambda: SGD(0.05, momentum=0.9, weight_decay=0.01),
        lambda f, g: f.sgd(g, 0.05, 0.9, False),
        0.01,
    ),
    "SGD Nesterov": OptimizerCase(
        lambda: SGD(0.05, momentum=0.8, nesterov=True, weight_decay=0.01),
        lambda f, g: f.sgd(g, 0.05, 0.8, True),
        0.01,
    ),
    "Adam": OptimizerCase(lambda: Adam(), lambda f, g: f.adam(g, 1e-3, 0.9, 0.999, 1e-8, False), 0.0),
    "Adam decay": OptimizerCase(
        lambda: Adam(0.01, beta1=0.8, beta2=0.95, eps=1e-4, weight_decay=0.1),
        lambda f, g: f.adam(g, 0.01, 0.8, 0.95, 1e-4, False),
        0.1,
    ),
    "Adam without memory": OptimizerCase(
        lambda: Adam(0.01, beta1=0.0, beta2=0.0),
        lambda f, g: f.adam(g, 0.01, 0.0, 0.0, 1e-8, False),
        0.0,
    ),
    "AdamW": OptimizerCase(
        lambda: AdamW(0.01, weight_decay=0.1),
        lambda f, g: f.adam(g, 0.01, 0.9, 0.999, 1e-8, True),
        0.1,
    ),
    "Adagrad": OptimizerCase(lambda: Adagrad(), lambda f, g: f.adagrad(g, 0.01, 0.0, 0.0, 1e-10), 0.0),
    "Adagrad decay": OptimizerCase(
        lambda: Adagrad(0.1, lr_decay=0.05, initial=0.3, eps=1e-3, weight_decay=0.1),
        lambda f, g: f.adagrad(g, 0.1, 0.05, 0.3, 1e-3),
        0.1,
    ),
    "RMSprop": OptimizerCase(lambda: RMSprop(), lambda f, g: f.rmsprop(g, 0.01, 0.99, 0.0, False), 0.0),
    "RMSprop momentum": OptimizerCase(
        lambda: RMSprop(0.01, rho=0.9, momentum=0.8, weight_decay=0.1),
        lambda f, g: f.rmsprop(g, 0.01, 0.9, 0.8, False),
        0.1,
    ),
    # rho such that s - m^2 is far from 0 from the first step on: near 0 it is rounding alone
    "RMSprop centred": OptimizerCase(
        lambda: RMSprop(0.01, rho=0.5, centred=True),
        lambda f, g: f.rmsprop(g, 0.01, 0.5, 0.0, True),
        0.0,
    ),
}
