"""Discovery: its files, in the genome's coordinates too, and what is told of its input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from genoml.explain import DiscoveredMotif, call_seqlets
from genoml.io import jaspar_motifs, read_bed, read_motifs
from genoml.io.errors import FormatWarning
from genoml.runs import RunError
from genoml.runs.attribute import Attributions
from genoml.runs.discover import discover
from support.sites import attributions, found_in


@pytest.fixture
def motifs(monkeypatch: pytest.MonkeyPatch) -> list[DiscoveredMotif]:
    """The planted motifs, which are found."""
    found = found_in(attributions())
    monkeypatch.setattr("genoml.runs.discover.discover_motifs", lambda *_, **__: found)
    return found


def own_of(given: Attributions, motif: DiscoveredMotif, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Bases and contributions of a seqlet, read as the motif is."""
    place = slice(motif.start[at], motif.start[at] + motif.width)
    bases, values = given.codes[motif.example[at], place], given.actual[motif.example[at], place]
    return (bases, values) if motif.strand[at] > 0 else (3 - bases[::-1], values[::-1])


def test_the_motifs_are_written_without_flanks_and_with_what_they_are(motifs, tmp_path):
    found = discover(attributions(), known=jaspar_motifs())
    paths = found.save(tmp_path / "out")
    assert [path.name for path in paths] == ["motifs.meme", "motifs.npz", "seqlets.bed", "hits.bed"]
    assert all(path.is_file() for path in paths)
    written = read_motifs(tmp_path / "out" / "motifs.meme")
    assert [(motif.name, motif.width) for motif in written] == [("pos_0", 13), ("pos_1", 7)]
    assert written[0].symbol.startswith("CTCF")
    assert [motif.n_sites for motif in written] == [motif.n_seqlets for motif in motifs]
    np.testing.assert_allclose(written[1].probabilities, motifs[1].trimmed().probabilities, atol=1e-12)
    with np.load(tmp_path / "out" / "motifs.npz") as arrays:
        assert arrays["names"].tolist() == ["pos_0", "pos_1"]
        for motif in motifs:
            for field in ("probabilities", "contributions", "hypothetical", "example", "start", "strand"):
                assert np.array_equal(arrays[f"{motif.name}.{field}"], getattr(motif, field))


def test_hits_and_seqlets_lie_in_the_genome_on_their_strands(motifs, tmp_path):
    given = attributions()
    found = discover(given)
    found.save(tmp_path / "out")
    hits, seqlets = (read_bed(tmp_path / "out" / name) for name in ("hits.bed", "seqlets.bed"))
    assert len(hits) == len(found.hits) == 300
    core = motifs[0].trimmed()
    row = int(core.example[0])
    first, turned = 1000 * row, row % 2 == 1
    start = first + (80 - core.start[0] - core.width if turned else core.start[0])
    strand = "+-"[int((core.strand[0] < 0) != turned)]
    for written in (hits, seqlets):
        own = (written.columns["name"] == "pos_0") & (written.start == start) & (written.strand == strand)
        assert (own & (written.chrom == f"chr{1 + row % 3}")).sum() == 1
    names, numbers = np.unique(seqlets.columns["name"].astype(str), return_counts=True)
    counts = dict(zip(names.tolist(), numbers.tolist(), strict=True))
    assert [counts[motif.name] for motif in motifs] == [motif.n_seqlets for motif in motifs]
    # what was called and lies in no motif has no name
    assert counts.get(".", 0) < len(call_seqlets(given.actual, "windows"))


def test_the_hdf5_file_has_the_layout_of_modisco(motifs, tmp_path):
    given = attributions()
    motifs[0] = replace(motifs[0], subpatterns=(motifs[0],))
    found = discover(given, hits=False)
    paths = found.save(tmp_path / "out", h5=tmp_path / "modisco.h5")
    assert "hits.bed" not in [path.name for path in paths]
    with h5py.File(tmp_path / "modisco.h5") as file:
        assert file.attrs["window_size"] == 80
        assert list(file) == ["pos_patterns"]
        for number, motif in enumerate(motifs):
            group = file["pos_patterns"][f"pattern_{number}"]
            assert np.array_equal(group["sequence"][:], motif.probabilities)
            assert np.array_equal(group["contrib_scores"][:], motif.contributions)
            assert np.array_equal(group["hypothetical_contribs"][:], motif.hypothetical)
            seqlets = group["seqlets"]
            assert seqlets["n_seqlets"][:].tolist() == [motif.n_seqlets]
            assert np.array_equal(seqlets["example_idx"][:], motif.example)
            assert np.array_equal(
                seqlets["end"][:] - seqlets["start"][:], np.full(motif.n_seqlets, motif.width)
            )
            assert np.array_equal(seqlets["is_revcomp"][:], motif.strand < 0)
            for at in range(5):
                bases, values = own_of(given, motif, at)
                assert np.array_equal(seqlets["sequence"][at].argmax(axis=1), bases)
                np.testing.assert_allclose(seqlets["contrib_scores"][at].sum(axis=1), values, rtol=1e-6)
        assert "seqlets" in file["pos_patterns/pattern_0/subpattern_0"]


def test_seqlets_that_hang_over_an_end_are_written_as_far_as_they_go(motifs, tmp_path):
    given = attributions()
    motifs[0] = replace(motifs[0], start=np.where(motifs[0].start < 20, -2, motifs[0].start))
    motifs[1] = replace(motifs[1], start=np.where(motifs[1].start > 50, 72, motifs[1].start))
    found = discover(given, hits=False)
    found.save(tmp_path / "out", h5=tmp_path / "x.h5")
    assert len(read_bed(tmp_path / "out" / "seqlets.bed")) >= sum(motif.n_seqlets for motif in motifs)
    with h5py.File(tmp_path / "x.h5") as file:
        for motif in motifs:
            seqlets = file["pos_patterns"][f"pattern_{motif.name[-1]}"]["seqlets"]
            there = seqlets["sequence"][:].any(axis=2)
            place = motif.start[:, None] + np.arange(motif.width)
            inside = (place >= 0) & (place < 80)
            assert np.array_equal(there, np.where(motif.strand[:, None] < 0, inside[:, ::-1], inside))
            assert not seqlets["hypothetical_contribs"][:][~there].any()


def test_a_sign_with_few_seqlets_is_left_out_and_told(monkeypatch):
    given, seen = attributions(), []
    monkeypatch.setattr("genoml.runs.discover.discover_motifs", lambda *a, **_: seen.append(a[2]) or [])
    found = discover(given)
    negative = int((found.seqlets.sign < 0).sum())
    assert set(seen[0].sign.tolist()) == {1}
    what = "which is fewer than 100; no motifs were looked for in them"
    assert found.notes == [f"negative seqlets: {negative}, {what}"]
    with pytest.warns(FormatWarning, match=r"x\.npz: positive seqlets: \d+, which is fewer than 100"):
        few = discover(attributions(20), source="x.npz")
    assert len(seen) == 1
    assert [note.split(":")[0] for note in few.notes] == ["positive seqlets", "negative seqlets"]
    assert (few.motifs, len(few.hits)) == ([], 0)


def test_a_control_sets_the_threshold_of_the_seqlets(motifs):
    given = attributions(control=True)
    with pytest.warns(FormatWarning, match="negative seqlets: 5, which is fewer than 100"):
        found = discover(given, fdr=0.2)
    expected = call_seqlets(given.actual, "windows", control=given.control_actual, fdr=0.2)
    assert np.array_equal(found.seqlets.start, expected.start)
    assert found.seqlets.fdr is not None
    with pytest.raises(
        ValueError, match=r"x\.npz: holds no control for --fdr; write one by genoml attribute"
    ):
        discover(attributions(), fdr=0.2, source="x.npz")


def test_a_control_that_leaves_no_seqlets_is_told_on_the_page_too(monkeypatch):
    given = attributions(control=True)
    same = replace(given, control_actual=given.actual, control_codes=given.codes)
    monkeypatch.setattr(
        "genoml.runs.discover.discover_motifs", lambda *_, **__: pytest.fail("nothing to look in")
    )
    with pytest.warns(
        FormatWarning, match=r"x\.npz: no threshold reaches a false discovery rate of 0\.05"
    ) as told:
        found = discover(same, source="x.npz")
    assert len(told) == 1
    assert found.notes[0].startswith("no threshold reaches")
    assert len(found.notes) == 3


def test_letters_that_are_no_base_and_padding_reach_discovery_as_no_base(monkeypatch):
    given, seen = attributions(), []
    codes = given.codes.copy()
    codes[0, :3] = 5, 14, 15
    monkeypatch.setattr("genoml.runs.discover.discover_motifs", lambda *a, **_: seen.append(a[1]) or [])
    discover(replace(given, codes=codes))
    assert seen[0][0, :4].tolist() == [4, 4, 4, codes[0, 3]]


def test_a_dead_model_is_told(tmp_path):
    given = attributions(10)
    nothing = replace(given, actual=0 * given.actual, hypothetical=0 * given.hypothetical)
    with pytest.raises(
        ValueError, match=r"x\.npz: all contributions are 0; the model's output does not depend"
    ):
        discover(nothing, source="x.npz")


def test_names_that_are_no_loci_and_regions_that_repeat_are_told_once(motifs, tmp_path):
    names = [f"peak{at // 2}" for at in range(150)]
    with pytest.warns(FormatWarning) as told:
        discover(attributions(names=names), source="x.npz").save(tmp_path / "out")
    assert [str(each.message) for each in told] == [
        "x.npz: 75 of 150 regions repeat another: their seqlets count twice",
        "x.npz: coordinates are those in the sequences, since 'peak0' is no locus like chr8:100-300",
    ]
    hits = read_bed(tmp_path / "out" / "hits.bed")
    assert set(hits.names) == set(names)
    assert hits.end.max() <= 80


def test_a_folder_that_holds_things_is_not_written_into(motifs, tmp_path):
    found = discover(attributions())
    (tmp_path / "out").mkdir()
    found.save(tmp_path / "out")
    before = {path.name: path.stat().st_mtime_ns for path in Path(tmp_path / "out").iterdir()}
    with pytest.raises(RunError, match="already exists"):
        found.save(tmp_path / "out")
    assert before == {path.name: path.stat().st_mtime_ns for path in Path(tmp_path / "out").iterdir()}
