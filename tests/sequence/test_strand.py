from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoml.sequence import (
    base_codes,
    batch_encode,
    complement,
    one_hot_encode,
    reverse_complement,
    reverse_complement_one_hot,
    subsequence,
)
from genoml.sequence.alphabet import CODE_LETTERS

DNA = st.text(alphabet=CODE_LETTERS + CODE_LETTERS.lower(), max_size=60)


@given(DNA)
def test_twice_is_the_sequence_itself(sequence):
    assert reverse_complement(reverse_complement(sequence)) == sequence


@given(DNA)
def test_letters_bytes_and_codes_agree(sequence):
    flipped = reverse_complement(sequence)
    assert reverse_complement(sequence.encode()) == flipped.encode()
    codes = base_codes([sequence])
    np.testing.assert_array_equal(reverse_complement(codes), base_codes([flipped]))
    np.testing.assert_array_equal(reverse_complement(codes[0]), base_codes([flipped])[0])


@given(DNA)
def test_one_hot_of_the_other_strand_is_both_axes_flipped(sequence):
    x = one_hot_encode(sequence, ambiguous="iupac", backend="numpy")
    expected = one_hot_encode(reverse_complement(sequence), ambiguous="iupac", backend="numpy")
    np.testing.assert_array_equal(reverse_complement_one_hot(x), expected)


def test_iupac_codes_become_those_of_the_complements_and_case_is_kept():
    assert reverse_complement("ACGTRYSWKMBDHVNacgtryswkmbdhvn") == "nbdhvkmwsryacgtNBDHVKMWSRYACGT"


@pytest.mark.parametrize(
    ("sequence", "alphabet", "expected"),
    [
        ("AACGU", "auto", "ACGUU"),
        ("aacgu", "auto", "acguu"),
        ("AAC", "auto", "GTT"),
        ("AAC", "RNA", "GUU"),
        ("AAC", "DNA", "GTT"),
        ("", "auto", ""),
    ],
)
def test_rna_stays_rna(sequence, alphabet, expected):
    assert reverse_complement(sequence, alphabet=alphabet) == expected


@given(DNA)
def test_complement_is_the_reverse_complement_backwards(sequence):
    assert complement(sequence) == reverse_complement(sequence)[::-1]
    assert complement(sequence.encode()) == complement(sequence).encode()
    np.testing.assert_array_equal(complement(base_codes([sequence])), base_codes([complement(sequence)]))
    assert complement([sequence, "AU"]) == [complement(sequence), "UA"]


def test_complement_refuses_what_it_cannot_read():
    with pytest.raises(TypeError, match="complement expects str, bytes, uint8 codes or a list"):
        complement(None)
    with pytest.raises(ValueError, match="both T and U"):
        complement("TU")


def test_list_is_taken_sequence_by_sequence():
    assert reverse_complement(["AC", "ACU", ""]) == ["GT", "AGU", ""]


def test_list_of_bytes_and_of_codes():
    assert reverse_complement([b"AC"]) == [b"GT"]
    (codes,) = reverse_complement([np.array([0, 1, 15], dtype=np.uint8)])
    np.testing.assert_array_equal(codes, [15, 2, 3])


def test_codes_are_flipped_along_the_last_axis_and_padding_stays():
    codes = base_codes(["ACN", "A"], pad="right")
    np.testing.assert_array_equal(reverse_complement(codes), [[14, 2, 3], [15, 15, 3]])


def test_input_codes_are_left_unchanged():
    codes = base_codes(["ACN"])
    codes.flags.writeable = False
    reverse_complement(codes)
    np.testing.assert_array_equal(codes, [[0, 1, 14]])


def test_t_and_u_in_one_sequence_are_refused():
    with pytest.raises(ValueError, match="sequence 0 has both T and U"):
        reverse_complement("ATU")


def test_illegal_letter_is_named_with_its_sequence():
    with pytest.raises(ValueError, match="letter '!' at position 1 of sequence 1"):
        reverse_complement(["AC", "A!"])


def test_gap_is_refused():
    with pytest.raises(ValueError, match="letter '-' at position 1 of sequence 0"):
        reverse_complement("A-C")


def test_other_kinds_are_refused():
    with pytest.raises(TypeError, match="expects str, bytes, uint8 codes or a list of them, got int"):
        reverse_complement(5)


def test_codes_of_another_dtype_are_refused():
    with pytest.raises(TypeError, match="expects uint8 base codes, got an array of int64"):
        reverse_complement(np.array([0, 1]))


def test_codes_out_of_range_are_refused():
    with pytest.raises(ValueError, match="from 0 to 15, got 99"):
        reverse_complement(np.array([0, 99], dtype=np.uint8))


def test_unknown_alphabet_is_refused():
    with pytest.raises(ValueError, match="alphabet expects one of"):
        reverse_complement("A", alphabet="rna")


@pytest.mark.parametrize("axis", [-1, 2])
def test_one_hot_with_channels_last(backend, axis):
    sequences = ["AACGT", "CCNRA"]
    flipped = reverse_complement_one_hot(batch_encode(sequences, ambiguous="iupac"), axis)
    backend.check(flipped, "the result")
    expected = batch_encode(reverse_complement(sequences), ambiguous="iupac")
    np.testing.assert_array_equal(backend.to_numpy(flipped), backend.to_numpy(expected))


@pytest.mark.parametrize("axis", [-2, 1])
def test_one_hot_with_channels_before_length(backend, axis):
    xp = backend.xp
    x = xp.permute_dims(batch_encode(["AACGT", "CCNRA"]), (0, 2, 1))
    expected = xp.permute_dims(batch_encode(["ACGTT", "TYNGG"]), (0, 2, 1))
    np.testing.assert_array_equal(
        backend.to_numpy(reverse_complement_one_hot(x, axis)), backend.to_numpy(expected)
    )


def test_one_hot_with_the_batch_axis_as_channels_is_refused():
    with pytest.raises(ValueError, match=r"one of the last two axes, got 0 for shape \(4, 5, 4\)"):
        reverse_complement_one_hot(np.zeros((4, 5, 4)), 0)


def test_one_hot_without_four_channels_is_refused():
    with pytest.raises(ValueError, match=r"expects 4 channels on axis -1, got \(2, 4, 5\)"):
        reverse_complement_one_hot(np.zeros((2, 4, 5)))


@given(DNA, st.integers(0, 60), st.integers(0, 60))
def test_part_of_the_minus_strand_is_that_of_the_reverse_complement(sequence, one, other):
    start, end = (min(place, len(sequence)) for place in sorted((one, other)))
    flipped, size = reverse_complement(sequence), len(sequence)
    assert subsequence(sequence, start, end) == sequence[start:end]
    assert subsequence(sequence, start, end, "-") == flipped[size - end : size - start]
    codes = base_codes([sequence])[0]
    np.testing.assert_array_equal(
        subsequence(codes, start, end, "-"), reverse_complement(codes)[size - end : size - start]
    )


def test_part_of_a_circle_goes_on_across_the_origin():
    assert subsequence("AACGT", 3, 7, circular=True) == "GTAA"
    assert subsequence(b"AACGT", 3, 7, "-", circular=True) == b"TTAC"
    assert subsequence("ACG", 2, 11, circular=True) == "GACGACGAC"
    np.testing.assert_array_equal(subsequence(base_codes(["ACG"])[0], 2, 5, circular=True), [2, 0, 1])


def test_part_of_rna_is_rna_even_without_a_u():
    assert subsequence("UUAA", 2, 4, "-") == "UU"
    assert subsequence("TTAA", 2, 4, "-") == "TT"
    assert subsequence("CCAA", 2, 4, "-", alphabet="RNA") == "UU"


@pytest.mark.parametrize(
    ("start", "end"),
    [(-1, 2), (2, 1), (0, 6), (6, 6), (0, 2**31), (0, 2**63), (2**63, 2**63 + 1), (-(2**63), 1)],
)
@pytest.mark.parametrize("strand", ["+", "-"])
def test_coordinates_outside_the_sequence_are_refused(start, end, strand):
    with pytest.raises(ValueError, match=f"end <= 5, the length; got start {start}, end {end}"):
        subsequence("AACGT", start, end, strand)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (5, 6), (0, 21), (0, 2**63)])
def test_coordinates_outside_a_circle_are_refused(start, end):
    with pytest.raises(ValueError, match=f"start < 5, end <= 20; got start {start}, end {end}"):
        subsequence("AACGT", start, end, circular=True)


def test_other_kinds_of_coordinates_strands_and_sequences_are_refused():
    with pytest.raises(TypeError, match="start expects an integer, got float"):
        subsequence("ACGT", 0.5, 2)
    with pytest.raises(ValueError, match=r"strand expects '\+', '-' or '\.', got 'x'"):
        subsequence("ACGT", 0, 2, "x")
    with pytest.raises(TypeError, match="subsequence expects one str, bytes or array"):
        subsequence(["ACGT"], 0, 1)
