from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.nn import Embedding
from genoml.sequence import decode_kmer_tokens, kmer_index, kmer_tokens
from support.kmers import seeds


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


def test_windows_that_reach_padding_have_a_token_of_their_own():
    np.testing.assert_array_equal(
        kmer_tokens(["ACG", "N"], 2, pad="right", backend="numpy"), [[1, 6], [17, 17]]
    )
    np.testing.assert_array_equal(kmer_tokens(["AC"], 2, pad="left", length=3, backend="numpy"), [[17, 1]])
    np.testing.assert_array_equal(
        kmer_tokens(["ANA"], "101", pad="right", length=4, backend="numpy"), [[0, 17]]
    )


def test_an_embedding_takes_every_token(backend):
    tokens = kmer_tokens(["ACGTAN", "TTG"], 2, pad="right")
    y = backend.to_numpy(Embedding(4**2 + 2, 3)(tokens))
    assert y.shape == (2, 5, 3)
    assert np.isfinite(y).all()


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_a_stride_takes_every_so_manieth_window(stride):
    sequences = ["ACGTTGCANACGT", "TTTTCCTGACGTA"]
    every = kmer_tokens(sequences, 3, backend="numpy")
    np.testing.assert_array_equal(
        kmer_tokens(sequences, 3, stride=stride, backend="numpy"), every[:, ::stride]
    )


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(alphabet="ACGT", min_size=4, max_size=20), min_size=1, max_size=4), st.integers(1, 4))
def test_sequences_come_back_from_their_tokens(sequences, k):
    for pad in ("left", "right", "both"):
        tokens = kmer_tokens(sequences, k, pad=pad, length=22, backend="numpy")
        assert decode_kmer_tokens(tokens, k) == sequences


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet="ACGTN", min_size=20, max_size=30), seeds(4, 7), st.integers(1, 9))
def test_what_tokens_do_not_tell_comes_back_as_n(sequence, pattern, stride):
    tokens = kmer_tokens([sequence], pattern, stride=stride, backend="numpy")
    (back,) = decode_kmer_tokens(tokens, pattern, stride=stride)
    span = len(pattern)
    assert len(back) == (len(sequence) - span) // stride * stride + span
    known = set()
    for start in range(0, len(sequence) - span + 1, stride):
        offsets = [start + i for i, sign in enumerate(pattern) if sign == "1"]
        if "N" not in {sequence[place] for place in offsets}:
            known |= set(offsets)
    assert back == "".join(base if i in known else "N" for i, base in enumerate(sequence[: len(back)]))


def test_no_tokens_are_no_sequences():
    assert decode_kmer_tokens(np.zeros((0, 3), dtype=np.int32), 2) == []
    assert decode_kmer_tokens(np.zeros((2, 0), dtype=np.int32), 2) == ["", ""]
    assert tuple(kmer_tokens(np.zeros((0, 9), dtype=np.uint8), 2, backend="numpy").shape) == (0, 8)


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        ([[0, 18]], ValueError, r"tokens of 2-mers run from 0 to 4\*\*2 \+ 1 = 17, got 0 to 18"),
        ([[-1]], ValueError, "got -1"),
        ([0, 1], ValueError, r"expects tokens \(batch, windows\), got shape \(2,\)"),
        ([[0.0]], TypeError, "expects integers, got an array of float64"),
        ([[0, 0], [0, 4]], ValueError, "two letters for position 1 of sequence 1"),
    ],
)
def test_tokens_that_are_none_are_refused(tokens, error, message):
    with pytest.raises(error, match=message):
        decode_kmer_tokens(np.array(tokens), 2)


def test_tokens_of_the_longest_kmers_fit():
    assert kmer_tokens(["T" * 12, "N" * 12], 12, backend="numpy").tolist() == [[4**12 - 1], [4**12]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["ACG"], 4), "kmer_tokens expects sequences of at least k = 4 bases, got 3"),
        ((["ACG"], 0), "k expects 1 to 12, got 0"),
        ((["ACG", "AC"], 2), "length"),
        ((["ACG"], "1001"), "at least the pattern's 4 bases, got 3"),
    ],
)
def test_tokens_that_cannot_be_made_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        kmer_tokens(*arguments)


def test_a_stride_below_one_is_refused():
    with pytest.raises(ValueError, match="stride expects 1 or more, got 0"):
        kmer_tokens(["ACG"], 2, stride=0)
