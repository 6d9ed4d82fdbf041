from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.sequence import (
    base_codes,
    canonical_columns,
    kmer_counts,
    kmer_frequencies,
    kmer_index,
    kmer_names,
    kmer_strings,
    kmer_windows,
    reverse_complement,
)
from genoml.sequence import kmers as kmers_module
from support.kmers import SYMMETRIC_SEEDS, dictionary_counts, letters, seeds

IUPAC = {"A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "B": "CGT", "N": "ACGT", "K": "GT"}


def loop_counts(sequence: str, k: int, policy: str) -> np.ndarray:
    """Count each window by listing every k-mer that it can be."""
    counts = np.zeros(4**k)
    names = kmer_names(k)
    for start in range(len(sequence) - k + 1):
        window = sequence[start : start + k]
        choices = [
            IUPAC[letter] if policy == "iupac" or len(IUPAC[letter]) == 1 else "ACGT" for letter in window
        ]
        if policy == "zero" and any(len(choice) > 1 for choice in choices):
            continue
        possible = ["".join(letters) for letters in product(*choices)]
        for kmer in possible:
            counts[names.index(kmer)] += 1 / len(possible)
    return counts


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(alphabet="ACGTRBNK", max_size=15), max_size=5),
    st.integers(1, 3),
    st.sampled_from(["zero", "uniform", "iupac"]),
)
def test_counts_match_a_plain_loop(sequences, k, policy):
    counts = kmer_frequencies(
        sequences, k, ambiguous=policy, normalize=False, dtype="float64", backend="numpy"
    )
    expected = np.array([loop_counts(sequence, k, policy) for sequence in sequences])
    np.testing.assert_allclose(counts, expected.reshape(len(sequences), 4**k), atol=1e-12)


def test_blocks_give_the_same_counts(monkeypatch):
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGTN"), size=size)) for size in (0, 50, 3, 200, 1, 70)]
    whole = kmer_frequencies(sequences, 3, ambiguous="iupac", backend="numpy")
    monkeypatch.setattr(kmers_module, "_BLOCK", 100)
    monkeypatch.setattr(kmer_windows, "_BLOCK", 13)
    np.testing.assert_allclose(
        kmer_frequencies(sequences, 3, ambiguous="iupac", backend="numpy"), whole, atol=1e-7
    )


def test_frequencies_sum_to_one_on_the_backend(backend):
    y = kmer_frequencies(["ACGTACGTTT", "AAAA"], 2)
    backend.check(y, "the result")
    assert y.shape == (2, 16)
    assert y.dtype == backend.dtype("float32")
    np.testing.assert_allclose(backend.to_numpy(y).sum(axis=1), 1, rtol=1e-6)


def test_columns_are_lexicographic():
    y = kmer_frequencies(["AAC"], 2, backend="numpy")
    np.testing.assert_array_equal(y[0, :4], [0.5, 0.5, 0, 0])


def test_default_is_trinucleotides():
    assert kmer_frequencies(["ACGT"], backend="numpy").shape == (1, 64)


def test_windows_never_cross_from_one_sequence_to_the_next():
    y = kmer_frequencies(["AA", "CC"], 2, normalize=False, backend="numpy")
    assert y.sum() == 2
    assert y[0, kmer_index("AA")] == y[1, kmer_index("CC")] == 1


def test_sequence_shorter_than_k_has_a_row_of_zeros():
    y = kmer_frequencies(["AC", "", "ACG"], 3, backend="numpy")
    np.testing.assert_array_equal(y.sum(axis=1), [0, 0, 1])


def test_only_ambiguous_windows_leave_a_row_of_zeros():
    assert not kmer_frequencies(["NNNN"], 2, backend="numpy").any()


@pytest.mark.parametrize("policy", ["zero", "uniform", "iupac"])
def test_windows_that_reach_padding_are_not_counted(policy):
    codes = base_codes(["ACN", "ACGTN"], pad="both")
    padded = kmer_frequencies(codes, 2, ambiguous=policy, backend="numpy")
    np.testing.assert_array_equal(
        padded, kmer_frequencies(["ACN", "ACGTN"], 2, ambiguous=policy, backend="numpy")
    )


def test_a_long_run_of_n_is_uniform():
    y = kmer_frequencies(["N" * 20_000], 6, ambiguous="uniform", backend="numpy")
    np.testing.assert_allclose(y, 4.0**-6, rtol=1e-6)


def test_error_names_the_ambiguous_letter():
    with pytest.raises(ValueError, match="ambiguous letter 'N' at position 1 of sequence 1"):
        kmer_frequencies(["ACG", "ANG"], 2, ambiguous="error")


def test_error_policy_counts_plain_sequences():
    y = kmer_frequencies(["ACG"], 2, ambiguous="error", backend="numpy")
    assert y[0, kmer_index("CG")] == 0.5


def test_rna_and_lower_case_count_like_dna():
    y = kmer_frequencies(["acgu", "ACGT"], 2, backend="numpy")
    np.testing.assert_array_equal(y[0], y[1])


def test_float64_is_given_when_asked_for():
    y = kmer_frequencies(["ACGTACG"], 2, dtype="float64", backend="numpy")
    assert y.dtype == np.float64
    assert y[0, kmer_index("AC")] == 2 / 6


def test_no_sequences_give_no_rows(backend):
    assert tuple(kmer_frequencies([], 2).shape) == (0, 16)


@pytest.mark.parametrize("k", [0, -1, 13])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match=f"k expects 1 to 12, got {k}"):
        kmer_frequencies(["ACGT"], k)


def test_unknown_policy_is_refused():
    with pytest.raises(ValueError, match="ambiguous expects one of"):
        kmer_frequencies(["ACGT"], ambiguous="drop")


def test_names_and_indices_agree():
    assert [kmer_index(name) for name in kmer_names(3)] == list(range(64))
    assert kmer_names(1) == ["A", "C", "G", "T"]


def test_index_takes_rna_and_lower_case():
    assert kmer_index("uuu") == kmer_index("TTT") == 63


@pytest.mark.parametrize("kmer", ["AN", "A!", "", "A" * 33])
def test_index_of_no_kmer_is_refused(kmer):
    with pytest.raises(ValueError, match=r"ambiguous letter|is not a nucleotide|k expects"):
        kmer_index(kmer)


def test_strings_and_indices_are_inverse_up_to_the_longest():
    kmers = ["T" * 32, "A" * 32, "GATTACA" * 4 + "CCCC"]
    assert kmer_strings(np.array([kmer_index(kmer) for kmer in kmers], dtype=np.uint64), 32) == kmers
    assert kmer_strings(np.arange(64), 3) == kmer_names(3)
    assert kmer_strings(np.zeros(0, dtype=np.int64), 3) == []


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([64], r"numbers of 3-mers run from 0 to 4\*\*3 - 1 = 63, got 64"),
        ([-1], "got -1"),
        ([0.5], "expects integers"),
        ([[1]], r"shape \(n,\)"),
    ],
)
def test_numbers_of_no_kmer_are_refused(codes, message):
    with pytest.raises(ValueError, match=message):
        kmer_strings(np.array(codes), 3)


# ---------------------------------------------------------------- exact counts, both strands, spaced seeds


@settings(deadline=None, max_examples=40)
@given(st.lists(letters(30), max_size=5), seeds(5, 9))
def test_counts_of_spaced_seeds_match_a_dictionary(sequences, pattern):
    counts = kmer_counts(sequences, pattern)
    assert counts.dtype == np.int64
    names = kmer_names(pattern.count("1"))
    for sequence, row in zip(sequences, counts, strict=True):
        found = {name: count for name, count in zip(names, row.tolist(), strict=True) if count}
        assert found == dictionary_counts(sequence, pattern)


@settings(deadline=None, max_examples=40)
@given(st.lists(letters(30), max_size=5), st.sampled_from(SYMMETRIC_SEEDS))
def test_canonical_counts_match_a_dictionary(sequences, pattern):
    k = pattern.count("1")
    names = kmer_names(k)
    for sequence, row in zip(sequences, kmer_counts(sequences, pattern, canonical=True), strict=True):
        found = {names[column]: int(row[column]) for column in np.flatnonzero(row)}
        assert found == dictionary_counts(sequence, pattern, canonical=True)
        assert set(np.flatnonzero(row)) <= set(canonical_columns(k))


def test_a_number_and_as_many_ones_are_the_same():
    sequences = ["ACGTTGCANACGT", "TTTT"]
    np.testing.assert_array_equal(kmer_counts(sequences, 4), kmer_counts(sequences, "1111"))


@pytest.mark.parametrize("policy", ["zero", "uniform", "iupac"])
def test_canonical_frequencies_do_not_depend_on_the_strand(policy):
    sequences = ["ACGTTGRANACGTAAACB", "TTTTCCTG"]
    for k in (3, "11011"):
        one, other = (
            kmer_frequencies(given, k, canonical=True, ambiguous=policy, dtype="float64", backend="numpy")
            for given in (sequences, reverse_complement(sequences))
        )
        np.testing.assert_allclose(one, other, atol=1e-15)
        np.testing.assert_allclose(one.sum(axis=1), 1)


def test_ambiguous_bases_under_the_zeros_of_a_seed_do_not_matter():
    assert kmer_counts(["ANA"], "101")[0, kmer_index("AA")] == 1
    y = kmer_frequencies(["ARA", "RAA"], "101", ambiguous="iupac", backend="numpy")
    np.testing.assert_array_equal(y[:, [kmer_index("AA"), kmer_index("GA")]], [[1, 0], [0.5, 0.5]])


def test_the_denominator_is_the_windows_counted():
    y = kmer_frequencies(["AACNA"], 1, backend="numpy")
    np.testing.assert_array_equal(y, [[0.75, 0.25, 0, 0]])


def test_canonical_columns_are_those_that_come_first():
    for k in (1, 2, 3, 4, 5):
        names = kmer_names(k)
        expected = [i for i, name in enumerate(names) if name <= reverse_complement(name)]
        assert canonical_columns(k).tolist() == expected
    assert canonical_columns(4).size == 136


@pytest.mark.parametrize(
    ("k", "canonical", "error", "message"),
    [
        ("011", False, ValueError, "expects 1s and 0s with a 1 at either end, got '011'"),
        ("", False, ValueError, "expects 1s and 0s"),
        ("1x1", False, ValueError, "expects 1s and 0s"),
        ("1101", True, ValueError, "reads the same from both ends, got '1101'"),
        ("1" * 13, False, ValueError, "at most 12 1s here, got 13"),
        (2.0, False, TypeError, "k expects a number or a pattern of 1s and 0s, got float"),
        (True, False, TypeError, "got bool"),
    ],
)
def test_a_seed_that_is_none_is_refused(k, canonical, error, message):
    with pytest.raises(error, match=message):
        kmer_counts(["ACGTACGT"], k, canonical=canonical)
