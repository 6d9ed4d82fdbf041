"""Motif matching: a known motif is found again turned, cut and noisy; a random one is not."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.explain import (
    base_probabilities,
    chance_similarity,
    information_content,
    match_motif,
    match_motifs,
    most_significant,
)
from genoml.io import Motif, jaspar_motifs


@pytest.fixture(scope="module")
def known() -> list[Motif]:
    return jaspar_motifs()


@pytest.fixture(scope="module")
def ctcf(known) -> np.ndarray:
    return next(motif for motif in known if motif.name.startswith("MA0139")).probabilities


def loop_similarity(query: np.ndarray, target: np.ndarray) -> tuple[float, int, str]:
    """The formula column by column."""
    best = (-2.0, 0, "+")
    for strand in "+-":
        turned = target if strand == "+" else target[::-1, ::-1]
        query_bits, target_bits = information_content(query), information_content(turned)
        for offset in range(1 - len(query), len(turned)):
            total, aligned = 0.0, set()
            for i in range(len(query)):
                if 0 <= i + offset < len(turned):
                    aligned.add(i + offset)
                    r = np.corrcoef(query[i], turned[i + offset])[0, 1]
                    total += r * np.sqrt(query_bits[i] * target_bits[i + offset])
            weights = [bits if j in aligned else 0.1 * bits for j, bits in enumerate(target_bits)]
            best = max(best, (total / np.sqrt(query_bits.sum() * sum(weights)), offset, strand))
    return best


def test_similarity_offset_and_strand_equal_the_formula():
    rng = np.random.default_rng(0)
    for _ in range(30):
        query = rng.dirichlet([0.5] * 4, int(rng.integers(1, 9)))
        targets = [Motif(f"M{i}", rng.dirichlet([0.5] * 4, int(rng.integers(1, 9)))) for i in range(5)]
        for match in match_motif(query, targets):
            similarity, offset, strand = loop_similarity(query, targets[match.target].matrix)
            assert match.similarity == pytest.approx(similarity, abs=1e-12)
            assert (match.offset, match.strand) == (offset, strand)


def test_a_motif_finds_itself(known, ctcf):
    match = match_motif(ctcf, known)[0]
    assert (match.symbol, match.offset, match.strand) == ("CTCF", 0, "+")
    assert match.name == match.accession == known[match.target].name
    assert match.label == f"CTCF {match.name}"
    assert match.similarity == pytest.approx(1.0)


def test_its_reverse_complement_finds_it_on_the_other_strand(known, ctcf):
    match = match_motif(ctcf[::-1, ::-1], known)[0]
    assert (match.symbol, match.offset, match.strand) == ("CTCF", 0, "-")
    assert match.similarity == pytest.approx(1.0)


@pytest.mark.parametrize(("start", "end"), [(0, 10), (3, 13), (5, 13), (5, 15)])
def test_a_piece_of_it_finds_it_at_its_place(known, ctcf, start, end):
    match = match_motif(ctcf[start:end], known)[0]
    assert (match.symbol, match.offset, match.strand) == ("CTCF", start, "+")
    turned = match_motif(ctcf[start:end][::-1, ::-1], known)[0]
    assert (turned.symbol, turned.offset, turned.strand) == ("CTCF", len(ctcf) - end, "-")


def test_flanks_without_information_shift_it_and_cost_nothing(known, ctcf):
    flanked = np.vstack([np.full((4, 4), 0.25), ctcf, np.full((2, 4), 0.25)])
    match = match_motif(flanked, known)[0]
    assert (match.symbol, match.offset) == ("CTCF", -4)
    assert match.similarity == pytest.approx(1.0)


def test_noise_leaves_it_first(known, ctcf):
    rng = np.random.default_rng(1)
    for _ in range(20):
        noisy = 0.6 * ctcf + 0.4 * rng.dirichlet([1] * 4, len(ctcf))
        match = match_motif(noisy, known)[0]
        assert match.symbol == "CTCF"
        assert match.similarity > 0.85


def test_random_motifs_are_like_none(known):
    rng = np.random.default_rng(2)
    queries = [rng.dirichlet([0.3] * 4, 15) for _ in range(20)]
    best = [matches[0].similarity for matches in match_motifs(queries, known, limit=1)]
    assert np.median(best) < 0.7
    assert max(best) < 0.85


def test_random_motifs_seldom_exceed_the_similarity_by_chance(known):
    rng = np.random.default_rng(4)
    for width in (8, 15, 25):
        queries = [rng.dirichlet([0.3] * 4, width) for _ in range(60)]
        found = match_motifs(queries, known, limit=1)
        above = [m[0].similarity > chance_similarity(q) for m, q in zip(found, queries, strict=True)]
        assert sum(above) <= 8


def test_similarity_by_chance_falls_with_the_informative_columns(ctcf):
    flat = np.full((10, 4), 0.25)
    assert chance_similarity(flat) > chance_similarity(ctcf[:6]) > chance_similarity(ctcf) > 0.5
    assert chance_similarity(np.vstack([flat, ctcf, flat])) == pytest.approx(chance_similarity(ctcf))


def test_pieces_of_all_known_motifs_are_recognised(known):
    """8-column pieces under 20 % noise: the motif itself comes first for four in five."""
    rng = np.random.default_rng(3)
    chosen = [i for i in rng.permutation(len(known)) if known[i].width >= 10][:100]
    queries = []
    for i in chosen:
        start = int(rng.integers(0, known[i].width - 7))
        piece = known[i].probabilities[start : start + 8]
        queries.append(0.8 * piece + 0.2 * rng.dirichlet([1] * 4, 8))
    found = match_motifs(queries, known, limit=1)
    assert sum(matches[0].target == i for matches, i in zip(found, chosen, strict=True)) >= 80


def test_matches_come_sorted_and_limited(known, ctcf):
    matches = match_motif(ctcf, known, limit=None)
    assert len(matches) == len(known)
    assert sorted(matches, key=lambda match: -match.similarity) == matches
    assert match_motif(ctcf, known, limit=3) == matches[:3]
    assert match_motif(ctcf, [], limit=3) == []


def test_counts_match_as_their_probabilities_do(known, ctcf):
    assert match_motif(ctcf * 500, known)[0].similarity == pytest.approx(1.0)


def test_motifs_without_information_are_like_nothing():
    flat, sharp = np.full((5, 4), 0.25), np.eye(4)
    assert match_motif(flat, [Motif("sharp", sharp)])[0].similarity == 0.0
    assert match_motif(sharp, [Motif("flat", flat)])[0].similarity == 0.0


def test_a_single_column_is_a_motif():
    match = match_motif([[0, 0, 9, 1]], [Motif("M", base_probabilities([[9, 1, 0, 0], [0, 0, 9, 1]]))])[0]
    assert (match.offset, match.strand) == (1, "+")


def test_a_query_that_is_no_motif_is_refused(known):
    with pytest.raises(ValueError, match=r"\(width, 4\), columns A C G T, got \(4, 8\)"):
        match_motif(np.ones((4, 8)), known)


def test_p_values_come_if_asked_for_and_leave_the_ranking(known, ctcf):
    plain, with_p = match_motif(ctcf, known, limit=5), match_motif(ctcf, known, limit=5, p_values=True)
    assert [m.name for m in plain] == [m.name for m in with_p]
    assert plain[0].p_value is None
    assert with_p[0].p_value < 1e-15
    assert with_p[0].e_value == pytest.approx(len(known) * with_p[0].p_value)
    noise = np.random.default_rng(6).dirichlet([0.3] * 4, 12)
    assert match_motif(noise, known, limit=1, p_values=True)[0].e_value > 1e-3


def test_q_values_are_those_of_benjamini_and_hochberg_over_all_pairs():
    known = jaspar_motifs()[:60]
    queries = [known[3].probabilities, known[7].probabilities[1:], np.full((6, 4), 0.25)]
    found = most_significant(queries, known, limit=60)
    pairs = [(match.p_value, match.q_value) for matches in found for match in matches]
    p, q = np.array(pairs).T
    assert len(p) == 180
    expected = [min(1.0, min(180 * other / (p <= other).sum() for other in p[p >= one])) for one in p]
    np.testing.assert_allclose(q, expected, rtol=1e-12)
    assert [matches[0].target for matches in found[:2]] == [3, 7]
    for matches in found:
        assert sorted(match.p_value for match in matches) == [match.p_value for match in matches]
    assert [len(matches) for matches in most_significant(queries, known)] == [3, 3, 3]
    assert most_significant(queries, []) == [[], [], []]
