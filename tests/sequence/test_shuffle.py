from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from genoml.sequence import base_codes, decode, dinucleotide_shuffle
from genoml.sequence import shuffle as shuffle_module
from genoml.sequence.alphabet import CODE_LETTERS


def dinucleotides(sequence) -> Counter:
    return Counter(pairwise(sequence))


def every_shuffle(sequence: str) -> list[str]:
    """All sequences with the ends and dinucleotide counts of this one, by trying every order."""
    middles = set(permutations(sequence[1:-1]))
    candidates = (sequence[0] + "".join(middle) + sequence[-1] for middle in middles)
    return sorted(text for text in candidates if dinucleotides(text) == dinucleotides(sequence))


def assert_shuffled(before: str, after: str) -> None:
    assert dinucleotides(after) == dinucleotides(before)
    assert (after[:1], after[-1:]) == (before[:1], before[-1:])
    assert len(after) == len(before)


@settings(deadline=None)
@given(st.lists(st.text(alphabet=CODE_LETTERS, max_size=60), max_size=6), st.integers(0, 2**32))
def test_dinucleotides_and_ends_are_kept_exactly(sequences, seed):
    shuffled = dinucleotide_shuffle(sequences, seed=seed)
    for before, after in zip(sequences, shuffled, strict=True):
        assert_shuffled(before, after)


def test_a_batch_of_codes_keeps_each_rows_dinucleotides():
    codes = np.random.default_rng(1).integers(0, 4, size=(200, 150)).astype(np.uint8)
    shuffled = dinucleotide_shuffle(codes, seed=3)
    assert shuffled.shape == codes.shape
    assert shuffled.dtype == np.uint8
    for before, after in zip(codes.tolist(), shuffled.tolist(), strict=True):
        assert dinucleotides(after) == dinucleotides(before)
    assert np.mean(shuffled == codes) < 0.4


@pytest.mark.parametrize("sequence", ["ACGTACGATC", "AACAGAACGA", "AAACACCAAC", "ANRACNRGNA", "CATTAGATTAC"])
def test_every_shuffle_is_equally_likely(sequence):
    possible = every_shuffle(sequence)
    assert len(possible) > 3
    draws = 400 * len(possible)
    codes = np.repeat(base_codes([sequence]), draws, axis=0)
    seen = Counter(decode(dinucleotide_shuffle(codes, seed=11)))
    assert set(seen) == set(possible)
    assert chisquare([seen[text] for text in possible]).pvalue > 1e-3


def test_the_same_seed_gives_the_same_shuffle():
    sequence = "ACGGTTACGATCGACTAGCATCGACTACG" * 3
    assert dinucleotide_shuffle(sequence, seed=5) == dinucleotide_shuffle(sequence, seed=5)
    assert dinucleotide_shuffle(sequence, seed=5) != dinucleotide_shuffle(sequence, seed=6)


def test_equal_sequences_of_a_batch_are_shuffled_apart():
    first, second = dinucleotide_shuffle(["ACGGTTACGATCGACTAGCATCGACTACG" * 3] * 2)
    assert first != second


def test_blocks_keep_dinucleotides(monkeypatch):
    monkeypatch.setattr(shuffle_module, "_BLOCK", 300)
    codes = np.random.default_rng(2).integers(0, 15, size=(20, 90)).astype(np.uint8)
    for before, after in zip(codes.tolist(), dinucleotide_shuffle(codes).tolist(), strict=True):
        assert dinucleotides(after) == dinucleotides(before)


def test_long_runs_joined_by_single_steps_are_shuffled():
    sequence = "".join(letter * 100 for letter in "ACGTN")
    assert dinucleotide_shuffle([sequence] * 3) == [sequence] * 3  # there is no other order


@pytest.mark.parametrize("sequence", ["", "A", "AC", "ACG", "AAAAAA"])
def test_what_has_one_order_stays(sequence):
    assert dinucleotide_shuffle(sequence) == sequence


def test_ragged_sequences_keep_their_order_and_lengths():
    sequences = ["ACGTACGTAC", "CCGGAACC", "ACGGTACGTA", "T"]
    for before, after in zip(sequences, dinucleotide_shuffle(sequences), strict=True):
        assert_shuffled(before, after)


def test_kinds_come_back_as_given():
    codes = base_codes(["ACGTACGTAC"])[0]
    assert isinstance(dinucleotide_shuffle("ACGT"), str)
    assert isinstance(dinucleotide_shuffle(b"ACGTA"), bytes)
    assert dinucleotide_shuffle(codes).shape == codes.shape
    assert [type(item) for item in dinucleotide_shuffle([codes, codes])] == [np.ndarray] * 2
    assert dinucleotide_shuffle([]) == []
    assert dinucleotide_shuffle(np.zeros((0, 9), dtype=np.uint8)).shape == (0, 9)
    assert [type(item) for item in dinucleotide_shuffle(np.array(["ACGT", "AC"]))] == [str] * 2


def test_rna_comes_back_as_rna_and_lower_case_as_upper():
    shuffled = dinucleotide_shuffle("augcaugcagu")
    assert_shuffled("AUGCAUGCAGU", shuffled)


def test_padding_is_a_letter_of_its_own():
    codes = base_codes(["ACGTAGCA", "ACGTA"], pad="right")
    for before, after in zip(codes.tolist(), dinucleotide_shuffle(codes).tolist(), strict=True):
        assert dinucleotides(after) == dinucleotides(before)


def test_input_is_left_unchanged():
    codes = base_codes(["ACGTAGCAATT"])
    codes.flags.writeable = False
    before = codes.copy()
    dinucleotide_shuffle(codes)
    np.testing.assert_array_equal(codes, before)


def test_illegal_letter_is_refused():
    with pytest.raises(ValueError, match="letter '!' at position 1 of sequence 1"):
        dinucleotide_shuffle(["ACGT", "A!"])


def test_codes_with_three_axes_are_refused():
    with pytest.raises(ValueError, match=r"expects 2 dimension\(s\)"):
        dinucleotide_shuffle(np.zeros((1, 2, 3), dtype=np.uint8))
