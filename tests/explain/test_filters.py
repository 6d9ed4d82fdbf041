"""Filters as motifs: the same windows and counts as a plain loop, and planted motifs found."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.explain import filter_motifs, match_motif
from genoml.explain import filters as filters_module
from genoml.io.motifs import jaspar_motifs

COMPLEMENT = "TGCA"


def encode(letters: str) -> np.ndarray:
    return np.asarray([["ACGT".find(letter) % 256 for letter in letters]], dtype=np.uint8)


def loop_counts(weights, bias, codes, threshold, both_strands):
    """Every window, filter and position one by one, in float64."""
    n_filters, _, width = weights.shape
    sites = {f: [] for f in range(n_filters)}
    for sequence in codes.tolist():
        for start in range(len(sequence) - width + 1):
            window = sequence[start : start + width]
            strands = [window]
            if both_strands:
                strands.append([3 - code if code < 4 else code for code in reversed(window)])
            for strand in strands:
                for f in range(n_filters):
                    total = sum(weights[f, code, k] for k, code in enumerate(strand) if code < 4)
                    sites[f].append((total + bias[f], strand))
    counts, numbers = np.zeros((n_filters, width, 4)), []
    for f, windows in sites.items():
        largest = max(activation for activation, _ in windows)
        chosen = [w for activation, w in windows if largest > 0 and activation > threshold * largest]
        numbers.append(len(chosen))
        for window in chosen:
            for k, code in enumerate(window):
                if code < 4:
                    counts[f, k, code] += 1
    return counts, numbers


@pytest.mark.parametrize("both_strands", [False, True])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9])
def test_counts_equal_a_plain_loop(both_strands, threshold):
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(6, 4, 5)), rng.normal(size=6)
    codes = rng.choice([0, 1, 2, 3, 14, 15], p=[0.24] * 4 + [0.02] * 2, size=(9, 23)).astype(np.uint8)
    expected, numbers = loop_counts(weights, bias, codes, threshold, both_strands)
    motifs = filter_motifs(weights, bias, codes, threshold=threshold, both_strands=both_strands)
    assert sorted(motif.index for motif in motifs) == list(range(6))
    for motif in motifs:
        np.testing.assert_array_equal(motif.counts, expected[motif.index])
        assert motif.n_sites == numbers[motif.index]


def test_the_size_of_a_block_changes_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    weights, codes = rng.normal(size=(5, 4, 7)), rng.integers(0, 4, (40, 60)).astype(np.uint8)
    whole = filter_motifs(weights, None, codes)
    monkeypatch.setattr(filters_module, "_BLOCK_WINDOWS", 130)
    for one, other in zip(whole, filter_motifs(weights, None, codes), strict=True):
        assert (one.index, one.n_sites, one.strength) == (other.index, other.n_sites, other.strength)
        np.testing.assert_array_equal(one.counts, other.counts)


def test_a_filter_that_reads_one_word_gives_that_word():
    word = "GATTACA"
    weights = np.full((1, 4, len(word)), -1.0)
    for k, letter in enumerate(word):
        weights[0, "ACGT".index(letter), k] = 1.0
    codes = np.vstack([encode("CC" + word + "CCC"), encode("CCCC" + word + "C"), encode("C" * 12)])
    (motif,) = filter_motifs(weights, np.zeros(1), codes, threshold=0.8)
    assert motif.n_sites == 2
    np.testing.assert_array_equal(motif.probabilities, np.eye(4)[["ACGT".index(letter) for letter in word]])
    reverse = "".join(COMPLEMENT["ACGT".index(letter)] for letter in reversed(word))
    (turned,) = filter_motifs(weights, None, encode("CC" + reverse + "CCC"), threshold=0.8, both_strands=True)
    assert turned.n_sites == 1
    np.testing.assert_array_equal(turned.probabilities, motif.probabilities)


def test_a_silent_filter_has_no_sites_and_comes_last():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (20, 30)).astype(np.uint8)
    motifs = filter_motifs(rng.normal(size=(3, 4, 6)), np.asarray([0.0, -1e3, 0.0]), codes)
    assert motifs[-1].index == 1
    assert (motifs[-1].n_sites, motifs[-1].strength) == (0, 0.0)
    np.testing.assert_array_equal(motifs[-1].counts, 0)
    np.testing.assert_array_equal(motifs[-1].probabilities, 0.25)
    assert motifs[0].strength >= motifs[1].strength > 0


def test_a_filter_made_of_a_known_motif_finds_it_in_planted_sequences():
    """From a log-odds filter and sequences with CTCF sites to the name of the factor."""
    known = jaspar_motifs()
    ctcf = next(motif for motif in known if motif.name.startswith("MA0139"))
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 4, (300, 100)).astype(np.uint8)
    for row in codes:
        start = rng.integers(0, 100 - ctcf.width)
        row[start : start + ctcf.width] = [rng.choice(4, p=p) for p in ctcf.probabilities]
    weights = np.log2(ctcf.probabilities.T + 0.01)[None] + 2
    noise = rng.normal(size=(1, 4, ctcf.width))
    motifs = filter_motifs(np.concatenate([weights, noise]), None, codes)
    assert motifs[0].index == 0
    assert 150 < motifs[0].n_sites < 600
    assert match_motif(motifs[0].counts, known)[0].symbol == "CTCF"


def test_inputs_are_unchanged_and_may_be_read_only():
    rng = np.random.default_rng(4)
    inputs = [rng.normal(size=(2, 4, 3)), rng.normal(size=2), rng.integers(0, 4, (5, 9)).astype(np.uint8)]
    before = [array.copy() for array in inputs]
    for array in inputs:
        array.flags.writeable = False
    filter_motifs(*inputs)
    for array, copy in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_wrong_input_is_named():
    weights, bias, codes = np.zeros((2, 4, 5)), np.zeros(2), np.zeros((3, 9), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"weights \(filters, 4, kernel_size\), got \(2, 5, 4\)"):
        filter_motifs(weights.transpose(0, 2, 1), bias, codes)
    with pytest.raises(ValueError, match=r"bias \(2,\), got \(3,\)"):
        filter_motifs(weights, np.zeros(3), codes)
    with pytest.raises(ValueError, match=r"length >= 5\), got uint8 \(3, 4\)"):
        filter_motifs(weights, bias, codes[:, :4])
    with pytest.raises(ValueError, match=r"uint8 codes .* got int64 \(3, 9\)"):
        filter_motifs(weights, bias, codes.astype(np.int64))
    with pytest.raises(ValueError, match=r"threshold in \[0, 1\), got 1\.0"):
        filter_motifs(weights, bias, codes, threshold=1.0)
