"""Samplers: shares of the classes, how often each example is seen, and what the draw depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.data import BalancedSampler, NegativeSampler, Sampler, SequenceData, WeightedSampler
from genoml.models import build_model
from genoml.train import FitOptions, fit


def labels(positives: int, negatives: int) -> np.ndarray:
    return np.repeat([[1.0], [0.0]], [positives, negatives], axis=0).astype(np.float32)


def seen(sampler: Sampler, targets: np.ndarray, epochs: int, batch_size: int = 16) -> np.ndarray:
    """How often each example is drawn over so many epochs."""
    drawn = [np.concatenate(sampler.batches(targets, batch_size, 0, epoch)) for epoch in range(epochs)]
    return np.bincount(np.concatenate(drawn), minlength=len(targets))


SAMPLERS: list[Any] = [
    Sampler(),
    BalancedSampler(),
    NegativeSampler(3.0),
    WeightedSampler(np.linspace(0.0, 2.0, 60)),
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_a_draw_depends_on_seed_and_epoch_alone_and_has_the_length_that_is_said(sampler: Sampler) -> None:
    targets = labels(6, 54)
    later = sampler.batches(targets, 16, 1, 7)
    first = {
        (seed, epoch): np.concatenate(sampler.batches(targets, 16, seed, epoch)).tolist()
        for seed in (0, 1)
        for epoch in range(9)
    }
    assert np.concatenate(later).tolist() == first[1, 7]
    assert len({tuple(order) for order in first.values()}) == len(first)
    assert {len(order) for order in first.values()} == {sampler.epoch_size(targets)}
    sizes = [len(batch) for batch in later]
    assert max(sizes) <= 16
    assert max(sizes) - min(sizes) <= 1
    assert np.concatenate(sampler.batches(targets, 5, 1, 7)).tolist() == first[1, 7]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_the_share_of_positives_is_what_is_drawn(sampler: Sampler) -> None:
    targets = labels(6, 54)
    counts = seen(sampler, targets, 200)
    assert counts[:6].sum() / counts.sum() == pytest.approx(sampler.share_of_positives(targets), abs=2e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 90), st.integers(2, 40), st.integers(0, 4))
def test_balanced_batches_have_equal_classes_and_examples_are_seen_equally_often(
    positives: int, negatives: int, batch_size: int, epochs: int
) -> None:
    targets = labels(positives, negatives)
    for epoch in range(epochs):
        for batch in BalancedSampler().batches(targets, batch_size, 0, epoch):
            # a batch may begin and end within a pair
            assert abs(2 * np.sum(targets[batch]) - len(batch)) <= 2
        counts = seen(BalancedSampler(), targets, epoch + 1)
        for members in (counts[:positives], counts[positives:]):
            assert members.max() - members.min() <= 1


def test_classes_of_one_hot_targets_are_balanced() -> None:
    targets = np.eye(3, dtype=np.float32)[np.repeat([0, 1, 2], [50, 8, 3])]
    for batch in BalancedSampler().batches(targets, 9, 0, 0):
        assert np.ptp(targets[batch].sum(axis=0)) <= 2
    assert np.array_equal(
        targets[np.concatenate(BalancedSampler().batches(targets, 9, 0, 0))].sum(axis=0), [21] * 3
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 80), st.floats(0.2, 9.0), st.integers(1, 6))
def test_each_epoch_has_all_positives_and_negatives_that_were_not_used_before(
    positives: int, negatives: int, ratio: float, epochs: int
) -> None:
    sampler, targets = NegativeSampler(ratio), labels(positives, negatives)
    counts = seen(sampler, targets, epochs)
    assert (counts[:positives] == epochs).all()
    assert counts[positives:].sum() == epochs * max(1, round(ratio * positives))
    assert np.ptp(counts[positives:]) <= 1


def test_an_example_comes_as_often_as_its_weight_says_to_within_one() -> None:
    weights = np.array([0.0, 1.0, 2.5, 0.5, 1.0, 7.0])
    targets = labels(2, 4)
    for epoch in range(20):
        order = np.concatenate(WeightedSampler(weights).batches(targets, 4, 0, epoch))
        counts, expected = np.bincount(order, minlength=6), 6 * weights / weights.sum()
        assert (np.floor(expected) <= counts).all()
        assert (counts <= np.ceil(expected)).all()
    average = seen(WeightedSampler(weights), targets, 4000) / 4000
    np.testing.assert_allclose(average, expected, atol=0.03)


def test_weights_of_any_size_are_taken() -> None:
    sampler = WeightedSampler(np.array([1e308, 1e308, 5e307]))
    assert seen(sampler, labels(1, 2), 1000).tolist() == pytest.approx([1200, 1200, 600], rel=0.1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: NegativeSampler(0.0), "NegativeSampler expects ratio > 0, got 0.0"),
        (lambda: NegativeSampler(np.inf), "NegativeSampler expects ratio > 0 and finite, got inf"),
        (lambda: NegativeSampler().batches(labels(0, 4), 2, 0, 0), "both classes, got 0 positives of 4"),
        (lambda: BalancedSampler().batches(labels(3, 0), 2, 0, 0), "both classes, got 3 positives of 3"),
        (lambda: NegativeSampler().batches(np.full((4, 1), 0.5), 2, 0, 0), "one target of 0 or 1"),
        (lambda: BalancedSampler().batches(np.ones((4, 2)), 2, 0, 0), "one-hot classes; got 2 targets"),
        (lambda: BalancedSampler().batches(labels(2, 2), 0, 0, 0), "got batch_size = 0"),
        (lambda: WeightedSampler(np.array([1.0, -1.0])), "of 0 or more, .* from -1.0 to 1.0"),
        (lambda: WeightedSampler(np.array([])), r"got shape \(0,\)"),
        (lambda: WeightedSampler(np.zeros(3)), "one above 0 at least"),
        (lambda: WeightedSampler(np.ones(3)).batches(labels(2, 2), 2, 0, 0), "3 examples, as weights, got 4"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_fit_trains_on_what_the_sampler_draws() -> None:
    rng = np.random.default_rng(0)
    data = SequenceData(rng.integers(0, 4, (40, 20)).astype(np.uint8), labels(4, 36))
    model = build_model("promoter_cnn", {"filters": 2, "kernel_size": 4}, seed=0)
    history = fit(model, data, options=FitOptions(epochs=2, batch_size=4, sampler=NegativeSampler(2.0)))
    assert [record["step"] for record in history.epochs] == [3, 6]
