"""Curves: the points scikit-learn gives, and areas that agree with the metrics."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from genoml.evaluation.curves import precision_recall_curve, roc_curve
from genoml.metrics import aupr, auroc


def random_case(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    size = int(rng.integers(2, 120))
    targets = rng.integers(0, 2, size)
    targets[:2] = 0, 1
    return rng.integers(0, int(rng.integers(1, 40)), size) / 7.0, targets


def test_roc_points_equal_scikit_learn_with_ties():
    rng = np.random.default_rng(1)
    for _ in range(200):
        predictions, targets = random_case(rng)
        expected = sklearn_metrics.roc_curve(targets, predictions, drop_intermediate=False)
        for ours, theirs in zip(roc_curve(predictions, targets), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-15)


def test_precision_recall_points_equal_scikit_learn_with_ties():
    rng = np.random.default_rng(2)
    for _ in range(200):
        predictions, targets = random_case(rng)
        expected = sklearn_metrics.precision_recall_curve(targets, predictions, drop_intermediate=False)
        for ours, theirs in zip(precision_recall_curve(predictions, targets), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-15)


def test_areas_under_the_points_equal_the_metrics():
    rng = np.random.default_rng(3)
    for _ in range(100):
        predictions, targets = random_case(rng)
        false_rate, true_rate, _ = roc_curve(predictions, targets)
        precision, recall, _ = precision_recall_curve(predictions, targets)
        assert np.trapezoid(true_rate, false_rate) == pytest.approx(auroc(predictions, targets), abs=1e-12)
        assert -np.sum(np.diff(recall) * precision[:-1]) == pytest.approx(
            aupr(predictions, targets), abs=1e-12
        )


def test_an_absent_class_gives_nan_rates_without_a_warning():
    false_rate, true_rate, _ = roc_curve([0.1, 0.9], [1, 1])
    assert np.isnan(false_rate).all()
    np.testing.assert_array_equal(true_rate, [0, 0.5, 1])
    precision, recall, _ = precision_recall_curve([0.1, 0.9], [0, 0])
    assert np.isnan(recall).all()
    np.testing.assert_array_equal(precision, [0, 0, 1])


def test_columns_and_flat_arrays_mix():
    column = np.asarray([[0.2], [0.8], [0.5]])
    for ours, flat in zip(roc_curve(column, [0, 1, 1]), roc_curve(column[:, 0], [0, 1, 1]), strict=True):
        np.testing.assert_array_equal(ours, flat)


@pytest.mark.parametrize("curve", [roc_curve, precision_recall_curve])
def test_wrong_input_is_named(curve):
    with pytest.raises(ValueError, match=r"each \(N,\) or \(N, 1\), got \(2,\) and \(3,\)"):
        curve([0.1, 0.2], [0, 1, 1])
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(2,\)"):
        curve([[0.1, 0.2]], [0, 1])
    with pytest.raises(ValueError, match=r"got \(\) and \(\)"):
        curve(0.1, 1)
    with pytest.raises(ValueError, match="no NaN in predictions, got 1"):
        curve([np.nan, 0.2], [0, 1])
    with pytest.raises(ValueError, match="targets of 0 and 1, got 2"):
        curve([0.1, 0.2], [0, 2])
