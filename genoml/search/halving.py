"""Which trials are trained for how long: random search, and successive halving."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from genoml.config import TrainConfig
from genoml.search.ranges import Ranges

#: trials, and epochs to train each of them for (None: its own number) -> score of each trial by number, or None if
#: it failed
Evaluate: TypeAlias = "Callable[[Sequence[Trial], int | None], Mapping[int, float | None]]"


@dataclass(frozen=True)
class Trial:
    """One set of settings: its number, from 1, what was drawn by path, and the whole configuration."""

    number: int
    drawn: dict[str, object]
    config: TrainConfig


@dataclass(frozen=True)
class Rung:
    """A round: how many trials, and for how many epochs each; None is what each trial's settings say."""

    trials: int
    epochs: int | None


def random_trials(ranges: Ranges, count: int, *, seed: int = 0) -> list[Trial]:
    """``count`` trials; each depends on its number and the seed alone, so more of them begin with the same.

    Raises
    ------
    ValueError
        If count < 1.
    """
    if count < 1:
        raise ValueError(f"trials expects at least 1, got {count}")
    drawn = [ranges.draw(number, seed) for number in range(1, count + 1)]
    return [Trial(number, own, ranges.config(own)) for number, own in enumerate(drawn, 1)]


def halving_rungs(trials: int, epochs: int, *, min_epochs: int = 1, factor: int = 3) -> list[Rung]:
    """The rounds of successive halving, from many short trainings to one or a few of full length.

    With s = floor(log_factor(epochs / min_epochs)), round i of 0 to s trains trials / factor^i trials for
    epochs / factor^(s - i) epochs, so that every round takes about the same time. Rounds end when a single
    trial is left; its last one has all epochs.

    Parameters
    ----------
    trials : int
        Trials in the first round.
    epochs : int
        Epochs in the last round.
    min_epochs : int
        Epochs in the first round, at least.
    factor : int
        One in ``factor`` trials goes on.

    Raises
    ------
    ValueError
        If a number is below 1, factor below 2, or min_epochs above epochs.

    References
    ----------
    Jamieson and Talwalkar (2016), Non-stochastic best arm identification and hyperparameter optimization,
    arXiv:1502.07943; the numbers of a round as in Li et al. (2018), Hyperband, arXiv:1603.06560, section 3.
    """
    for name, value, least in (("trials", trials, 1), ("min_epochs", min_epochs, 1), ("factor", factor, 2)):
        if value < least:
            raise ValueError(f"{name} expects at least {least}, got {value}")
    if epochs < min_epochs:
        raise ValueError(f"min_epochs expects at most the epochs, {epochs}, got {min_epochs}")
    last = 0
    while min_epochs * factor ** (last + 1) <= epochs and factor ** (last + 1) <= trials:
        last += 1
    return [Rung(trials // factor**i, round(epochs / factor ** (last - i))) for i in range(last + 1)]


def best_trials(scores: Mapping[int, float | None]) -> list[int]:
    """Numbers of the trials that have a score, the highest first, the lower number first where they are equal."""
    found = [(-score, number) for number, score in scores.items() if score is not None]
    return [number for _, number in sorted(found)]


def successive_halving(
    trials: Sequence[Trial], rungs: Sequence[Rung], evaluate: Evaluate
) -> list[dict[int, float | None]]:
    """Train all trials for a few epochs, the best of them for more, and so on.

    A trial that goes on is trained from the start again: the learning rate's schedule is laid out over the
    epochs of a run, so what a round compares are finished short runs, not the beginnings of long ones, which
    have not come down from their peak learning rate.

    Parameters
    ----------
    trials : sequence of Trial
        As many as the first rung has.
    rungs : sequence of Rung
        See ``halving_rungs``; a single one is random search.
    evaluate : callable
        Trials and a number of epochs -> scores by trial number, the higher the better; None for a trial that
        failed, which never goes on.

    Returns
    -------
    list of dict
        The scores of each rung.
    """
    found: list[dict[int, float | None]] = []
    going = list(trials)
    for rung in rungs:
        if found:
            chosen = set(best_trials(found[-1])[: rung.trials])
            going = [trial for trial in going if trial.number in chosen]
        if not going:
            break
        found.append(dict(evaluate(going, rung.epochs)))
    return found
