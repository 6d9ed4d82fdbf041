"""Every learning-rate schedule with its settings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from genoml.optim.schedules import ReduceOnPlateau, Schedule, constant, cosine, one_cycle, step_decay, warm_up


def _plateau(maximise: bool) -> ReduceOnPlateau:
    return ReduceOnPlateau(0.5, patience=2, cooldown=1, threshold=0.01, least=1e-3, maximise=maximise)


SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "constant": constant,
    "step_decay": lambda: step_decay(7, 0.3),
    "cosine": lambda: cosine(50),
    "cosine with an end": lambda: cosine(50, end=0.1),
    "one_cycle": lambda: one_cycle(50, warmup=0.25),
    "warm_up": lambda: warm_up(10, start=0.2),
    "warm_up, then cosine": lambda: warm_up(10, cosine(40)),
    "ReduceOnPlateau": lambda: _plateau(False),
    "ReduceOnPlateau, maximising": lambda: _plateau(True),
}


def scores(steps: int = 50) -> list[float]:
    """A score that falls, with noise, to a plateau."""
    rng, at = np.random.default_rng(0), np.arange(steps)
    return [float(score) for score in 1.0 + np.exp(-at / 10.0) + 0.05 * rng.standard_normal(steps)]


def rates(name: str, steps: int = 50) -> list[float]:
    """The factor of each step; a schedule that listens is told a score after it."""
    schedule, found = SCHEDULES[name](), []
    for step, score in enumerate(scores(steps)):
        found.append(schedule(step))
        if isinstance(schedule, ReduceOnPlateau):
            schedule.report(score)
    return found
