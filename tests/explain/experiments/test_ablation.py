"""Sites that are replaced, one by one and in pairs; dependency maps; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from genoml.explain import Seqlets, ablate, deeplift, dependency_map, pairs, saliency
from genoml.explain.experiments.sites import How, found_sites, replacements
from genoml.sequence import base_codes
from genoml.train.predict import predict_outputs
from support.experiments import CODES, LETTERS, NETWORKS, network, random_codes, small

SITES = [(0, 12, 18), (0, 20, 26), (0, 28, 31), (2, 0, 9)]


def test_a_site_of_one_letter_is_no_other_after_a_shuffle_and_it_says_so() -> None:
    codes = CODES.copy()
    codes[0, 4:9] = 2
    with pytest.warns(
        UserWarning, match="1 of 2 sites have one letter alone, which a shuffle leaves as it is"
    ):
        found = ablate(small(), codes, [(0, 4, 9), (1, 4, 9)], n=2)
    assert not found.effect[0].any()


def test_a_site_without_bases_is_that_of_tangermeme_which_is_written_down() -> None:
    found = ablate(small(), CODES, [(row, 12, 18) for row in range(3)], how="zero", task=1)
    np.testing.assert_allclose(found.after[:, 0], [-1.10430575, -0.53262595, -1.0044825], atol=1e-8)


@pytest.mark.parametrize("how", get_args(How))
def test_an_effect_is_the_change_of_a_prediction(how: Any) -> None:
    model = small()
    found = ablate(model, CODES, SITES, how=how, n=3, seed=5, both_strands=True)
    assert found.effect.shape == (4, 1 if how == "zero" else 3)
    bases = replacements(CODES, found.sites, how, found.effect.shape[1], 5)
    own = predict_outputs(model, CODES, both_strands=True)[:, 0]
    for row, (example, start, end) in enumerate(SITES):
        copies = np.repeat(CODES[None, example], len(bases[row]), axis=0)
        copies[:, start:end] = bases[row]
        after = predict_outputs(model, copies, both_strands=True)[:, 0]
        np.testing.assert_allclose(found.effect[row], after - own[example], atol=1e-12)


def test_what_takes_a_sites_place_is_what_was_asked_for() -> None:
    codes = random_codes(3, 60)
    sites = found_sites([(1, 10, 40)], np.full(3, 60))
    own = np.bincount(codes[1, 10:40], minlength=4)
    for row in replacements(codes, sites, "shuffle", 4, 0)[0]:
        assert np.array_equal(np.bincount(row, minlength=4), own)
        assert not np.array_equal(row, codes[1, 10:40])
    assert (replacements(codes, sites, "zero", 2, 0)[0] == 15).all()
    whole = found_sites([(1, 0, 60)], np.full(3, 60))
    for row in replacements(codes, whole, "background", 3, 0)[0]:
        assert np.array_equal(np.bincount(row, minlength=4), np.bincount(codes[1], minlength=4))
    poor = np.zeros((1, 60), np.uint8)
    assert not replacements(poor, found_sites([(0, 5, 9)], np.array([60])), "random", 5, 0)[0].any()


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_give_what_whole_sequences_give(name: str) -> None:
    sites = [(0, 3, 9), (0, 30, 36), (1, 20, 41), (1, 50, 60), (2, 0, 4)]
    found, whole = (
        ablate(network(name), random_codes(3, 60), sites, n=3, both_strands=True, windows=w)
        for w in (True, False)
    )
    np.testing.assert_allclose(found.after, whole.after, atol=2e-6 * np.abs(whole.after).max(), rtol=0)


def test_epistasis_is_what_two_do_beyond_what_each_does() -> None:
    model = small()
    found = pairs(model, CODES, SITES, n=2, seed=1)
    assert [*zip(found.first.tolist(), found.second.tolist(), strict=True)] == [(0, 1), (0, 2), (1, 2)]
    alone = ablate(model, CODES, SITES, n=2, seed=1)
    assert np.array_equal(found.first_alone, alone.effect[found.first])
    assert np.array_equal(found.second_alone, alone.effect[found.second])
    bases = replacements(CODES, found.sites, "shuffle", 2, 1)
    copies = np.repeat(CODES[None, 0], 2, axis=0)
    copies[:, 12:18], copies[:, 28:31] = bases[0], bases[2]
    both = predict_outputs(model, copies, both_strands=False)[:, 0]
    joint = both - predict_outputs(model, CODES[:1], both_strands=False)[0, 0]
    np.testing.assert_allclose(found.joint[1], joint, atol=1e-12)
    np.testing.assert_allclose(found.epistasis[1], joint - alone.effect[0] - alone.effect[2], atol=1e-12)
    assert found.statistics.mean.shape == (3,)


def test_sites_are_seqlets_or_a_bed_file_too(tmp_path: Path) -> None:
    example, start, end = np.array(SITES).T
    some = np.zeros(4)
    seqlets = Seqlets(example, start, end, some, some, np.ones(4, np.int8), 0.01, None, CODES.shape)
    expected = ablate(small(), CODES, SITES, n=2).after
    assert np.array_equal(ablate(small(), CODES, seqlets, n=2).after, expected)
    bed = tmp_path / "sites.bed"
    bed.write_text("".join(f"s{row}\t{start}\t{end}\tm{start}\n" for row, start, end in SITES))
    found = ablate(small(), LETTERS, bed, n=2, names=["s0", "s1", "s2"])
    assert np.array_equal(found.after, expected)
    assert found.sites.names == ("m12", "m20", "m28", "m0")


def test_sites_of_a_genome_lie_on_the_loci_that_the_names_are(tmp_path: Path) -> None:
    bed = tmp_path / "sites.bed"
    bed.write_text("chr1\t110\t115\ta\nchr2\t52\t56\tb\n")
    lengths = np.full(3, 32)
    names = ["chr1:100-132", "chr1:105-137(-)", "chr2:50-82(+)"]
    found = found_sites(bed, lengths, names)
    rows = [*zip(found.example.tolist(), found.start.tolist(), found.end.tolist(), found.names, strict=True)]
    assert rows == [(0, 10, 15, "a"), (1, 22, 27, "a"), (2, 2, 6, "b")]
    with pytest.raises(ValueError, match="chr1:100-132 is a locus of 32 bp, but its sequence has 20"):
        found_sites(bed, lengths - 12, names)
    bed.write_text("chr3\t110\t115\n")
    with pytest.raises(ValueError, match="chr3:110-115 is on no sequence"):
        found_sites(bed, lengths, names)
    with pytest.raises(ValueError, match="expect names="):
        found_sites(bed, lengths)


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ([(0, 30, 33)], r"site 0 \(example 0, 30 to 33\) is outside of its sequence, which has 32 bp"),
        ([(0, 1, 3), (3, 1, 3)], r"site 1 \(example 3, 1 to 3\) is outside of the 3 sequences"),
        ([(0, 5, 5)], "is outside"),
        ([(0, 5)], r"sites expects whole numbers \(k, 3\)"),
        (np.zeros((0, 3), int), "expects at least one site, got none"),
    ],
)
def test_sites_outside_are_named(sites: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ablate(small(), CODES, sites)


def test_positions_are_those_of_the_letters_also_where_they_are_padded() -> None:
    some = [LETTERS[0], LETTERS[1][:20]]
    found = ablate(small(), some, [(1, 0, 4), (1, 8, 20)], how="zero")
    padded = base_codes(some, pad="both")
    assert (padded[1] == 15).sum() == 12
    same = ablate(small(), padded, [(1, 6, 10), (1, 14, 26)], how="zero")
    assert np.array_equal(found.after, same.after)
    assert found.sites.start.tolist() == [0, 8]
    joined = pairs(small(), some, [(1, 0, 4), (1, 8, 20)], n=2).epistasis
    assert np.array_equal(joined, pairs(small(), padded, [(1, 6, 10), (1, 14, 26)], n=2).epistasis)
    with pytest.raises(ValueError, match="outside of its sequence, which has 20 bp"):
        ablate(small(), some, [(1, 18, 22)])
    with pytest.raises(ValueError, match=r"site 0 \(example 1, 4 to 8\) is on padding, not on bases"):
        ablate(small(), padded, [(1, 4, 8)])


def test_pairs_that_overlap_are_left_out_and_counted() -> None:
    with pytest.warns(UserWarning, match="pairs: 1 pairs of sites overlap, and are left out"):
        found = pairs(small(), CODES, [(0, 5, 9), (0, 1, 6), (0, 20, 24)], n=2)
    assert [*zip(found.first.tolist(), found.second.tolist(), strict=True)] == [(1, 2), (0, 2)]
    with pytest.raises(ValueError, match="a sequence with two sites that do not overlap, got none"):
        pairs(small(), CODES, [(0, 5, 9), (1, 1, 6)])


@pytest.mark.parametrize("by", ["deeplift", "saliency"])
def test_a_dependency_is_the_mean_change_of_a_contribution(by: Any) -> None:
    model, codes = network("motif_cnn").to(dtype="float64"), random_codes(2, 60)
    found = dependency_map(model, codes, by=by, span=(20, 26), n_references=2, seed=3)
    assert (found.values.shape, found.span, found.by) == ((2, 6, 6), (20, 26), by)
    own = deeplift(model, codes, n_references=2, seed=3)
    expected = np.zeros(6)
    for base in range(4):
        copy = codes[1:].copy()
        copy[0, 22] = base
        if by == "deeplift" and own.references is not None:
            before, after = own.actual[1], deeplift(model, copy, references=own.references[1:]).actual[0]
        else:
            before, after = saliency(model, codes[1:]).actual[0], saliency(model, copy).actual[0]
        expected += np.abs(after - before)[20:26] / 3
    expected[2] = 0.0
    np.testing.assert_allclose(found.values[1, 2], expected, atol=1e-12)
    assert not found.values[:, range(6), range(6)].any()


def test_a_span_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="span expects 0 <= start < end <= 32, got 30 to 33"):
        dependency_map(small(), CODES, span=(30, 33))
