from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.sequence import base_codes, kmer_frequencies, kmer_index, kmer_names, kmer_tokens
from genoml.sequence import kmers as kmers_module

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


@pytest.mark.parametrize("kmer", ["AN", "A!", ""])
def test_index_of_no_kmer_is_refused(kmer):
    with pytest.raises(ValueError, match=r"ambiguous letter|is not a nucleotide|k expects"):
        kmer_index(kmer)


# ---------------------------------------------------------------- tokens


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(alphabet="ACGTRN", min_size=7, max_size=7), min_size=1, max_size=4), st.integers(1, 4)
)
def test_tokens_are_the_indices_of_the_windows(sequences, k):
    tokens = kmer_tokens(sequences, k, backend="numpy")
    assert tokens.dtype == np.int32
    for sequence, row in zip(sequences, tokens, strict=True):
        windows = [sequence[start : start + k] for start in range(8 - k)]
        assert row.tolist() == [4**k if set(w) & set("RN") else kmer_index(w) for w in windows]


def test_tokens_lie_on_the_backend(backend):
    tokens = kmer_tokens(["ACGT", "TTTN"], 3)
    backend.check(tokens, "the result")
    assert tokens.dtype == backend.dtype("int32")
    np.testing.assert_array_equal(backend.to_numpy(tokens), [[6, 27], [63, 64]])


def test_windows_that_reach_padding_have_the_token_of_ambiguity():
    np.testing.assert_array_equal(
        kmer_tokens(["ACG", "A"], 2, pad="right", backend="numpy"), [[1, 6], [16, 16]]
    )
    np.testing.assert_array_equal(kmer_tokens(["AC"], 2, pad="left", length=3, backend="numpy"), [[16, 1]])


def test_tokens_of_the_longest_kmers_fit():
    assert kmer_tokens(["T" * 12, "N" * 12], 12, backend="numpy").tolist() == [[4**12 - 1], [4**12]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["ACG"], 4), "kmer_tokens expects sequences of at least k = 4 bases, got 3"),
        ((["ACG"], 0), "k expects 1 to 12, got 0"),
        ((["ACG", "AC"], 2), "length"),
    ],
)
def test_tokens_that_cannot_be_made_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kmer_tokens(*arguments)
