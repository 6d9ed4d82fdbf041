"""Step, cosine and warm-up schedules and the plateau rule against their formulas; bad settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genoml.optim.schedules import ReduceOnPlateau, cosine, one_cycle, step_decay, warm_up


def test_step_decay_falls_after_each_interval() -> None:
    factor = step_decay(3, 0.5)
    assert [factor(step) for step in range(8)] == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]


def test_cosine_goes_from_1_to_the_end_and_stays() -> None:
    factor = cosine(10, end=0.2)
    steps = np.arange(11)
    np.testing.assert_allclose(
        [factor(int(step)) for step in steps], 0.2 + 0.4 * (1 + np.cos(np.pi * steps / 10))
    )
    assert factor(1000) == pytest.approx(0.2)


def test_warm_up_rises_in_a_line_and_hands_over() -> None:
    factor = warm_up(4, cosine(10))
    np.testing.assert_allclose([factor(step) for step in range(4)], [0.2, 0.4, 0.6, 0.8])
    assert [factor(step) for step in (4, 9, 14)] == [cosine(10)(step) for step in (0, 5, 10)]
    assert {warm_up(0)(step) for step in range(5)} == {1.0}
    assert warm_up(1, start=0.5)(0) == 0.75
    assert warm_up(3, one_cycle(10, warmup=0.0))(3) == 1.0


def test_the_factor_falls_when_the_score_no_longer_does() -> None:
    plateau = ReduceOnPlateau(0.5, patience=2)
    assert [plateau.report(score) for score in (3.0, 2.0, 2.0, 2.5)] == [1.0] * 4
    assert plateau.report(2.0) == 0.5
    assert [plateau(step) for step in (0, 7)] == [0.5, 0.5]
    assert [plateau.report(score) for score in (2.0, 2.0, 2.0)] == [0.5, 0.5, 0.25]


def test_a_small_gain_is_none_and_nan_is_none() -> None:
    plateau = ReduceOnPlateau(0.1, patience=0, threshold=0.01)
    assert plateau.report(1.0) == 1.0
    assert plateau.report(0.995) == pytest.approx(0.1)
    assert plateau.report(math.nan) == pytest.approx(0.01)
    assert plateau.report(0.98) == pytest.approx(0.01)


def test_scores_to_maximise_cooldown_and_the_least_factor() -> None:
    plateau = ReduceOnPlateau(0.1, patience=0, cooldown=2, least=0.05, maximise=True)
    scores = (0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.7)
    np.testing.assert_allclose(
        [plateau.report(score) for score in scores], [1.0, 1.0, 0.1, 0.1, 0.1, 0.05, 0.05]
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step_decay(0), "step_decay expects every >= 1, got 0"),
        (lambda: step_decay(2, 0.0), "step_decay expects 0 < factor <= 1, got 0.0"),
        (lambda: cosine(0), "cosine expects total >= 1"),
        (lambda: cosine(3, end=math.nan), "cosine expects 0 <= end <= 1, got nan"),
        (lambda: warm_up(-1), "warm_up expects steps >= 0"),
        (lambda: warm_up(3, start=2.0), "warm_up expects 0 <= start <= 1, got 2.0"),
        (lambda: ReduceOnPlateau(1.0), "ReduceOnPlateau expects 0 < factor < 1, got 1.0"),
        (lambda: ReduceOnPlateau(patience=-1), "ReduceOnPlateau expects patience >= 0, got -1"),
        (lambda: ReduceOnPlateau(threshold=math.nan), "ReduceOnPlateau expects threshold >= 0, got nan"),
        (lambda: ReduceOnPlateau(least=2.0), "ReduceOnPlateau expects 0 <= least <= 1, got 2.0"),
    ],
)
def test_bad_settings_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
