from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoml.sequence import (
    PWM,
    base_codes,
    batch_encode,
    count_ambiguous,
    decode,
    dinucleotide_shuffle,
    kmer_counts,
    kmer_frequencies,
    one_hot_encode,
    quality_encode,
)
from genoml.sequence.alphabet import CODE_LETTERS
from genoml.sequence.codes import alphabet_of

LETTERS = st.text(alphabet=CODE_LETTERS + CODE_LETTERS.lower(), max_size=40)


def loop_codes(sequence: str) -> list[int]:
    return [CODE_LETTERS.index(letter.upper().replace("U", "T")) for letter in sequence]


@given(st.lists(LETTERS, max_size=6), st.sampled_from(["left", "right", "both"]), st.integers(0, 5))
def test_codes_match_a_plain_loop_with_padding(sequences, pad, extra):
    length = max(map(len, sequences), default=0) + extra
    rows = []
    for sequence in sequences:
        spare = length - len(sequence)
        before = {"left": spare, "right": 0, "both": spare // 2}[pad]
        rows.append([15] * before + loop_codes(sequence) + [15] * (spare - before))
    codes = base_codes(sequences, pad=pad, length=length)
    assert codes.dtype == np.uint8
    np.testing.assert_array_equal(codes, np.array(rows, dtype=np.uint8).reshape(len(sequences), length))


@given(st.lists(LETTERS, min_size=1, max_size=6))
def test_decode_undoes_base_codes(sequences):
    assert decode(base_codes(sequences, pad="both")) == [sequence.upper() for sequence in sequences]


def test_decode_of_one_row_is_one_string():
    assert decode(base_codes(["acgn"])[0]) == "ACGN"


def test_decode_writes_u_for_rna():
    assert decode(base_codes(["ACGU", "UUTT".replace("T", "U")]), alphabet="RNA") == ["ACGU", "UUUU"]


def test_lower_case_bytes_and_str_give_the_same_codes():
    np.testing.assert_array_equal(base_codes(["ACGTN", b"acgtn"])[0], base_codes([b"acgtn", "ACGTN"])[0])


def test_rna_gives_the_codes_of_dna():
    np.testing.assert_array_equal(base_codes(["ACGU"], alphabet="RNA"), base_codes(["ACGT"], alphabet="DNA"))


def test_auto_takes_dna_beside_rna():
    np.testing.assert_array_equal(base_codes(["ACGU", "ACGT"]), [[0, 1, 2, 3]] * 2)


def test_auto_refuses_t_and_u_in_one_sequence():
    with pytest.raises(ValueError, match="sequence 1 has both T and U"):
        base_codes(["ACGU", "ATGu", "ACGT"])


@pytest.mark.parametrize(("alphabet", "letter"), [("DNA", "U"), ("RNA", "T"), ("DNA", "u"), ("RNA", "t")])
def test_the_other_alphabets_letter_is_refused(alphabet, letter):
    with pytest.raises(
        ValueError, match=rf"letter '{letter}' at position 2 of sequence 0 .* pass alphabet='auto'"
    ):
        base_codes([f"AC{letter}"], alphabet=alphabet)


@pytest.mark.parametrize("letter", ["!", "E", "*", " ", "\n", "\x00", "é", "😀", "?", "1"])
def test_illegal_letter_is_named_with_its_position_and_sequence(letter):
    with pytest.raises(ValueError, match="is not a nucleotide") as caught:
        base_codes(["", "ACGT", f"AC{letter}T", "A!GT"], pad="right")
    assert f"letter {letter!r} at position 2 of sequence 2 " in str(caught.value)


def test_illegal_byte_is_named():
    with pytest.raises(ValueError, match=r"letter 'ÿ' at position 1 of sequence 0"):
        base_codes([b"A\xff"])


def test_gap_is_refused_with_advice():
    with pytest.raises(ValueError, match=r"letter '-' at position 1 of sequence 0.*; remove the gaps"):
        base_codes(["A-C"])


def test_ragged_sequences_need_pad():
    with pytest.raises(ValueError, match=r"shortest has 2 bases \(sequence 1\), the longest 5 \(seq"):
        base_codes(["ACG", "AC", "ACGTA"])


def test_length_less_than_the_longest_is_refused():
    with pytest.raises(ValueError, match="length=4 is less than the 5 bases of sequence 1"):
        base_codes(["ACGT", "ACGTA"], pad="right", length=4)


def test_greater_length_needs_pad():
    with pytest.raises(ValueError, match=r"sequences have 4 bases, less than length=6; pass pad="):
        base_codes(["ACGT"], length=6)


def test_negative_length_is_refused():
    with pytest.raises(ValueError, match="length expects 0 or more, got -1"):
        base_codes([], length=-1)


def test_unknown_pad_is_refused():
    with pytest.raises(ValueError, match="pad expects None, 'left', 'right' or 'both', got 'centre'"):
        base_codes(["A"], pad="centre")


def test_pad_value_is_a_letter():
    np.testing.assert_array_equal(base_codes(["A", "AC"], pad="left", pad_value="n"), [[14, 0], [0, 1]])


@pytest.mark.parametrize("value", ["-", "", "NN", "é", 14])
def test_pad_value_that_is_no_letter_is_refused(value):
    with pytest.raises(ValueError, match="pad_value expects one"):
        base_codes(["A"], pad="left", pad_value=value)


@pytest.mark.parametrize(("length", "shape"), [(None, (0, 0)), (7, (0, 7))])
def test_no_sequences_give_no_rows(length, shape):
    assert base_codes([], length=length).shape == shape


def test_empty_sequences_give_no_columns():
    assert base_codes(["", ""]).shape == (2, 0)


def test_code_matrix_passes_through_uncopied():
    codes = np.array([[0, 1, 15], [14, 3, 2]], dtype=np.uint8)
    assert np.shares_memory(base_codes(codes), codes)
    np.testing.assert_array_equal(base_codes(codes), codes)


def test_code_matrix_without_rows_keeps_its_length():
    assert base_codes(np.zeros((0, 9), dtype=np.uint8)).shape == (0, 9)


def test_list_of_code_arrays_is_padded():
    rows = [np.array([0, 1], dtype=np.uint8), np.array([2], dtype=np.uint8)]
    np.testing.assert_array_equal(base_codes(rows, pad="right"), [[0, 1], [2, 15]])


def test_code_above_fifteen_is_refused_with_its_place():
    with pytest.raises(ValueError, match="from 0 to 15, got 16 at position 2 of sequence 1"):
        base_codes(np.array([[0, 0, 0], [0, 0, 16]], dtype=np.uint8))


def test_array_of_strings_is_a_batch():
    np.testing.assert_array_equal(base_codes(np.array(["AC", "GT"])), [[0, 1], [2, 3]])


def test_generator_is_a_batch():
    np.testing.assert_array_equal(base_codes(letters for letters in ("AC", "GT")), [[0, 1], [2, 3]])


@pytest.mark.parametrize("sequence", ["ACGT", b"ACGT"])
def test_one_sequence_in_place_of_a_batch_is_refused(sequence):
    with pytest.raises(TypeError, match=r"expects a list of sequences, got one (str|bytes)"):
        base_codes(sequence)


def test_record_in_place_of_its_sequence_is_refused_with_advice():
    from genoml.io import FastaRecord

    with pytest.raises(TypeError, match=r"got FastaRecord as sequence 1; pass its \.sequence"):
        base_codes(["A", FastaRecord("x", "A")])


def test_letters_mixed_with_codes_are_refused():
    with pytest.raises(TypeError, match="a list that mixes them"):
        base_codes(["A", np.array([0], dtype=np.uint8)])


def test_codes_of_another_dtype_are_refused():
    with pytest.raises(TypeError, match="a batch of codes expects uint8 base codes, got an array of int64"):
        base_codes(np.zeros((2, 3), dtype=np.int64))


def test_one_row_of_codes_in_place_of_a_batch_is_refused():
    with pytest.raises(ValueError, match=r"a batch of codes expects 2 dimension\(s\), got shape \(3,\)"):
        base_codes(np.zeros(3, dtype=np.uint8))


def test_sequences_are_left_unchanged():
    codes = np.array([[0, 1], [2, 3]], dtype=np.uint8)
    codes.flags.writeable = False
    base_codes(codes, pad="both", length=5)


@pytest.mark.parametrize(
    ("sequences", "total"),
    [("ACGTN", 1), (b"rrnn", 4), (["ACGU", "NNRA", ""], 3), ([], 0), (np.array([0, 4, 14, 15], np.uint8), 2)],
)
def test_count_ambiguous_counts_bases_that_are_not_acgt(sequences, total):
    assert count_ambiguous(sequences) == total


def test_count_ambiguous_per_sequence():
    counts = count_ambiguous(["", "NAN", "ACGT", "R", ""], per_sequence=True)
    np.testing.assert_array_equal(counts, [0, 2, 0, 1, 0])


def test_count_ambiguous_of_a_padded_matrix_leaves_padding_out():
    codes = base_codes(["N", "NNA"], pad="right")
    np.testing.assert_array_equal(count_ambiguous(codes, per_sequence=True), [1, 2])


class Frame:
    """A data frame: iterating gives the names of its columns."""

    columns = ("dna", "label")

    def __iter__(self):
        return iter(self.columns)


NO_BATCH = [
    (Frame(), r"a Frame, which gives the names of its columns; pass one column"),
    ({"a": "ACGT", "b": "TTTT"}, r"a dict, which gives its keys; pass list\(x\.values\(\)\)"),
    ({"ACGT", "TTTT"}, "a set, whose order is random; pass a list"),
    (frozenset({"ACGT"}), "a frozenset"),
    (5, "got int"),
    (None, "got NoneType"),
]


@pytest.mark.parametrize(("given", "words"), NO_BATCH)
@pytest.mark.parametrize(
    "read",
    [
        batch_encode,
        base_codes,
        kmer_frequencies,
        kmer_counts,
        dinucleotide_shuffle,
        PWM.from_sequences,
        lambda given: quality_encode(given, [[1]]),
        lambda given: count_ambiguous(given),
    ],
)
def test_containers_that_are_no_batch_are_named(read, given, words):
    with pytest.raises(TypeError, match=words):
        read(given)


def test_arrays_of_letters_are_sequences():
    expected = base_codes(["ACGU", "NNRA"])
    letters = np.array([list("ACGU"), list("NNRA")])
    for form in (letters, letters.astype("S1"), letters.astype(object), list(letters)):
        assert np.array_equal(base_codes(form), expected)
    assert np.array_equal(one_hot_encode(letters[0]), one_hot_encode("ACGU"))


def test_the_alphabet_of_sequences_is_rna_if_one_has_a_u():
    assert [alphabet_of(given) for given in (["ACG"], ["ACG", "u"], [b"U"], [], [np.zeros(3, np.uint8)])] == [
        "DNA", "RNA", "RNA", "DNA", "DNA",
    ]  # fmt: skip
