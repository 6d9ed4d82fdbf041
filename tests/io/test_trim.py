from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.io import (
    FastqRecord,
    expected_errors,
    filter_reads,
    mean_quality,
    quality_trim_ends,
    trim_quality,
    trim_window,
)


def read(*scores: int, sequence: str | None = None, name: str = "r") -> FastqRecord:
    return FastqRecord(name, sequence or "ACGT" * len(scores), np.array(scores, np.uint8)).part(
        0, len(scores)
    )


def bwa_three_prime(scores: list[int], threshold: int) -> int:
    """The loop of bwa_trim_read in bwaseqio.c, without its least length of 35."""
    total = greatest = 0
    stop = len(scores)
    for position in reversed(range(len(scores))):
        total += threshold - scores[position]
        if total < 0:
            break
        if total > greatest:
            greatest, stop = total, position
    return stop


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 41), max_size=40), st.integers(0, 30), st.integers(0, 30))
def test_ends_are_cut_where_the_loop_of_bwa_cuts_them(scores, five_prime, three_prime):
    stop = bwa_three_prime(scores, three_prime)
    start = len(scores) - bwa_three_prime(scores[::-1], five_prime)
    expected = (start, stop) if start < stop else (0, 0)
    assert quality_trim_ends(np.array(scores), five_prime=five_prime, three_prime=three_prime) == expected


def test_the_example_of_cutadapt():
    # documentation of cutadapt, "Quality trimming algorithm": threshold 10 leaves the first four
    scores = np.array([42, 40, 26, 27, 8, 7, 11, 4, 2, 3])
    assert quality_trim_ends(scores, three_prime=10) == (0, 4)


def test_a_read_is_cut_with_its_qualities_and_keeps_its_name():
    assert trim_quality(read(40, 40, 2, 2, name="x y")) == read(40, 40, name="x y")


def test_unsigned_scores_do_not_wrap():
    assert quality_trim_ends(np.array([41, 41, 41], np.uint8), three_prime=20) == (0, 3)


def test_solexa_scores_are_trimmed_as_phred_scores():
    record = FastqRecord("r", "AC", np.array([10, -5], np.int8), "solexa")
    assert trim_quality(record, three_prime=5).sequence == "A"


def test_negative_threshold_is_refused():
    with pytest.raises(ValueError, match="a quality threshold expects 0 or more, got -1"):
        quality_trim_ends(np.array([1]), three_prime=-1)


@pytest.mark.parametrize(
    ("scores", "left"),
    [([30, 30, 30, 30, 2, 2, 30], 2), ([30] * 8, 8), ([2, 30, 30, 30], 4), ([2, 2], 0), ([], 0)],
)
def test_a_window_of_low_mean_is_cut_with_what_follows(scores, left):
    assert len(trim_window(read(*scores), window_bp=4, quality=20).sequence) == left


def test_window_below_one_base_is_refused():
    with pytest.raises(ValueError, match="window_bp expects 1 or more, got 0"):
        trim_window(read(1), window_bp=0)


def test_expected_errors_are_the_sum_of_error_probabilities():
    assert expected_errors(read(10, 20, 30)) == pytest.approx(0.111)


def test_mean_quality_is_that_of_the_mean_error_probability():
    assert mean_quality(read(40, 0)) == pytest.approx(-10 * math.log10((1 + 1e-4) / 2))
    assert math.isnan(mean_quality(read()))


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ({}, ["long", "bad", "n"]),
        ({"min_bp": 0}, ["empty", "long", "bad", "n"]),
        ({"min_bp": 3}, ["long", "n"]),
        ({"max_bp": 2}, ["bad"]),
        ({"min_mean_quality": 20}, ["long", "n"]),
        ({"min_bp": 0, "min_mean_quality": 20}, ["long", "n"]),
        ({"max_expected_errors": 0.5}, ["long", "n"]),
        ({"max_ambiguous": 1}, ["long", "bad"]),
    ],
)
def test_reads_that_meet_every_condition_are_kept_in_order(conditions, kept):
    reads = [
        read(name="empty"),
        read(30, 30, 30, 30, name="long"),
        read(2, 2, name="bad"),
        read(30, 30, 30, sequence="NRA", name="n"),
    ]
    assert [record.name for record in filter_reads(reads, **conditions)] == kept
