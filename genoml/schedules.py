"""Learning-rate schedules: functions of the step number, from 0 to ``total`` - 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

#: step -> factor of the peak learning rate
Schedule: TypeAlias = Callable[[int], float]


def constant() -> Schedule:
    """Always 1."""
    return lambda step: 1.0


def one_cycle(total: int, *, warmup: float = 0.1, start: float = 0.04, end: float = 1e-3) -> Schedule:
    """A linear rise from ``start`` to 1 over the first ``warmup`` of the steps, then half a cosine to ``end``.

    Raises
    ------
    ValueError
        If total < 1 or warmup is outside [0, 1).

    References
    ----------
    Smith and Topin (2018), Super-convergence, arXiv:1708.07120; cosine: Loshchilov and Hutter (2017),
    SGDR, arXiv:1608.03983, eq. 5.
    """
    if total < 1 or not 0.0 <= warmup < 1.0:
        raise ValueError(f"one_cycle expects total >= 1 and 0 <= warmup < 1, got {total} and {warmup}")
    rise = int(warmup * total)

    def factor(step: int) -> float:
        if step < rise:
            return start + (1.0 - start) * step / rise
        done = min((step - rise) / max(total - rise, 1), 1.0)
        return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * done))

    return factor
