from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from genoml.sequence import gc_content, matched_sample


def drawn(n: int, seed: int, gc: float, length_bp: float, spread: float = 1) -> tuple[np.ndarray, np.ndarray]:
    """GC contents around ``gc``, and lengths around ``length_bp``."""
    rng = np.random.default_rng(seed)
    lengths = np.maximum(1, rng.normal(length_bp, spread * length_bp / 10, n)).astype(np.int64)
    return rng.binomial(lengths, np.clip(rng.normal(gc, spread * 0.06, n), 0.05, 0.95)) / lengths, lengths


def test_gc_content_leaves_out_what_is_not_a_base():
    np.testing.assert_array_equal(
        gc_content(["ACGG", "acgu", "ASNN", "NN", "", "GGGC"]), [0.75, 0.5, 0, *[np.nan] * 2, 1]
    )
    assert gc_content([]).shape == (0,)


def test_a_pool_of_other_composition_gives_a_sample_that_matches():
    gc, lengths = drawn(300, 0, 0.6, 200)
    pool_gc, pool_lengths = drawn(60_000, 1, 0.45, 240, spread=3)
    sample = matched_sample(gc, lengths, pool_gc, pool_lengths, ratio=2)
    assert sample.missing == 0
    assert np.unique(sample.index).size == 600
    assert Counter(sample.positive.tolist()) == Counter(dict.fromkeys(range(300), 2))
    assert np.abs(pool_gc[sample.index] - gc[sample.positive]).max() < 0.02
    ratios = pool_lengths[sample.index] / lengths[sample.positive]
    assert 1 / 1.11 < ratios.min() <= ratios.max() < 1.11
    assert sample.bin_error < 1e-12
    assert sample.gc_distance < 0.05
    assert sample.length_distance < 0.07
    assert ks_2samp(gc, pool_gc).statistic > 0.4


def test_distances_are_those_of_kolmogorov_and_smirnov():
    gc, lengths = drawn(50, 0, 0.5, 100)
    pool_gc, pool_lengths = drawn(500, 1, 0.5, 100)
    sample = matched_sample(
        gc, lengths, pool_gc, pool_lengths, gc_step=0.2, length_step=1.0, shortfall="fewer"
    )
    assert sample.gc_distance == pytest.approx(ks_2samp(gc, pool_gc[sample.index]).statistic, abs=1e-12)
    assert sample.length_distance == pytest.approx(
        ks_2samp(lengths, pool_lengths[sample.index]).statistic, abs=1e-12
    )


def test_equal_lengths_can_be_asked_for():
    gc, lengths = drawn(100, 0, 0.5, 30)
    pool_gc, pool_lengths = drawn(50_000, 1, 0.5, 30)
    sample = matched_sample(gc, lengths, pool_gc, pool_lengths, gc_step=0.5, length_step=0)
    np.testing.assert_array_equal(pool_lengths[sample.index], lengths[sample.positive])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(1, 3)), max_size=12),
    st.lists(st.tuples(st.integers(0, 10), st.integers(1, 3)), max_size=25),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_as_many_are_drawn_of_each_bin_as_there_are(positives, pool, ratio, seed):
    """Bins of exact values, so that a bin can be named by them."""
    wanted, there = Counter(positives), Counter(pool)
    sample = matched_sample(
        *columns(positives),
        *columns(pool),
        ratio=ratio,
        gc_step=0.1,
        length_step=0,
        shortfall="fewer",
        seed=seed,
    )
    merged = {(min(gc, 9), length): 0 for gc, length in wanted}  # GC content 1 lies in the last bin
    for (gc, length), count in wanted.items():
        merged[min(gc, 9), length] += ratio * count
    have = Counter()
    for (gc, length), count in there.items():
        have[min(gc, 9), length] += count
    expected = {cell: min(count, have[cell]) for cell, count in merged.items()}
    assert Counter((min(pool[i][0], 9), pool[i][1]) for i in sample.index.tolist()) == Counter(expected)
    assert len(set(sample.index.tolist())) == sample.index.size
    assert sample.missing == ratio * len(positives) - sample.index.size
    each = Counter(sample.positive.tolist())
    assert max(each.values(), default=0) <= ratio


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([gc for gc, _ in pairs]) / 10, np.array([length for _, length in pairs], dtype=np.int64)


def test_positives_of_a_short_bin_take_turns():
    sample = matched_sample(
        np.full(4, 0.5), np.full(4, 9), np.full(6, 0.5), np.full(6, 9), ratio=2, shortfall="fewer"
    )
    assert sorted(Counter(sample.positive.tolist()).values()) == [1, 1, 2, 2]
    assert sample.missing == 2


def test_each_candidate_is_as_likely_as_another():
    seen = Counter()
    for seed in range(600):
        sample = matched_sample(np.full(2, 0.5), np.full(2, 9), np.full(6, 0.5), np.full(6, 9), seed=seed)
        seen.update(sample.index.tolist())
    assert min(seen.values()) > 150
    assert max(seen.values()) < 250


def test_the_same_seed_gives_the_same_sample():
    positives, pool = drawn(50, 0, 0.5, 100), drawn(5000, 1, 0.5, 100)
    first, second, other = (
        matched_sample(*positives, *pool, shortfall="fewer", seed=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.index, second.index)
    assert not np.array_equal(first.index, other.index)


def test_no_positives_draw_nothing():
    sample = matched_sample(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(3), np.ones(3, dtype=np.int64))
    assert sample.index.size == sample.missing == 0
    assert np.isnan([sample.gc_distance, sample.length_distance, sample.bin_error]).all()


def test_a_pool_that_falls_short_is_an_error_that_says_where():
    with pytest.raises(
        ValueError, match=r"2 candidates too few of the 3 asked for, .* GC content 0\.50 and 80 bp"
    ):
        matched_sample(np.full(3, 0.5), np.full(3, 80), np.array([0.5, 0.9]), np.array([80, 80]))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"ratio": 0}, ValueError, "ratio expects 1 or more, got 0"),
        ({"gc_step": 0.0}, ValueError, "gc_step expects a number above 0 and up to 1"),
        ({"gc_step": float("nan")}, ValueError, "gc_step expects"),
        ({"length_step": -0.1}, ValueError, "length_step expects a number of 0 or more"),
        ({"shortfall": "nearest"}, ValueError, "shortfall expects one of error, fewer, got 'nearest'"),
        (
            {"gc": np.array([0.5, np.nan])},
            ValueError,
            "positives expect GC contents from 0 to 1, got nan at 1",
        ),
        ({"pool_gc": np.array([1.5, 0.1])}, ValueError, "pool expect GC contents from 0 to 1, got 1.5 at 0"),
        ({"length_bp": np.array([0, 1])}, ValueError, "positives expect lengths of 1 bp or more, got 0"),
        ({"length_bp": np.array([1])}, ValueError, r"one shape \(n,\), got \(2,\) and \(1,\)"),
        ({"length_bp": np.array([1.0, 2.0])}, TypeError, "expect integers, got an array of float64"),
    ],
)
def test_what_cannot_be_matched_is_refused(change, error, message):
    two = {"gc": np.full(2, 0.5), "length_bp": np.full(2, 9)}
    given_arrays = {**two, **{f"pool_{name}": values for name, values in two.items()}, **change}
    with pytest.raises(error, match=message):
        matched_sample(**given_arrays)
