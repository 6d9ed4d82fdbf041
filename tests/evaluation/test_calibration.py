"""Calibration: scikit-learn's curves, Murphy's identity, and minima found by another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from genoml.evaluation import (
    Calibration,
    brier_decomposition,
    brier_score,
    expected_calibration_error,
    fit_platt,
    fit_temperature,
    log_odds,
    prior_shift,
    reliability_curve,
)

RNG = np.random.default_rng(5)
LOGITS = 2.0 * RNG.standard_normal(3000) - 1.0
LABELS = (RNG.random(3000) < special.expit(0.6 * LOGITS + 0.3)).astype(np.float32)
PROBABILITIES = special.expit(LOGITS)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


def test_the_reliability_curve_is_that_of_scikit_learn() -> None:
    observed, mean = calibration_curve(LABELS, PROBABILITIES, n_bins=10)
    curve = reliability_curve(PROBABILITIES[:, None], LABELS)
    np.testing.assert_allclose(curve.mean_prediction, mean, rtol=1e-12)
    np.testing.assert_allclose(curve.observed, observed, rtol=1e-12)
    assert curve.count.sum() == 3000


def test_quantile_bins_hold_equal_numbers_and_equal_probabilities_share_one() -> None:
    curve = reliability_curve(PROBABILITIES, LABELS, bins=7, strategy="quantile")
    assert np.ptp(curve.count) <= 1
    tied = np.repeat([0.1, 0.5, 0.9], [50, 30, 20])
    curve = reliability_curve(tied, np.arange(100) % 2, bins=10, strategy="quantile")
    np.testing.assert_allclose(curve.mean_prediction, [0.1, 0.5, 0.9])
    assert curve.count.tolist() == [50, 30, 20]


def test_bins_without_examples_are_left_out() -> None:
    curve = reliability_curve([0.0, 0.05, 1.0], [0, 1, 1], bins=5)
    assert curve.count.tolist() == [2, 1]
    assert curve.observed.tolist() == [0.5, 1.0]
    assert len(curve.edges) == 6


def test_the_intervals_are_those_of_wilson() -> None:
    p = np.repeat([0.1, 0.5, 0.9], 40)
    labels = np.concatenate([np.arange(40) < k for k in (0, 13, 40)])
    curve = reliability_curve(p, labels, bins=3, level=0.9)
    for low, high, k in zip(curve.low, curve.high, (0, 13, 40), strict=True):
        expected = stats.binomtest(k, 40).proportion_ci(0.9, method="wilson")
        assert (low, high) == (
            pytest.approx(expected.low, abs=1e-12),
            pytest.approx(expected.high, abs=1e-12),
        )


def test_the_brier_score_is_that_of_scikit_learn() -> None:
    assert brier_score(PROBABILITIES, LABELS) == pytest.approx(brier_score_loss(LABELS, PROBABILITIES))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=60), st.integers(1, 8))
def test_the_parts_of_the_brier_score_add_up(cases: list[tuple[int, bool]], bins: int) -> None:
    p, labels = np.array([c[0] / 6 for c in cases]), np.array([c[1] for c in cases])
    for parts in (brier_decomposition(p, labels, None), brier_decomposition(p, labels, bins)):
        together = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
        assert together == pytest.approx(parts.score, abs=1e-14)
        assert parts.uncertainty == pytest.approx(labels.mean() * (1 - labels.mean()), abs=1e-15)
    # Murphy's identity: with a bin for each probability nothing is left over
    assert brier_decomposition(p, labels, None).within_bins == pytest.approx(0.0, abs=1e-14)


def test_the_calibration_error_is_the_mean_distance_of_the_bins() -> None:
    p = np.repeat([0.2, 0.8], [60, 40])
    labels = np.concatenate([np.arange(60) < 30, np.arange(40) < 32])
    assert expected_calibration_error(p, labels) == pytest.approx(0.6 * 0.3)
    assert expected_calibration_error([0.0, 1.0], [0, 1]) == 0.0


def test_the_temperature_has_the_least_cross_entropy() -> None:
    found = fit_temperature(LOGITS, LABELS)
    best = optimize.minimize_scalar(
        lambda s: cross_entropy(s * LOGITS, LABELS),
        bounds=(0.1, 3.0),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found.slope == pytest.approx(best.x, abs=1e-6)
    assert found.temperature == 1 / found.slope
    assert found.offset == 0.0
    slope = np.mean((special.expit(found(LOGITS)) - LABELS) * LOGITS)
    assert abs(slope) < 1e-12


def test_the_temperature_of_classes_has_the_least_cross_entropy() -> None:
    logits = 3.0 * RNG.standard_normal((500, 4))
    chances = special.softmax(0.4 * logits, axis=1).cumsum(axis=1)
    classes = np.minimum(np.sum(RNG.random((500, 1)) > chances, axis=1), 3)

    def loss(s: float) -> float:
        return float(-np.mean(special.log_softmax(s * logits, axis=1)[np.arange(500), classes]))

    best = optimize.minimize_scalar(loss, bounds=(0.1, 3.0), method="bounded", options={"xatol": 1e-9})
    assert fit_temperature(logits, np.eye(4)[classes]).slope == pytest.approx(best.x, abs=1e-6)


def test_a_temperature_that_would_be_zero_or_infinite_stays_within_bounds() -> None:
    assert fit_temperature([-1.0, 2.0], [0, 1]).slope == 100.0
    assert fit_temperature([1.0, -2.0], [0, 1]).slope == 0.01
    assert fit_temperature([0.0, 0.0], [0, 1]).slope == 0.01
    assert fit_temperature([-800.0, 900.0, 3.0], [0, 1, 0]).slope == pytest.approx(0.01, abs=0.01)


def test_platts_scaling_has_the_least_cross_entropy_of_his_labels() -> None:
    positives = int(LABELS.sum())
    labels = np.where(LABELS == 1, (positives + 1) / (positives + 2), 1 / (3000 - positives + 2))
    best = optimize.minimize(lambda ab: cross_entropy(ab[0] * LOGITS + ab[1], labels), [1.0, 0.0], tol=1e-12)
    found = fit_platt(LOGITS, LABELS)
    assert (found.slope, found.offset) == (
        pytest.approx(best.x[0], abs=1e-5), pytest.approx(best.x[1], abs=1e-5),
    )  # fmt: skip
    residual = special.expit(found(LOGITS)) - labels
    assert abs(residual.mean()) < 1e-10
    assert abs((residual * LOGITS).mean()) < 1e-10


@pytest.mark.parametrize(
    ("logits", "labels"),
    [([-3.0, -2.0, 2.0, 5.0], [0, 0, 1, 1]), ([1.0, -1.0], [0, 1]), ([500.0, -700.0, 0.0], [1, 0, 1])],
)
def test_platts_scaling_of_separated_and_of_wrong_logits_is_finite(logits: Any, labels: Any) -> None:
    found = fit_platt(logits, labels)
    ones = np.sum(labels)
    drawn_together = np.where(np.array(labels) == 1, (ones + 1) / (ones + 2), 1 / (len(labels) - ones + 2))
    # the offset is the best one for the slope
    assert special.expit(found(logits)).mean() == pytest.approx(drawn_together.mean(), abs=1e-9)
    assert (found.slope == 1e-6) == (logits[0] == 1.0)


def test_a_prior_shift_undoes_resampling() -> None:
    # a score of two normals: the logit is exact at the prior that it was computed for
    x = np.linspace(-3, 3, 7)
    likelihood = stats.norm.logpdf(x, 1) - stats.norm.logpdf(x, -1)
    trained, true = likelihood + log_odds(0.5), likelihood + log_odds(0.01)
    np.testing.assert_allclose(prior_shift(trained, 0.5, 0.01), true, rtol=0, atol=1e-12)
    np.testing.assert_allclose(prior_shift(trained, 0.3, 0.3), trained)
    assert log_odds(0.01) == pytest.approx(special.logit(0.01), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: reliability_curve([0.2, 1.2], [0, 1]), "probabilities from 0 to 1, got 1.2"),
        (lambda: reliability_curve([], []), "at least one prediction, got none"),
        (lambda: reliability_curve([0.2], [0, 1]), r"got \(1,\) and \(2,\)"),
        (lambda: reliability_curve([0.2], [0], bins=0), "bins >= 1, got 0"),
        (lambda: reliability_curve([0.2], [0], strategy="even"), "uniform or quantile, got 'even'"),
        (lambda: reliability_curve([0.2], [0], level=1.0), "0 < level < 1, got 1.0"),
        (lambda: brier_score([np.nan], [0]), "no NaN in predictions, got 1"),
        (lambda: brier_score([0.5], [0.5]), "targets of 0 and 1, got 0.5"),
        (lambda: fit_temperature([np.inf], [0]), "finite logits, got inf"),
        (lambda: fit_temperature([], []), "at least one example, got none"),
        (lambda: fit_temperature(np.zeros((2, 3)), np.zeros((2, 3))), "one-hot targets"),
        (lambda: fit_temperature(np.zeros((2, 3)), [0, 1]), r"one-hot targets \(2, 3\), got shape \(2,\)"),
        (lambda: fit_platt([1.0, 2.0], [1, 1]), "both classes, got 2 positives of 2"),
        (lambda: prior_shift([0.0], 0.0, 0.5), "prior between 0 and 1, got 0.0"),
        (lambda: Calibration(slope=0.0), "slope above 0 and a finite offset, got 0.0"),
        (lambda: Calibration(offset=np.nan), "got 1.0 and nan"),
    ],
)
def test_bad_input_is_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
