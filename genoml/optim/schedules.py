"""Learning-rate schedules: functions from the step number, from 0, to a factor of the peak learning rate.

All can be pickled, so that training options can be sent to another process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, TypeAlias

from genoml.arguments import Count, Limits, NotNegative, Probability, Share, Whole, checked

__all__ = ["ReduceOnPlateau", "Schedule", "constant", "cosine", "one_cycle", "step_decay", "warm_up"]

#: Step -> factor of the peak learning rate.
Schedule: TypeAlias = Callable[[int], float]


def constant() -> Schedule:
    """Constant schedule: always 1."""
    return constant_factor


def constant_factor(step: int) -> float:
    """1."""
    return 1.0


@checked
def one_cycle(
    total: Count, *, warmup: Share = 0.1, start: NotNegative = 0.04, end: NotNegative = 1e-3
) -> Schedule:
    """One-cycle: a linear rise from ``start`` to 1 in the first ``warmup`` of steps, then half a cosine to ``end``.

    Raises
    ------
    ValueError
        If total < 1 or warmup is outside [0, 1).

    References
    ----------
    Smith and Topin (2018), Super-convergence, arXiv:1708.07120; cosine: Loshchilov and Hutter (2017),
    SGDR, arXiv:1608.03983, eq. 5.
    """
    rise = math.floor(warmup * total)
    return partial(one_cycle_factor, rise=rise, total=total, start=start, end=end)


def one_cycle_factor(step: int, *, rise: int, total: int, start: float, end: float) -> float:
    """See :func:`one_cycle`."""
    if step < rise:
        return start + (1.0 - start) * step / rise
    return cosine_factor(step - rise, total=max(total - rise, 1), end=end)


@checked
def step_decay(every: Count, factor: Annotated[float, Limits(gt=0, le=1)] = 0.1) -> Schedule:
    """Step decay: factor^floor(step / every).

    Raises
    ------
    ValueError
        If every < 1 or factor is outside (0, 1].
    """
    return partial(step_decay_factor, every=every, factor=factor)


def step_decay_factor(step: int, *, every: int, factor: float) -> float:
    """See :func:`step_decay`."""
    return factor ** (step // every)


@checked
def cosine(total: Count, *, end: Probability = 0.0) -> Schedule:
    """Cosine decay from 1 at step 0 to ``end`` at step ``total``, and ``end`` after that.

    Raises
    ------
    ValueError
        If total < 1 or end is outside [0, 1].

    References
    ----------
    Loshchilov and Hutter (2017), SGDR, arXiv:1608.03983, eq. 5, without restarts.
    """
    return partial(cosine_factor, total=total, end=end)


def cosine_factor(step: int, *, total: int, end: float) -> float:
    """See :func:`cosine`."""
    return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * min(step / total, 1.0)))


@checked
def warm_up(steps: Whole, then: Schedule | None = None, *, start: Probability = 0.0) -> Schedule:
    """Warm-up: a linear rise from ``start`` to 1 over the first ``steps``, then another schedule from its step 0.

    Step k of the rise has the factor start + (1 - start) (k + 1) / (steps + 1), so that the first step is not zero.

    Parameters
    ----------
    steps : int
        Length of the rise.
    then : Schedule, optional
        The schedule after the rise; constant if None.
    start : float
        See above; from 0 to 1.

    Raises
    ------
    ValueError
        If steps < 0 or start is outside [0, 1].

    References
    ----------
    Goyal et al. (2017), Accurate, large minibatch SGD, arXiv:1706.02677, section 2.2.
    """
    return partial(warm_up_factor, steps=steps, then=constant() if then is None else then, start=start)


def warm_up_factor(step: int, *, steps: int, then: Schedule, start: float) -> float:
    """See :func:`warm_up`."""
    if step < steps:
        return start + (1.0 - start) * (step + 1) / (steps + 1)
    return then(step - steps)


@checked
class ReduceOnPlateau:
    """Reduce the rate when a score stops improving; ``report`` the score once an epoch.

    The factor begins at 1. When the score has not been below best - threshold |best| for more than
    ``patience`` reports in a row, the factor is multiplied by ``factor``, and the next ``cooldown`` reports
    are not counted. As a schedule it gives the current factor at any step.

    Parameters
    ----------
    factor : float
        Factor of each reduction, between 0 and 1.
    patience : int
        Reports without an improvement before a reduction.
    threshold : float
        The smallest relative improvement that counts.
    cooldown : int
        Reports after a reduction that are not counted.
    least : float
        Lower limit of the factor.
    maximise : bool
        Whether higher scores are better, as with AUROC.

    Raises
    ------
    ValueError
        If a setting is out of range.
    """

    def __init__(
        self,
        factor: Annotated[float, Limits(gt=0, lt=1)] = 0.1,
        *,
        patience: Whole = 10,
        threshold: NotNegative = 1e-4,
        cooldown: Whole = 0,
        least: Probability = 0.0,
        maximise: bool = False,
    ) -> None:
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.cooldown = cooldown
        self.least = least
        self.maximise = maximise
        self.current = 1.0
        self.best: float | None = None
        self.bad_reports = self.resting = 0

    def __call__(self, step: int) -> float:
        """The current factor."""
        return self.current

    @property
    def state(self) -> dict[str, float | int | None]:
        """The memory of past scores; assign it to continue from another schedule."""
        return {
            "current": self.current,
            "best": self.best,
            "bad_reports": self.bad_reports,
            "resting": self.resting,
        }

    @state.setter
    def state(self, values: Mapping[str, Any]) -> None:
        self.current = values["current"]
        self.best = values["best"]
        self.bad_reports = values["bad_reports"]
        self.resting = values["resting"]

    def _improves(self, score: float) -> bool:
        if self.best is None:
            return score == score  # not NaN
        margin = self.threshold * abs(self.best)
        return score > self.best + margin if self.maximise else score < self.best - margin

    def report(self, score: float) -> float:
        """Record a score and return the new factor. NaN is no improvement."""
        improved = self._improves(score)
        if improved:
            self.best = score
        self.bad_reports = 0 if improved else self.bad_reports + 1
        if self.resting > 0:
            self.resting -= 1
            self.bad_reports = 0
        if self.bad_reports > self.patience:
            self.current = max(self.current * self.factor, self.least)
            self.resting = self.cooldown
            self.bad_reports = 0
        return self.current
