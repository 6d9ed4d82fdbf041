from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.search import (
    Rung,
    Trial,
    best_trials,
    halving_rungs,
    make_ranges,
    random_trials,
    successive_halving,
)

RANGES = make_ranges({"learning_rate": {"log_uniform": [1e-4, 1e-1]}})


def test_the_rounds_are_those_of_the_paper() -> None:
    # Li et al. (2018), table 1: R = 81, eta = 3, the bracket with s = 4
    expected = [Rung(81, 1), Rung(27, 3), Rung(9, 9), Rung(3, 27), Rung(1, 81)]
    assert halving_rungs(81, 81) == expected
    # and the bracket with s = 3
    assert halving_rungs(27, 81, min_epochs=3) == [Rung(27, 3), Rung(9, 9), Rung(3, 27), Rung(1, 81)]
    assert halving_rungs(1, 20) == [Rung(1, 20)]
    assert halving_rungs(9, 20, min_epochs=20) == [Rung(9, 20)]
    assert halving_rungs(4, 8, factor=2) == [Rung(4, 2), Rung(2, 4), Rung(1, 8)]


@given(st.integers(1, 300), st.integers(1, 200), st.integers(1, 9), st.integers(2, 5))
@settings(max_examples=100, deadline=None)
def test_rounds_have_fewer_trials_and_more_epochs_up_to_all(
    trials: int, epochs: int, least: int, factor: int
) -> None:
    if least > epochs:
        with pytest.raises(ValueError, match=f"min_epochs expects at most the epochs, {epochs}, got {least}"):
            halving_rungs(trials, epochs, min_epochs=least, factor=factor)
        return
    rungs = halving_rungs(trials, epochs, min_epochs=least, factor=factor)
    assert rungs[0].trials == trials
    assert rungs[-1].epochs == epochs
    assert rungs[-1].trials >= 1
    for before, after in pairwise(rungs):
        assert after.trials <= before.trials / factor < after.trials + 1
        assert before.epochs is not None
        assert after.epochs is not None
        assert least <= before.epochs < after.epochs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0, "epochs": 3}, "trials expects at least 1, got 0"),
        ({"trials": 3, "epochs": 3, "factor": 1}, "factor expects at least 2, got 1"),
        ({"trials": 3, "epochs": 3, "min_epochs": 0}, "min_epochs expects at least 1, got 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        halving_rungs(**arguments)
    with pytest.raises(ValueError, match="trials expects at least 1, got 0"):
        random_trials(RANGES, 0)


def test_more_trials_begin_with_the_same_ones() -> None:
    few, many = random_trials(RANGES, 3, seed=2), random_trials(RANGES, 9, seed=2)
    assert many[:3] == few
    assert [trial.number for trial in many] == list(range(1, 10))
    assert len({trial.config.learning_rate for trial in many}) == 9


def test_the_best_come_first_and_failures_not_at_all() -> None:
    assert best_trials({1: 0.5, 2: None, 3: 0.7, 4: 0.7, 5: 0.1}) == [3, 4, 1, 5]
    assert best_trials({1: None}) == []


def test_halving_trains_the_best_for_longer_and_leaves_out_what_failed() -> None:
    asked: list[tuple[list[int], int | None]] = []

    def evaluate(trials: Sequence[Trial], epochs: int | None) -> Mapping[int, float | None]:
        asked.append(([trial.number for trial in trials], epochs))
        # the higher the number the better, but for trial 9, and for 8, which fails with more epochs
        return {
            trial.number: None
            if trial.number == 9 or (trial.number == 8 and epochs != 1)
            else trial.number / 10
            for trial in trials
        }

    scores = successive_halving(random_trials(RANGES, 9), halving_rungs(9, 9), evaluate)
    assert asked == [(list(range(1, 10)), 1), ([6, 7, 8], 3), ([7], 9)]
    assert scores[-1] == {7: 0.7}
    assert successive_halving(
        random_trials(RANGES, 3),
        halving_rungs(3, 3),
        lambda trials, _: dict.fromkeys(t.number for t in trials),
    ) == [dict.fromkeys((1, 2, 3))]
