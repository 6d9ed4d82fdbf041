"""Intervals: the fast bootstrap against one resample at a time, coverage, and DeLong against the definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from genoml.evaluation.bootstrap import bootstrap, delong, per_task
from genoml.metrics import aupr, auroc, f1_score, pearson, spearman


def case(seed: int, size: int = 60, share: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties and labels of both classes."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(size) < share * size).astype(float)
    return np.round(rng.normal(labels, 1.0), 1), labels


@pytest.mark.parametrize("metric", [auroc, aupr, pearson, spearman])
@pytest.mark.parametrize("stratified", [True, False])
def test_many_resamples_at_once_are_the_same_as_one_by_one(metric: Any, stratified: bool) -> None:
    x, y = case(0)
    if metric in (pearson, spearman):
        y = np.round(x + np.random.default_rng(1).normal(size=60), 1)
    fast = bootstrap(metric, x, y, 60, seed=3, stratified=stratified)
    slow = bootstrap(lambda a, b: metric(a, b), x[:, None], y, 60, seed=3, stratified=stratified)
    assert fast.value == slow.value == float(metric(x, y))
    assert (fast.low, fast.high) == (pytest.approx(slow.low, abs=1e-12), pytest.approx(slow.high, abs=1e-12))


def test_stratified_resamples_keep_a_rare_class() -> None:
    x, y = case(2, size=200, share=0.01)
    found = bootstrap(lambda a, b: np.sum(b), x, y, 50)
    assert (found.low, found.high) == (2.0, 2.0)
    # without strata some lack it; those have no AUROC and are left out
    loose = bootstrap(auroc, x, y, 50, stratified=False)
    assert 0.0 <= loose.low <= loose.high <= 1.0


def test_the_interval_is_reproducible_and_widens_with_its_level() -> None:
    x, y = case(3)
    assert bootstrap(auroc, x, y, seed=1) == bootstrap(auroc, x, y, seed=1)
    assert bootstrap(auroc, x, y, seed=1) != bootstrap(auroc, x, y, seed=2)
    narrow, wide = bootstrap(auroc, x, y, level=0.5), bootstrap(auroc, x, y, level=0.99)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_both_intervals_of_auroc_hold_the_truth_about_as_often_as_they_say() -> None:
    # normals one standard deviation apart: AUROC = Phi(1 / sqrt 2)
    truth, held = 0.7602499389065233, np.zeros(2)
    rng = np.random.default_rng(4)
    for seed in range(120):
        y = np.repeat([1.0, 0.0], 60)
        x = rng.normal(y, 1.0)
        for i, found in enumerate(
            (bootstrap(auroc, x, y, 200, seed=seed, level=0.9), delong(x, y, level=0.9))
        ):
            held[i] += found.low <= truth <= found.high
    assert (held / 120 > 0.84).all()
    assert (held / 120 < 0.96).all()


def test_delong_is_auroc_and_the_variance_of_its_placements() -> None:
    x, y = case(5)
    positives, negatives = x[y == 1], x[y == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    variance = wins.mean(axis=1).var(ddof=1) / len(positives) + wins.mean(axis=0).var(ddof=1) / len(negatives)
    found = delong(x, y)
    assert found.value == pytest.approx(sklearn_metrics.roc_auc_score(y, x), abs=1e-14)
    assert found.high - found.low == pytest.approx(2 * 1.959963984540054 * np.sqrt(variance), rel=1e-10)
    resampled = bootstrap(auroc, x, y, 2000)
    assert found.low == pytest.approx(resampled.low, abs=0.03)
    assert found.high == pytest.approx(resampled.high, abs=0.03)


def test_a_metric_of_each_task_leaves_out_missing_labels() -> None:
    x, y = (np.stack([part, part[::-1], part], axis=1) for part in case(6))
    mask = np.ones_like(y)
    mask[:10, 1], mask[:, 2] = 0.0, 0.0
    found = per_task(auroc, x, y, mask)
    assert found[0] == auroc(x[:, 0], y[:, 0])
    assert found[1] == auroc(x[10:, 1], y[10:, 1])
    assert np.isnan(found[2])
    np.testing.assert_array_equal(per_task(f1_score, x, y), [f1_score(x[:, i], y[:, i]) for i in range(3)])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bootstrap(auroc, [0.1, 0.2], [1]), "got 1 and 2"),
        (lambda: bootstrap(auroc, [], []), "got 0 and 0"),
        (lambda: bootstrap(auroc, [0.1, 0.2], [0, 1], 1), "n >= 2 and 0 < level < 1, got 1"),
        (lambda: bootstrap(auroc, [0.1, 0.2], [0, 1], level=1.0), "got 1000 and 1.0"),
        (lambda: delong([0.1, 0.2, 0.3], [0, 1, 1]), "two of each class at least, got 2 and 1"),
        (lambda: delong([0.1, 0.2], [0, 1], level=0.0), "0 < level < 1, got 0.0"),
        (lambda: per_task(auroc, [0.1], [1]), r"two arrays \(N, tasks\), got \(1,\) and \(1,\)"),
    ],
)
def test_bad_input_is_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
