"""Patterns: sites as they read, alignment of seqlets, joins, splits, and sites side by side."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.explain.discovery import joins
from genoml.explain.discovery.communities import Graph
from genoml.explain.discovery.patterns import MOTIF_BP, Pattern, aggregated, pattern
from genoml.explain.discovery.tracks import Sites, Tracks, turned
from genoml.parallel.parts import ALONE
from genoml.sequence import base_codes

LENGTH = 120


def planted(seed: int, words: list[list[tuple[str, int]]], count: int) -> tuple[Tracks, list[Sites]]:
    """Tracks of sequences with words at places, and the sites of 30 bp around them; every second one turned."""
    rng = np.random.default_rng(seed)
    n = count * len(words)
    codes = rng.integers(0, 4, (n, LENGTH)).astype(np.uint8)
    values = rng.normal(0, 0.02, (n, LENGTH, 4)).astype(np.float32)
    example, start = np.arange(n), rng.integers(35, 55, n)
    strand = np.where(example % 2, -1, 1).astype(np.int8)
    for row in range(n):
        for word, place in words[row // count]:
            letters = base_codes([word])[0].astype(int)
            at = start[row] + place
            if strand[row] < 0:
                letters, at = 3 - letters[::-1], start[row] + MOTIF_BP - place - len(word)
            own = np.arange(at, at + len(word))
            codes[row, own] = letters
            values[row, own, letters] += rng.uniform(0.8, 1.2, len(word)).astype(np.float32)
    rows = [np.arange(count) + count * number for number in range(len(words))]
    return Tracks(values, codes), [Sites(example[own], start[own], strand[own]) for own in rows]


def read_word(tracks: Tracks, one: Pattern) -> str:
    codes = tracks.read(one.sites, MOTIF_BP)[1]
    counts = np.stack([(codes == base).mean(axis=0) for base in range(4)], axis=1)
    return "".join(
        "ACGT"[base] for base, top in zip(counts.argmax(axis=1), counts.max(axis=1), strict=True) if top > 0.8
    )


def test_a_site_of_the_minus_strand_reads_as_the_reverse_complement_and_zeros_beyond_the_ends() -> None:
    codes = np.array([[0, 1, 2, 3, 4]], np.uint8)
    values = np.arange(20, dtype=np.float32).reshape(1, 5, 4)
    sites = Sites(np.zeros(2, np.int64), np.array([1, -1]), np.array([-1, 1], np.int8))
    found, letters = Tracks(values, codes).read(sites, 3)
    assert letters.tolist() == [[0, 1, 2], [4, 0, 1]]
    assert found[0].tolist() == values[0, 3:0:-1, ::-1].tolist()
    assert found[1, 0].tolist() == [0, 0, 0, 0]
    pair = Tracks(values, codes).pair(sites, 3)
    np.testing.assert_allclose(np.abs(pair[:, :, :4]).sum(axis=(1, 2)), 1, atol=1e-6)
    np.testing.assert_array_equal(turned(turned(pair)), pair)


def test_moving_a_site_moves_what_it_reads() -> None:
    tracks, (sites,) = planted(0, [[("TGACTCA", 10)]], 6)
    whole = tracks.read(sites, MOTIF_BP)[1]
    moved = sites.moved(4, np.zeros(6, bool), MOTIF_BP, 20)
    np.testing.assert_array_equal(tracks.read(moved, 20)[1], whole[:, 4:24])
    flipped = sites.moved(4, np.ones(6, bool), MOTIF_BP, 20)
    np.testing.assert_array_equal(tracks.read(flipped, 20)[1], 3 - whole[:, ::-1][:, 4:24])


def test_seqlets_that_are_shifted_and_turned_are_aligned() -> None:
    tracks, (sites,) = planted(1, [[("GGTCATTCA", 12)]], 40)
    rng = np.random.default_rng(2)
    astray = sites.moved(rng.integers(-6, 7, 40), rng.random(40) < 0.5, MOTIF_BP, MOTIF_BP)
    found = aggregated(tracks, np.arange(40), astray, MOTIF_BP, 0, ALONE)
    assert read_word(tracks, found) in ("GGTCATTCA", "TGAATGACC")
    assert len(found.nodes) == 40
    # the word is in the middle
    middle = np.abs(found.mean[:, :4]).sum(axis=1)
    assert abs(float((middle * np.arange(MOTIF_BP)).sum() / middle.sum()) - MOTIF_BP / 2) < 5


def test_what_is_there_twice_counts_once() -> None:
    tracks, (sites,) = planted(3, [[("GGTCATTCA", 12)]], 10)
    twice = sites.take(np.arange(20) % 10)
    found = aggregated(tracks, np.arange(20), twice, MOTIF_BP, 0, ALONE)
    assert found.nodes.tolist() == list(range(10))


def two(
    seed: int, first: list[tuple[str, int]], second: list[tuple[str, int]]
) -> tuple[Tracks, list[Pattern]]:
    tracks, sites = planted(seed, [first, second], 40)
    numbers = np.arange(80).reshape(2, 40)
    return tracks, [pattern(tracks, own, of) for own, of in zip(numbers, sites, strict=True)]


@pytest.mark.parametrize("flip", [False, True])
def test_two_halves_of_one_motif_are_joined_whatever_their_place_and_strand(flip: bool) -> None:
    tracks, (a, b) = two(4, [("GGTCATTCA", 10)], [("GGTCATTCA", 10)])
    b = pattern(tracks, b.nodes, b.sites.moved(-8, np.full(40, flip), MOTIF_BP, MOTIF_BP))
    how = joins.fit(a.mean, b.mean)
    assert how.flipped == flip
    assert joins.confusion(tracks, a.sites, joins.laid_on(b.sites, how)) > 0.8
    (found,) = joins.joined(tracks, [a, b], ALONE)
    assert (len(found.nodes), read_word(tracks, found)) == (80, "GGTCATTCA")


def test_two_motifs_stay_two() -> None:
    tracks, patterns = two(5, [("GGTCATTCA", 10)], [("CCGGAAGTC", 10)])
    assert len(joins.joined(tracks, patterns, ALONE)) == 2
    assert joins.confusion(tracks, patterns[0].sites, patterns[1].sites) < 0.1


def test_a_pattern_of_two_motifs_is_split_and_one_of_a_single_motif_is_not() -> None:
    tracks, (a, b) = two(6, [("GGTCATTCA", 10)], [("CCGGAAGTC", 10)])
    rng = np.random.default_rng(0)
    alike = np.kron(np.eye(2), rng.uniform(0.5, 1, (40, 40))) + 0.001
    alike = alike + alike.T
    row, node = np.nonzero(alike)
    graph = Graph.from_entries(row, node, alike[row, node], 80)
    mixed = pattern(tracks, np.arange(80), joins.concatenated([a.sites, b.sites]))
    found = joins.split(tracks, mixed, graph, 0, ALONE)
    assert sorted(one.nodes.tolist() for one in found) == [list(range(40)), list(range(40, 80))]
    tracks, (a, b) = two(7, [("GGTCATTCA", 10)], [("GGTCATTCA", 10)])
    whole = pattern(tracks, np.arange(80), joins.concatenated([a.sites, b.sites]))
    assert joins.split(tracks, whole, graph, 0, ALONE) == [whole]


def test_two_sites_side_by_side_are_absorbed_and_a_longer_motif_is_not() -> None:
    word = "GGTCATTCA"
    tracks, sites = planted(8, [[(word, 10)], [(word, 2), (word, 15)], [(word, 2), ("CCGGAAGTC", 15)]], 50)
    one, pair, longer = (
        pattern(tracks, np.arange(50)[: 50 - 10 * number], of.take(np.arange(50 - 10 * number)))
        for number, of in enumerate(sites)
    )
    (found,) = joins.absorbed(tracks, [pair, one], ALONE)
    assert (len(found.nodes), read_word(tracks, found)) == (90, word)
    assert len(joins.absorbed(tracks, [one, longer], ALONE)) == 2
