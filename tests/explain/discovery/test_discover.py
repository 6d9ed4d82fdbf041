"""discover_motifs: planted motifs, one alone, short sequences, either sign, threads, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.backend import get_backend
from genoml.explain import DiscoveredMotif, Seqlets, call_seqlets, discover_motifs
from genoml.explain.discovery import discover
from genoml.sequence import base_codes
from genoml_numpy import compiled_twins
from genoml_numpy.twins import TWINS

WORDS = ("TGACTCATC", "CCGGAAGTG")


@pytest.fixture(autouse=True)
def with_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_backend("numpy"), "twins", compiled_twins())


def planted(
    seed: int, words: tuple[str, ...], n: int = 150, length: int = 90, sign: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hypothetical contributions, codes, and (example, start, word) of one site in each sequence, on either strand."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    values = rng.normal(0, 0.03, (n, length, 4)).astype(np.float32)
    sites = np.stack([np.arange(n), rng.integers(12, length - 22, n), np.arange(n) % len(words)], axis=1)
    for row, start, which in sites.tolist():
        letters = base_codes([words[which]])[0].astype(int)
        letters = 3 - letters[::-1] if row // 2 % 2 else letters
        changed = rng.random(len(letters)) < 0.08
        own = np.arange(start, start + len(letters))
        codes[row, own] = np.where(changed, rng.integers(0, 4, len(letters)), letters)
        values[row, own] += sign * (np.eye(4)[letters] - 0.25).astype(np.float32)
    return values, codes, sites


def read(motif: DiscoveredMotif) -> str:
    own = motif.probabilities.max(axis=1) > 0.75
    return "".join("ACGT"[base] for base in motif.probabilities[own].argmax(axis=1))


def turned(word: str) -> str:
    return word[::-1].translate(str.maketrans("ACGT", "TGCA"))


@pytest.mark.parametrize("length", [90, 60])
def test_planted_motifs_are_found_with_their_sites_and_nothing_else(length: int) -> None:
    values, codes, sites = planted(1, WORDS, n=210, length=length)
    found = discover_motifs(values, codes)
    assert [motif.name for motif in found] == ["pos_0", "pos_1"]
    assert {min(read(motif), turned(read(motif))) for motif in found} == {min(w, turned(w)) for w in WORDS}
    for motif in found:
        # its word stands where it says: the columns of the motif that are sure lie on the planted site
        first = int(np.argmax(motif.probabilities.max(axis=1) > 0.75))
        ahead = np.where(motif.strand > 0, first, motif.width - first - 9)
        true = sites[motif.example, 1]
        assert np.mean(motif.start + ahead == true) > 0.95
        assert len(set(sites[motif.example, 2].tolist())) == 1
        assert motif.n_seqlets > 50
        np.testing.assert_allclose(motif.probabilities.sum(axis=1), 1)
        assert motif.contributions.shape == motif.hypothetical.shape == (motif.width, 4)
        assert (motif.contributions.sum() > 0, motif.sign) == (True, 1)


def test_one_planted_motif_is_found_and_the_negative_sign_is_its_own() -> None:
    values, codes, _ = planted(2, WORDS[:1], sign=-1)
    (motif,) = discover_motifs(values, codes)
    assert (motif.name, motif.sign) == ("neg_0", -1)
    assert read(motif) in (WORDS[0], turned(WORDS[0]))
    assert motif.contributions.sum() < 0
    assert motif.n_seqlets > 110
    whole = set(zip(motif.example.tolist(), motif.start.tolist(), strict=True))
    for one in motif.subpatterns:
        assert set(zip(one.example.tolist(), one.start.tolist(), strict=True)) < whole


def test_noise_has_no_motifs() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(120, 80, 4)).astype(np.float32)
    codes = rng.integers(0, 4, (120, 80))
    start, ones = np.full(120, 20), np.ones(120)
    seqlets = Seqlets(
        np.arange(120), start, start + 41, ones, ones, ones.astype(np.int8), None, None, (120, 80)
    )
    assert discover_motifs(values, codes, seqlets) == []


def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads() -> None:
    values, codes, _ = planted(3, WORDS, n=125)
    runs = [discover_motifs(values, codes, seed=4, threads=threads) for threads in (1, 3)]
    assert len(runs[0]) == len(runs[1]) == 2
    for one, other in zip(*runs, strict=True):
        for name in ("probabilities", "contributions", "hypothetical", "example", "start", "strand"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_without_numba_the_same_motifs_are_found_and_a_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    values, codes, _ = planted(4, WORDS[:1], n=120)
    lines: list[str] = []
    with_numba = discover_motifs(values, codes, progress=lines.append)
    assert not any("Numba" in line for line in lines)
    monkeypatch.setattr(get_backend("numpy"), "twins", TWINS)
    without = discover_motifs(values, codes, progress=lines.append)
    assert any("Numba is not installed" in line for line in lines)
    assert [read(motif) for motif in without] == [read(motif) for motif in with_numba]


def test_a_sample_of_the_seqlets_is_drawn_by_the_seed() -> None:
    rows = np.arange(0, 300, 3)
    drawn = [discover.sampled(rows, 20, seed, 1) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    assert (np.diff(drawn[0]) > 0).all()
    assert drawn[0].max() > 150
    assert set(drawn[0].tolist()) < set(rows.tolist())
    np.testing.assert_array_equal(discover.sampled(rows, 100, 0, 1), rows)


def test_seqlets_of_ones_own_may_have_any_length() -> None:
    values, codes, _ = planted(5, WORDS[:1])
    actual = np.take_along_axis(values, codes[:, :, None].astype(int), 2)[:, :, 0]
    spans = call_seqlets(actual, "spans", p_value=1e-4, shortest=6, signs="positive")
    assert len(set((spans.end - spans.start).tolist())) > 1
    (motif,) = discover_motifs(values, codes, spans)
    assert read(motif) in (WORDS[0], turned(WORDS[0]))


def test_a_sign_with_few_seqlets_is_left_out_with_their_number() -> None:
    values, codes, _ = planted(6, WORDS[:1], n=20, length=60)
    with pytest.warns(
        UserWarning, match=r"discover_motifs: \d+ positive seqlets, fewer than 100, are left out"
    ):
        assert discover_motifs(values, codes) == []


def test_bad_input_is_refused_with_its_place() -> None:
    values, codes, _ = planted(7, WORDS[:1], n=30)
    with pytest.raises(
        ValueError, match="all contributions are 0: the model's output does not depend on the seq"
    ):
        discover_motifs(np.zeros_like(values), codes)
    for shape in (values[0], values[:, :, :3], values[:0], codes):
        with pytest.raises(
            ValueError, match=r"hypothetical expects floating-point numbers of shape \(n, length, 4\)"
        ):
            discover_motifs(shape, codes)
    for shape in (codes[:, 1:], codes[1:], values[:, :, 0]):
        with pytest.raises(ValueError, match=r"codes expects whole numbers of shape \(30, 90\)"):
            discover_motifs(values, shape)
    broken = values.copy()
    broken[3, 5, 2] = np.nan
    broken[4, 0, 0] = np.inf
    with pytest.raises(ValueError, match=r"hypothetical expects finite numbers, got nan at \(3, 5, 2\)"):
        discover_motifs(broken, codes)
    odd = codes.astype(np.int64)
    odd[2, 7] = 9
    with pytest.raises(ValueError, match=r"codes expects 0 to 4, got 9 at \(2, 7\)"):
        discover_motifs(values, odd)
    with pytest.raises(
        ValueError, match=r"seqlets expects those of contributions \(30, 90\), got of \(30, 89\)"
    ):
        discover_motifs(values, codes, call_seqlets(values[:, :89, 0], "windows"))
