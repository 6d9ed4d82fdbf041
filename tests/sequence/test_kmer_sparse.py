from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.io import read_fasta
from genoml.sequence import (
    KmerCounter,
    SparseKmers,
    kmer_counter,
    kmer_counts,
    kmer_sparse,
    kmer_windows,
    reverse_complement,
    sparse_kmers,
)
from support.kmers import SYMMETRIC_SEEDS, dictionary_counts, letters, seeds

FOLDER = Path(__file__).parents[1] / "data" / "kmers"


def as_dictionary(found: SparseKmers) -> dict[str, int]:
    assert np.all(np.diff(found.codes.astype(object)) > 0), "codes ascend"
    assert found.codes.dtype == np.uint64
    assert found.counts.dtype == np.int64
    return dict(zip(found.names, found.counts.tolist(), strict=True))


def phix_slices() -> list[str]:
    return [record.sequence for record in read_fasta(FOLDER / "phix_slices.fa")]


@pytest.mark.parametrize("name", ["k3", "k6.canonical", "k21", "k21.canonical"])
def test_counts_equal_those_of_jellyfish(name):
    lines = (FOLDER / f"jellyfish.{name}.tsv").read_text().splitlines()
    expected = {kmer: int(count) for kmer, count in (line.split("\t") for line in lines)}
    counter = KmerCounter(int(name[1:].split(".")[0]), canonical=name.endswith("canonical"))
    for sequence in phix_slices():
        counter.update([sequence])
    assert as_dictionary(counter.sparse()) == expected
    assert counter.total == sum(expected.values())


@settings(deadline=None, max_examples=40)
@given(
    st.lists(letters(60), max_size=5),
    st.one_of(
        seeds(30, 32), st.integers(13, 32).map(lambda k: "1" * k), st.integers(1, 12).map(lambda k: "1" * k)
    ),
)
def test_rows_and_sums_match_a_dictionary(sequences, pattern):
    rows = sparse_kmers(sequences, pattern)
    expected = [dictionary_counts(sequence, pattern) for sequence in sequences]
    assert [as_dictionary(row) for row in rows] == expected
    assert len(rows) == len(sequences)
    counter = KmerCounter(pattern)
    counter.update(sequences)
    assert as_dictionary(counter.sparse()) == dict(sum(map(Counter, expected), Counter()))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(letters(60), max_size=5),
    st.one_of(st.sampled_from(SYMMETRIC_SEEDS), st.integers(13, 32).map(lambda k: "1" * k)),
)
def test_canonical_rows_and_sums_match_a_dictionary(sequences, pattern):
    rows = sparse_kmers(sequences, pattern, canonical=True)
    expected = [dictionary_counts(sequence, pattern, canonical=True) for sequence in sequences]
    assert [as_dictionary(row) for row in rows] == expected
    counter = KmerCounter(pattern, canonical=True)
    counter.update(sequences)
    assert as_dictionary(counter.sparse()) == dict(sum(map(Counter, expected), Counter()))


@pytest.mark.parametrize("k", [4, 14, 31])
def test_small_blocks_and_buffers_give_the_same_counts(monkeypatch, k):
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("AACCGGTTN"), size=size)) for size in (0, 50, 3, 200, 1, 70)] * 3
    sequences += ["A" * 90] * 2
    whole, rows = KmerCounter(k, canonical=True), sparse_kmers(sequences, k)
    whole.update(sequences)
    monkeypatch.setattr(kmer_windows, "_BLOCK", 17)
    monkeypatch.setattr(kmer_counter, "_BUFFER", 40)
    monkeypatch.setattr(kmer_sparse, "_BLOCK_BP", 64)
    parts = KmerCounter(k, canonical=True)
    for sequence in sequences:
        parts.update([sequence])
    assert parts.sparse() == whole.sparse()
    assert parts.total == whole.total
    assert list(sparse_kmers(sequences, k)) == list(rows)


def test_counting_goes_on_after_a_look():
    counter = KmerCounter(13)
    assert len(counter.sparse()) == counter.total == 0
    counter.update(["ACGTTGCATTACGG"])
    first = counter.sparse()
    counter.update(["ACGTTGCATTACGG"])
    assert counter.sparse() == first.merge(first)
    assert first.total == 2


def test_kmers_never_span_sequences():
    for k in (2, 13):
        counter = KmerCounter(k)
        counter.update(["A" * (k - 1)] * 5)
        assert counter.total == 0


def test_a_refused_sequence_leaves_the_counts_as_they_were():
    counter = KmerCounter(3)
    counter.update(["ACGT"])
    with pytest.raises(ValueError, match="letter '!' at position 0 of sequence 1"):
        counter.update(["ACGT", "!"])
    assert counter.total == 2


def test_dense_and_sparse_agree():
    sequences = phix_slices()
    for canonical in (False, True):
        counter = KmerCounter(5, canonical=canonical)
        counter.update(sequences)
        dense = kmer_counts(sequences, 5, canonical=canonical)
        np.testing.assert_array_equal(counter.counts(), dense.sum(axis=0))
        np.testing.assert_array_equal(counter.sparse().dense(), dense.sum(axis=0))
        rows = sparse_kmers(sequences, 5, canonical=canonical)
        np.testing.assert_array_equal([row.dense() for row in rows], dense)


def test_merging_adds_counts():
    one, other, none = sparse_kmers(["ACGTACGT", "GTACCC", "A"], 3)
    total = KmerCounter(3)
    total.update(["ACGTACGT", "GTACCC"])
    assert one.merge(other) == other.merge(one) == total.sparse()
    assert one.merge(none) == none.merge(one) == one
    assert one != other
    assert one != "ACG"


def test_frequencies_are_shares_of_what_was_counted():
    (row,) = sparse_kmers(["AACNA"], 1)
    np.testing.assert_array_equal(row.frequencies, [0.75, 0.25])
    assert sparse_kmers(["N"], 1)[0].frequencies.size == 0


def test_the_count_of_a_kmer_is_found_by_its_letters():
    kmer = "GATTACAGATTACAGATT"
    for canonical, other in ((False, 0), (True, 1)):
        (row,) = sparse_kmers([kmer], 18, canonical=canonical)
        assert row.count_of(kmer) == row.count_of(kmer.lower().replace("t", "u")) == 1
        assert row.count_of(reverse_complement(kmer)) == other
        assert row.count_of("T" * 18) == 0


def test_rows_are_a_sequence():
    rows = sparse_kmers(["ACG", "TTT"], 2)
    assert rows[-1] == rows[1]
    assert [row.total for row in rows] == [2, 2]
    with pytest.raises(IndexError, match="row expects -2 to 1, got 2"):
        rows[2]
    assert list(sparse_kmers([], 21)) == []


@pytest.mark.parametrize("k", [0, 33, "1" * 33])
def test_k_beyond_a_64_bit_number_is_refused(k):
    for count in (KmerCounter, lambda k: sparse_kmers(["A"], k)):
        with pytest.raises(ValueError, match=r"1 to 32|at most 32"):
            count(k)


def test_what_does_not_fit_together_is_refused():
    one, other = sparse_kmers(["ACGT" * 5], 13)[0], sparse_kmers(["ACGT" * 5], 13, canonical=True)[0]
    with pytest.raises(
        ValueError, match=r"one kind, got pattern 1{13}, canonical False and pattern 1{13}, canon"
    ):
        one.merge(other)
    with pytest.raises(ValueError, match="k-mer of 13 letters, got 3"):
        one.count_of("ACG")
    with pytest.raises(ValueError, match="dense count expects k of 1 to 12, got 13"):
        one.dense()
    with pytest.raises(ValueError, match="k of 1 to 12, got 13"):
        KmerCounter(13).counts()
