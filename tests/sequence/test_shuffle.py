from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from genoml.sequence import base_codes, decode, dinucleotide_shuffle, euler, klet_shuffle, kmer_counts
from genoml.sequence import shuffle as shuffle_module
from genoml.sequence.alphabet import CODE_LETTERS
from genoml.sequence.euler import row_keys
from genoml.sequence.shuffle import shuffle_each


def dinucleotides(sequence) -> Counter:
    return Counter(pairwise(sequence))


def klets(sequence, k: int) -> Counter:
    return Counter(tuple(sequence[start : start + k]) for start in range(len(sequence) - k + 1))


def every_shuffle(sequence: str, k: int = 2) -> list[str]:
    """All sequences with the first letters and k-let counts of this one, built letter by letter."""
    found, begun = [], [(sequence[: k - 1], klets(sequence, k))]
    while begun:
        text, left = begun.pop()
        if len(text) == len(sequence):
            found.append(text)
        for letter in set(sequence):
            klet = tuple(text[len(text) - k + 1 :] + letter)
            if left[klet]:
                begun.append((text + letter, left - Counter([klet])))
    return found


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


@pytest.mark.parametrize("few", [0, 1 << 60])  # all rows at once, or row by row
@pytest.mark.parametrize(
    ("sequence", "k"),
    [
        ("ACGTACGATC", 2),
        ("AACAGAACGA", 2),
        ("AAACACCAAC", 2),
        ("ANRACNRGNA", 2),
        ("CATTAGATTAC", 2),
        ("AACAAGAAACAATAA", 3),
        ("ACAACAGACATACA", 3),
        ("ACGTACGAACGCACGG", 4),
        ("ACCGT", 1),
    ],
)
def test_every_shuffle_is_equally_likely(monkeypatch, sequence, k, few):
    monkeypatch.setattr(euler, "_FEW", few)
    possible = every_shuffle(sequence, k)
    assert len(possible) > 3
    draws = 200 * len(possible)
    codes = np.repeat(base_codes([sequence]), draws, axis=0)
    seen = Counter(decode(klet_shuffle(codes, k, seed=11)))
    assert set(seen) == set(possible)
    assert chisquare([seen[text] for text in possible]).pvalue > 1e-3


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.text(alphabet="ACGTN", max_size=80), max_size=6), st.integers(1, 20), st.integers(0, 2**32)
)
def test_klets_and_ends_are_kept_exactly(sequences, k, seed):
    for before, after in zip(sequences, klet_shuffle(sequences, k, seed=seed), strict=True):
        for shorter in range(1, k + 1):
            assert klets(after, shorter) == klets(before, shorter)
        assert after[: k - 1] == before[: k - 1]
        assert after[len(after) - k + 1 :] == before[len(before) - k + 1 :] or k == 1


@pytest.mark.parametrize("k", [2, 3, 5, 6])
@pytest.mark.parametrize("rows", [1, 60])
def test_one_long_sequence_and_many_keep_their_klets(rows, k):
    codes = np.random.default_rng(k).integers(0, 4, size=(rows, 3000 // rows)).astype(np.uint8)
    codes = np.tile(codes, 4)  # so that no k-let is alone
    shuffled = klet_shuffle(codes, k, seed=1)
    np.testing.assert_array_equal(kmer_counts(shuffled, k), kmer_counts(codes, k))
    np.testing.assert_array_equal(shuffled[:, : k - 1], codes[:, : k - 1])
    assert np.mean(shuffled != codes) > (0.5 if k < 4 else 0.01)


def test_long_klets_of_many_letters_are_told_apart(monkeypatch):
    monkeypatch.setattr(shuffle_module, "_LARGEST_NUMBER", 50)
    monkeypatch.setattr(shuffle_module, "_TABLE", 20)
    codes = np.tile(np.random.default_rng(3).integers(0, 15, size=(30, 40)).astype(np.uint8), 5)
    for k in (3, 7):
        for before, after in zip(codes.tolist(), klet_shuffle(codes, k).tolist(), strict=True):
            assert klets(after, k) == klets(before, k)


def test_a_run_of_one_letter_takes_no_longer_than_others():
    sequence = "A" * 100_000 + "CA"
    assert sorted(dinucleotide_shuffle(sequence)) == sorted(sequence)
    assert dinucleotide_shuffle([sequence[-2000:]] * 30)[0].count("C") == 1


def test_dinucleotides_are_twolets():
    sequences = ["ACGGTTACGATCGACTAGCATCGACTACG", "ACGGTTACG"]
    assert dinucleotide_shuffle(sequences, seed=4) == klet_shuffle(sequences, seed=4)


@pytest.mark.parametrize(
    ("options", "message"), [({"k": 0}, "k expects 1 or more, got 0"), ({"seed": -1}, "0 or more, got -1")]
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        klet_shuffle("ACGT", **options)


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


def test_shuffles_by_key_depend_on_their_row_alone() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (60, 50), dtype=np.uint8)
    codes[::3, :4], codes[1::3, 30:], codes[7, 20] = 15, 15, 14
    keys = row_keys(9, np.arange(60))
    whole = shuffle_each(codes, keys)
    for rows in (np.array([5]), rng.permutation(60)[:30], np.arange(59, -1, -1)):
        np.testing.assert_array_equal(shuffle_each(codes[rows], keys[rows]), whole[rows])
    np.testing.assert_array_equal(whole == 15, codes == 15)
    for before, after in zip(codes, whole, strict=True):
        kept = [row[row != 15] for row in (before, after)]
        np.testing.assert_array_equal(*(np.bincount(row[:-1] * 16 + row[1:]) for row in kept))
    assert (shuffle_each(codes, row_keys(8, np.arange(60))) != whole).any(axis=1).all()
    np.testing.assert_array_equal(shuffle_each(codes[:0], keys[:0]), codes[:0])


def test_shuffles_by_key_are_drawn_evenly() -> None:
    codes = base_codes(["ACAGATACA"])
    distinct = Counter(
        decode(shuffle_each(np.repeat(codes, 6000, axis=0), row_keys(3, np.arange(6000), np.array(1))))
    )
    assert set(distinct) == set(Counter(decode(klet_shuffle(np.repeat(codes, 3000, axis=0), seed=1))))
    expected = 6000 / len(distinct)
    chi_square = sum((count - expected) ** 2 / expected for count in distinct.values())
    assert chi_square < len(distinct) - 1 + 4 * np.sqrt(2 * (len(distinct) - 1))
