"""The page about discovered motifs: its first line, its cards, its tables, and nothing from the network."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genoml.io import jaspar_motifs
from genoml.report.discovery import discovery_summary, write_discovery_report
from genoml.runs.discover import Discovery, discover
from support.sites import attributions, found_in


@pytest.fixture(scope="module")
def found() -> Discovery:
    given = attributions()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genoml.runs.discover.discover_motifs", lambda *_, **__: found_in(given))
        return discover(given, known=jaspar_motifs())


def page_of(found: Discovery, path: Path) -> str:
    write_discovery_report(found, path, {"seed": "0"})
    return path.read_text(encoding="utf-8")


def test_the_first_line_says_what_explains_how_much(found):
    line = discovery_summary(found)
    assert re.fullmatch(
        r"150 peaks: CTCFL \(MA\d+\.\d\) explains (\d+) % of the contributions and has a site in 100 % of the peaks; "
        r"then \S+ \(MA\d+\.\d\) (\d+) %\.",
        line,
    )
    shares = [int(share) for share in re.findall(r"(\d+) %", line)]
    size = np.abs(found.attributions.actual)
    inside = np.zeros(size.shape, bool)
    for row, start, end, motif in zip(
        found.hits.example, found.hits.start, found.hits.end, found.hits.motif, strict=True
    ):
        inside[row, start:end] |= motif == 0
    assert shares[0] == round(100 * size[inside].sum() / size.sum())
    assert 60 < shares[0] + shares[2] <= 100


def test_without_hits_the_seqlets_stand_for_them(found):
    line = discovery_summary(replace(found, hits=None, matches=[[], []]))
    assert "pos_0 (CCACCAGGGGGCG) explains" in line
    assert "has a seqlet in" in line


def test_names_that_are_no_loci_are_sequences_and_no_motif_is_said(found):
    regions = found.regions._replace(chroms=found.regions.names)
    empty = replace(found, regions=regions, motifs=[], matches=[])
    assert discovery_summary(empty) == "150 sequences: no motif was found."


def test_motifs_of_one_factor_are_said_once_and_what_both_cover_counts_once(found):
    twice = replace(
        found, motifs=[*found.motifs, found.motifs[0]], matches=[*found.matches, found.matches[0]], hits=None
    )
    once = replace(found, hits=None)
    said, alone = discovery_summary(twice), discovery_summary(once)
    assert "CTCFL (MA1102.3, 2 motifs) explains" in said
    assert said.replace(", 2 motifs", "") == alone


def test_a_negative_motif_lowers_the_output(found):
    motifs = [replace(motif, sign=-1, contributions=-motif.contributions) for motif in found.motifs]
    assert "CTCFL (" in discovery_summary(replace(found, motifs=motifs))
    assert "which lowers the output, explains" in discovery_summary(replace(found, motifs=motifs))


def test_every_motif_has_logos_and_three_known_ones_with_their_values(found, tmp_path):
    page = page_of(found, tmp_path / "report.html")
    assert page.count('<article class="motif">') == 2
    # logos and positions of each, and the pairs
    assert page.count('<img src="data:image/svg+xml,') == 5
    for matches in found.matches:
        assert len(matches) == 3
        for match in matches:
            assert match.label in page
            assert (
                f"<td>{match.p_value:.1g}</td><td>{match.e_value:.1g}</td><td>{match.q_value:.1g}</td>"
                in page
            )
    assert "seqlets were called" in page
    assert "http" not in re.sub(
        r"http://www.w3.org|https://www.w3.org", "", page.replace("%3A", ":")
    ).replace("http://purl.org", "").replace("http://creativecommons.org", "").replace(
        "https://matplotlib.org", ""
    )
    assert "genoml 0" in page


def test_the_same_discovery_gives_the_same_page(found, tmp_path):
    assert page_of(found, tmp_path / "a.html") == page_of(found, tmp_path / "b.html")


def test_hostile_names_are_escaped_and_notes_are_shown(found, tmp_path):
    notes = ["<script>alert(1)</script> & 3 negative seqlets"]
    page = page_of(replace(found, notes=notes), tmp_path / "report.html")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_page_without_a_motif_says_so(found, tmp_path):
    empty = replace(found, motifs=[], matches=[], hits=None)
    page = page_of(empty, tmp_path / "report.html")
    assert "no motif was found" in page
    assert "<article" not in page


def test_one_motif_without_known_ones_has_no_pairs(found, tmp_path):
    one = replace(found, motifs=found.motifs[:1], matches=[[]], known=[], hits=None)
    page = page_of(one, tmp_path / "report.html")
    assert "Which motifs come together" not in page
    assert "Tomtom" not in page
    assert page.count("<img") == 2
