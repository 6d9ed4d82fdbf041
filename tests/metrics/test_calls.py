"""Confusion, Matthews' correlation and deviances: scikit-learn's and SciPy's numbers, on every backend."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from genoml.backend import Backend
from genoml.evaluation import per_task
from genoml.metrics import (
    aupr,
    auroc,
    confusion_matrix,
    f1_score,
    matthews_correlation,
    negative_binomial_deviance,
    pearson,
    poisson_deviance,
    spearman,
)

RNG = np.random.default_rng(8)
MEANS = RNG.uniform(0.1, 20.0, 40)
COUNTS = RNG.poisson(MEANS).astype(np.float64)


def nbinom_deviance(means: np.ndarray, counts: np.ndarray, a: float) -> float:
    def log_p(m: np.ndarray) -> np.ndarray:
        return stats.nbinom.logpmf(counts, 1 / a, 1 / (1 + a * m))

    return float(2 * np.mean(log_p(np.maximum(counts, 1e-300)) - log_p(means)))


def test_random_calls_give_the_counts_and_correlation_of_scikit_learn() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores, labels = rng.integers(0, 5, 30) / 4, rng.integers(0, 2, 30)
        called = scores >= 0.5
        expected = sklearn_metrics.confusion_matrix(labels, called, labels=[0, 1])
        np.testing.assert_array_equal(confusion_matrix(scores, labels), expected)
        found = matthews_correlation(scores, labels)
        assert found == pytest.approx(sklearn_metrics.matthews_corrcoef(labels, called), abs=1e-12)


def test_several_classes_give_the_counts_and_correlation_of_scikit_learn() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scores, classes = rng.integers(0, 4, (25, 3)), rng.integers(0, 3, 25)
        targets, called = np.eye(3)[classes], scores.argmax(axis=1)
        expected = sklearn_metrics.confusion_matrix(classes, called, labels=[0, 1, 2])
        np.testing.assert_array_equal(confusion_matrix(scores, targets), expected)
        found = matthews_correlation(scores, targets)
        assert found == pytest.approx(sklearn_metrics.matthews_corrcoef(classes, called), abs=1e-12)


def test_every_backend_gives_the_same_counts(backend: Backend) -> None:
    scores = np.round(RNG.random(50), 1).astype(np.float32)
    labels = (RNG.random(50) < 0.4).astype(np.int32)
    result = confusion_matrix(backend.asarray(scores), backend.asarray(labels), 0.6)
    np.testing.assert_array_equal(
        backend.to_numpy(result), sklearn_metrics.confusion_matrix(labels, scores >= np.float32(0.6))
    )
    many, hot = RNG.random((50, 4)).astype(np.float32), np.eye(4, dtype=np.float32)[RNG.integers(0, 4, 50)]
    for predictions, targets in ((scores, labels), (many, hot)):
        found = matthews_correlation(backend.asarray(predictions), backend.asarray(targets))
        assert found.shape == ()
        expected = matthews_correlation(predictions.astype(np.float64), targets)
        assert float(backend.to_numpy(found)) == pytest.approx(float(expected), abs=2e-6)


def test_every_backend_gives_the_same_deviances(backend: Backend) -> None:
    means, counts = backend.asarray(MEANS.astype(np.float32)), backend.asarray(COUNTS.astype(np.float32))
    expected = sklearn_metrics.mean_poisson_deviance(COUNTS, MEANS)
    assert float(backend.to_numpy(poisson_deviance(means, counts))) == pytest.approx(expected, rel=2e-5)
    found = backend.to_numpy(negative_binomial_deviance(means, counts, 0.4))
    assert float(found) == pytest.approx(nbinom_deviance(MEANS, COUNTS, 0.4), rel=2e-5)


def test_deviances_are_exact_in_double_precision() -> None:
    expected = sklearn_metrics.mean_poisson_deviance(COUNTS, MEANS)
    assert poisson_deviance(MEANS, COUNTS) == pytest.approx(expected, rel=1e-12)
    for a in (0.05, 1.0, 30.0):
        found = negative_binomial_deviance(MEANS, COUNTS, np.full(40, a))
        assert found == pytest.approx(nbinom_deviance(MEANS, COUNTS, a), rel=1e-9)
    assert negative_binomial_deviance(MEANS, COUNTS, 1e-9) == pytest.approx(expected, rel=1e-6)
    assert poisson_deviance(COUNTS + 1.0, COUNTS + 1.0) == 0.0
    assert negative_binomial_deviance(COUNTS + 1.0, COUNTS + 1.0, 0.3) == 0.0


def test_what_has_no_deviance_is_nan() -> None:
    assert np.isnan(poisson_deviance([0.0, 1.0], [0.0, 1.0]))
    assert np.isnan(poisson_deviance([1.0, 1.0], [-1.0, 1.0]))
    assert np.isnan(poisson_deviance([np.inf, 1.0], [1.0, 1.0]))
    assert np.isnan(negative_binomial_deviance([1.0], [1.0], 0.0))
    assert np.isnan(poisson_deviance(np.zeros(0), np.zeros(0)))


def test_calls_of_one_class_have_no_correlation_and_bad_labels_no_counts() -> None:
    assert matthews_correlation([0.9, 0.8], [0, 1]) == 0.0
    assert matthews_correlation([0.9, 0.2], [1, 1]) == 0.0
    assert np.isnan(matthews_correlation([0.9, np.nan], [0, 1]))
    assert np.isnan(np.asarray(confusion_matrix([0.9, 0.1], [0.5, 1]))).all()
    assert np.isnan(np.asarray(confusion_matrix(np.ones((2, 3)), np.ones((2, 3))))).all()


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expects one-hot targets \(2, 3\), as predictions, got \(2,\)"):
        confusion_matrix(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match=r"poisson_deviance expects .* of one length"):
        poisson_deviance([1.0, 2.0], [1.0])


@pytest.mark.parametrize("metric", [auroc, aupr, f1_score, pearson, spearman, poisson_deviance])
def test_several_columns_are_sent_to_the_function_that_takes_them(metric: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(size=(9, 3)), rng.integers(0, 2, (9, 3))
    advice = re.escape(
        f"got (9, 3) and (9, 3); for one number a column: genoml.evaluation.per_task({metric.__name__}, "
    )
    with pytest.raises(ValueError, match=advice):
        metric(x, y)
    np.testing.assert_array_equal(per_task(metric, x, y), [metric(x[:, j], y[:, j]) for j in range(3)])
