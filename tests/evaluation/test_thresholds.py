"""Thresholds: the best of all distinct scores, found by trying each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from genoml.evaluation.thresholds import choose_threshold, score_calls

CASES = st.lists(st.tuples(st.integers(0, 7), st.booleans()), min_size=2, max_size=40).filter(
    lambda cases: len({positive for _, positive in cases}) == 2
)


def split(cases: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score / 7 for score, _ in cases]), np.array([positive for _, positive in cases])


@settings(max_examples=25, deadline=None)
@given(CASES, st.sampled_from([("f1", "f1_score"), ("mcc", "matthews_corrcoef")]))
def test_no_other_threshold_is_better(cases: list[tuple[int, bool]], names: tuple[str, str]) -> None:
    scores, labels = split(cases)
    measure = getattr(sklearn_metrics, names[1])
    chosen = choose_threshold(scores, labels, names[0])  # type: ignore[arg-type]
    every = {float(t): measure(labels, scores >= t) for t in np.unique(scores)}
    assert measure(labels, scores >= chosen) == pytest.approx(max(every.values()), abs=1e-12)
    # of equally good ones the highest: no threshold above it calls the same, or does as well
    above = [value for t, value in every.items() if (scores >= t).sum() < (scores >= chosen).sum()]
    assert all(value < max(every.values()) + 1e-12 for value in above)


@settings(max_examples=25, deadline=None)
@given(CASES, st.floats(0.05, 1.0))
def test_recall_or_precision_is_reached_with_the_most_of_the_other(
    cases: list[tuple[int, bool]], at_least: float
) -> None:
    scores, labels = split(cases)
    found = {}
    for t in np.unique(scores):
        calls = scores >= t
        true = int((calls & labels).sum())
        found[float(t)] = (true / int(calls.sum()), true / int(labels.sum()))

    def reached(threshold: float) -> tuple[float, float]:
        calls = scores >= threshold
        true = int((calls & labels).sum())
        return true / int(calls.sum()), true / int(labels.sum())

    precision, recall = reached(choose_threshold(scores, labels, "recall", at_least=at_least))
    assert recall >= at_least
    assert precision == max(p for p, r in found.values() if r >= at_least)
    allowed = [r for p, r in found.values() if p >= at_least]
    if not allowed:
        with pytest.raises(ValueError, match=f"no threshold has precision {at_least}"):
            choose_threshold(scores, labels, "precision", at_least=at_least)
        return
    precision, recall = reached(choose_threshold(scores, labels, "precision", at_least=at_least))
    assert precision >= at_least
    assert recall == max(allowed)


def test_the_threshold_lies_half_way_to_the_next_lower_score() -> None:
    assert choose_threshold([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]) == pytest.approx(0.5)
    assert choose_threshold([0.3, 0.3], [0, 1]) == 0.3
    # neighbours in floating point have nothing between them
    upper = np.nextafter(0.5, 1.0)
    assert choose_threshold([0.5, upper], [0, 1]) == upper


def test_calls_are_scored_as_by_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.random(200), rng.random(200) < 0.2
    calls = score_calls(scores[:, None], labels.astype(float), 0.7)
    called = scores >= 0.7
    assert calls["confusion"] == sklearn_metrics.confusion_matrix(labels, called).tolist()
    assert calls["f1"] == pytest.approx(sklearn_metrics.f1_score(labels, called))
    assert calls["mcc"] == pytest.approx(sklearn_metrics.matthews_corrcoef(labels, called))
    assert calls["sensitivity"] == pytest.approx(sklearn_metrics.recall_score(labels, called))
    assert calls["specificity"] == pytest.approx(sklearn_metrics.recall_score(~labels, ~called))
    assert calls["precision"] == pytest.approx(sklearn_metrics.precision_score(labels, called))
    assert calls["accuracy"] == pytest.approx(np.mean(labels == called))
    assert np.isnan(score_calls(scores, labels, 2.0)["precision"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: choose_threshold([0.1, 0.2], [1, 1]), "both classes, got one"),
        (lambda: choose_threshold([], []), "both classes, got one"),
        (lambda: choose_threshold([0.1], [0, 1]), r"got \(1,\) and \(2,\)"),
        (lambda: choose_threshold([np.nan, 0.2], [0, 1]), "no NaN"),
        (lambda: choose_threshold([0.1, 0.2], [0, 1], "auc"), "f1, mcc, precision or recall, got 'auc'"),
        (lambda: choose_threshold([0.1, 0.2], [0, 1], "recall"), "at_least, from 0 to 1, .* got None"),
        (lambda: choose_threshold([0.1, 0.2], [0, 1], "recall", at_least=2.0), "got 2.0"),
        (lambda: choose_threshold([0.1, 0.2], [0, 1], "f1", at_least=0.5), "no at_least with criterion 'f1'"),
        (lambda: score_calls([np.nan], [1]), "no NaN"),
    ],
)
def test_bad_input_is_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
