"""Hits: planted sites, competition, ends, coordinates, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.explain import Hits, call_hits
from genoml.explain.discovery import hits as hits_module
from genoml.explain.discovery import sites as sites_module
from genoml.io import read_bed
from support.sites import LONG, SHORT, hypothetical_of, motif_of, planted

MOTIFS = [motif_of(*LONG, "pos_0"), motif_of(*SHORT, "pos_1")]


def cores() -> list[slice]:
    """Of each motif, the part of its letters that is not cut off as a weak end."""
    return [slice(0, 13), slice(1, 8)]


def listed(found: Hits) -> set[tuple[int, int, int, int]]:
    columns = (found.example, found.start, found.strand, found.motif)
    return set(zip(*(column.tolist() for column in columns), strict=True))


def expected(sites: list[tuple[int, int, int, int]]) -> set[tuple[int, int, int, int]]:
    """Sites by the first position that is not cut off."""
    lengths = (len(LONG[0]), len(SHORT[0]))
    shift = {(motif, 1): core.start for motif, core in enumerate(cores())} | {
        (motif, -1): lengths[motif] - core.stop for motif, core in enumerate(cores())
    }
    return {(row, at + shift[motif, strand], strand, motif) for row, at, strand, motif in sites}


def test_every_planted_site_is_found_at_its_place_and_strand_and_nothing_else(backend):
    own, codes, sites = planted()
    found = call_hits(own, codes, MOTIFS, backend=backend)
    assert listed(found) == expected(sites)
    assert (found.correlation > 0.9).all()
    assert (found.coefficient > 0).all()
    assert np.array_equal(found.end - found.start, np.array([13, 7])[found.motif])
    shares = np.bincount(found.example, found.share)
    assert ((shares > 0.7) & (shares <= 1)).all()
    order = np.lexsort((found.motif, found.start, found.example))
    assert np.array_equal(order, np.arange(len(found)))


def test_hypothetical_contributions_give_the_hits_of_the_own_bases():
    own, codes, _ = planted(8)
    here, there = call_hits(own, codes, MOTIFS), call_hits(hypothetical_of(own, codes), codes, MOTIFS)
    assert listed(here) == listed(there)
    np.testing.assert_allclose(here.coefficient, there.coefficient, rtol=1e-6)


def test_the_hits_do_not_depend_on_how_many_are_computed_at_a_time(monkeypatch):
    own, codes, _ = planted(12)
    whole = call_hits(own, codes, MOTIFS)
    for module in (hits_module, sites_module):
        monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1000)
    parts = call_hits(own, codes, MOTIFS)
    assert listed(whole) == listed(parts)
    np.testing.assert_allclose(whole.coefficient, parts.coefficient, rtol=1e-4)


def test_a_motif_that_a_better_one_explains_is_no_hit():
    own, codes, sites = planted(20)
    letters, heights = LONG
    weaker = heights * np.where(np.arange(len(heights)) % 3 == 0, 0.2, 1.0)
    both = [*MOTIFS, motif_of(letters, weaker, "pos_2")]
    alone = call_hits(own, codes, both[2:])
    together = call_hits(own, codes, both)
    assert len(alone) >= 20
    assert listed(together) == expected(sites)


@pytest.mark.parametrize("strand", [1, -1])
@pytest.mark.parametrize("at_end", [False, True])
def test_sites_at_the_ends_of_a_sequence_are_found(strand, at_end):
    letters, heights = LONG
    bases = np.searchsorted(list("ACGT"), letters)
    bases, heights = (bases, heights) if strand == 1 else (3 - bases[::-1], heights[::-1])
    codes, own = np.zeros((1, 40), np.uint8), np.zeros((1, 40))
    place = slice(27, 40) if at_end else slice(0, 13)
    codes[0, place], own[0, place] = bases, heights
    assert listed(call_hits(own, codes, MOTIFS)) == {(0, place.start, strand, 0)}


def test_a_site_that_is_cut_off_by_the_end_is_none():
    codes, own = np.zeros((1, 40), np.uint8), np.zeros((1, 40))
    codes[0, -9:], own[0, -9:] = np.searchsorted(list("ACGT"), LONG[0][:9]), LONG[1][:9]
    assert not len(call_hits(own, codes, MOTIFS[:1], least_correlation=0.5))


def test_letters_that_are_no_base_and_padding_contribute_nothing():
    own, codes, sites = planted(10)
    codes, own = np.pad(codes, ((0, 0), (0, 9)), constant_values=15), np.pad(own, ((0, 0), (0, 9)))
    own[:, -9:] = 100.0
    codes[0, sites[0][1] : sites[0][1] + 13] = 14
    found = call_hits(own, codes, MOTIFS)
    assert listed(found) == expected(sites[1:])


def test_negative_motifs_have_positive_coefficients():
    own, codes, sites = planted(10)
    motifs = [motif_of(letters, -heights, name) for (letters, heights), name in ((LONG, "a"), (SHORT, "b"))]
    found = call_hits(-own, codes, motifs)
    assert listed(found) == expected(sites)
    assert (found.coefficient > 0).all()


def test_sequences_without_contributions_and_no_motifs_give_no_hits(tmp_path):
    own, codes, sites = planted(6)
    own[2] = 0
    found = call_hits(own, codes, MOTIFS)
    assert listed(found) == {site for site in expected(sites) if site[0] != 2}
    nothing = call_hits(own, codes, [])
    assert len(nothing) == 0
    nothing.to_bed([f"chr1:{at}-{at + 80}" for at in range(6)], tmp_path / "hits.bed")
    assert (tmp_path / "hits.bed").read_text() == ""


def test_a_fit_that_does_not_end_is_told_with_its_gap(monkeypatch):
    own, codes, _ = planted(4)
    monkeypatch.setattr(sites_module, "MOST_STEPS", 1)
    message = r"the fit of \d of 4 sequences stopped at a duality gap of up to 0\.\d+, above 0.001"
    with pytest.warns(UserWarning, match=message) as told:
        call_hits(own, codes, MOTIFS, least_correlation=0.1)
    assert told[0].filename == __file__


def test_a_bed_file_has_the_motif_and_its_strand_in_the_genome(tmp_path):
    columns = {
        "example": np.array([0, 1, 2]), "start": np.array([10, 10, 0]), "end": np.array([16, 16, 6]),
        "strand": np.array([1, 1, -1], np.int8), "motif": np.array([0, 1, 1]),
    }  # fmt: skip
    numbers = dict.fromkeys(("coefficient", "correlation", "share"), np.array([3.0, 2.0, 1.0]))
    found = Hits(**columns, **numbers, names=("pos_0", "neg_0"), shape=(3, 200))
    found.to_bed(["chr8:100-300", "chr8:1000-1200(-)", "chr9:7-207(+)"], tmp_path / "hits.bed")
    lines = (tmp_path / "hits.bed").read_text().splitlines()
    assert lines == [
        "chr8\t110\t116\tpos_0\t3\t+",
        "chr8\t1184\t1190\tneg_0\t2\t-",
        "chr9\t7\t13\tneg_0\t1\t-",
    ]
    with pytest.warns(UserWarning, match="'b' is no locus"):
        found.to_bed(["chr8:100-300", "b", "c"], tmp_path / "hits.bed")
    assert read_bed(tmp_path / "hits.bed").strand.tolist() == ["+", "+", "-"]


@pytest.mark.parametrize(
    ("own", "codes", "options", "message"),
    [
        (np.zeros((2, 9)), np.zeros((2, 8), np.uint8), {}, r"as codes, got float64 \(2, 9\)"),
        (np.zeros((2, 8, 3)), np.zeros((2, 8), np.uint8), {}, r"expects numbers \(2, 8, 4\) or \(2, 8\)"),
        (np.zeros((2, 8)), np.zeros((2, 8)), {}, "codes expects base codes"),
        (np.zeros((2, 8)), np.full((2, 8), 16), {}, "codes expects base codes"),
        ([[0, 1.0], [np.nan, 0]], np.zeros((2, 2), np.uint8), {}, "contributions is nan at sequence 1, position 0"),
        (np.zeros((2, 8)), np.zeros((2, 8), np.uint8), {"least_correlation": 1.0}, "least_correlation"),
    ],
)  # fmt: skip
def test_what_is_refused(own, codes, options, message):
    with pytest.raises(ValueError, match=message):
        call_hits(own, codes, MOTIFS, **options)
