"""Marginalisation: effects of motifs in backgrounds, by windows and whole, and what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.explain import DrawnMotif, ablate, backgrounds, count_task, marginalise, profile_task, space
from genoml.explain.experiments.motifs import drawn_motifs
from genoml.explain.tasks import Task
from genoml.io import jaspar_motifs
from genoml.models import build_model
from genoml.nn import StrandSymmetric
from genoml.sequence import base_codes, decode, reverse_complement
from genoml.sequence.motifs.motif import Motif
from genoml.train.predict import predict_outputs
from support.experiments import CODES, LETTERS, NETWORKS, network, random_codes, small


def test_predictions_are_those_of_tangermeme_which_are_written_down() -> None:
    found = marginalise(small(), LETTERS, "TGACTCA", strands="+", task=1)
    np.testing.assert_allclose(found.before, [-0.84462832, -0.53382216, -1.16841726], atol=1e-8)
    np.testing.assert_allclose(found.after[0, 0], [-0.76730667, -0.88231343, -1.08381564], atol=1e-8)


def test_an_effect_is_the_change_of_a_prediction_on_both_strands() -> None:
    model, codes, letters = small(), CODES.copy(), "TGACG"
    found = marginalise(model, codes, ["AC", letters], position=3, task=0, both_strands=True)
    own = predict_outputs(model, codes, both_strands=True)[:, 0]
    for strand, motif in enumerate((letters, reverse_complement(letters))):
        changed = codes.copy()
        changed[:, 3:8] = base_codes([motif])[0]
        after = predict_outputs(model, changed, both_strands=True)[:, 0]
        np.testing.assert_allclose(found.after[1, strand], after, atol=1e-12)
        np.testing.assert_allclose(found.by_strand[1, strand], (after - own).mean(), atol=1e-12)
    np.testing.assert_allclose(found.effect, found.after.mean(axis=1) - own, atol=1e-12)
    np.testing.assert_allclose(found.statistics.mean, found.effect.mean(axis=1), atol=1e-12)
    assert (found.names, found.n_backgrounds, found.start.tolist()) == (["AC", letters], 3, [3, 3])
    np.testing.assert_allclose(found.gc, [0.5, 0.46875, 0.4375], atol=0.04)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("both_strands", [False, True])
def test_windows_give_what_whole_sequences_give(name: str, both_strands: bool) -> None:
    model = network(name)
    tasks: list[Task | None] = (
        [profile_task(1, tracks=2), count_task(tracks=2)] if name == "bpnet" else [None]
    )
    motifs = ["TGACTCA", "CACGTG", "NRTGA"]  # shared by all backgrounds, and drawn for each
    for task in tasks:
        both = [
            marginalise(
                model,
                random_codes(7, 60),
                motifs,
                task=task,
                both_strands=both_strands,
                batch_size=8,
                windows=windows,
            )
            for windows in (True, False)
        ]
        scale = np.abs(both[1].after).max()
        np.testing.assert_allclose(both[0].after, both[1].after, atol=2e-6 * scale, rtol=0)
        np.testing.assert_allclose(both[0].before, both[1].before, atol=2e-6 * scale, rtol=0)


def test_every_backend_gives_the_same(backend: Backend) -> None:
    model, other = (small().to(dtype="float32", backend=each) for each in (backend, "numpy"))
    codes, options = random_codes(3, 32), dict[str, Any](task=1)
    found, expected = (
        marginalise(each, codes, ["TGACTCA", "NRTGACC"], **options).after for each in (model, other)
    )
    np.testing.assert_allclose(found, expected, atol=2e-6)
    found, expected = (
        space(each, codes, "TGACTCA", "CCAAT", [7], **options).joint for each in (model, other)
    )
    np.testing.assert_allclose(found, expected, atol=2e-6)
    sites = [(0, 12, 18)]
    found, expected = (ablate(each, codes, sites, n=2, **options).after for each in (model, other))
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_symmetric_network_is_computed_on_either_strand() -> None:
    model = StrandSymmetric(network("motif_cnn")).to(dtype="float64")
    found, whole = (marginalise(model, random_codes(5, 60), "TGACTCA", windows=w) for w in (True, False))
    np.testing.assert_allclose(found.after, whole.after, atol=1e-12)


def test_what_a_motif_is_given_as_makes_no_difference() -> None:
    matrix = np.eye(4)[base_codes(["TGACTCA"])[0]] * 0.8 + 0.05
    given: dict[str, Any] = {
        "letters": "tgactca",
        "matrix": Motif("M1", matrix),
        "seqlet": base_codes(["TGACTCA"])[0],
    }
    found = marginalise(small(), CODES, given)
    assert found.names == ["letters", "matrix", "seqlet"]
    assert np.array_equal(found.after[0], found.after[1])
    assert np.array_equal(found.after[0], found.after[2])


def test_letters_that_stand_for_several_bases_are_drawn_for_each_background() -> None:
    (motif,) = drawn_motifs("RNC", 400, seed=3)
    letters = decode(motif.codes)
    assert {each[0] for each in letters} == {"A", "G"}
    assert {each[1] for each in letters} == set("ACGT")
    assert {each[2] for each in letters} == {"C"}
    assert np.array_equal(motif.codes, drawn_motifs("RNC", 400, seed=3)[0].codes)
    assert not np.array_equal(motif.codes, drawn_motifs("RNC", 400, seed=4)[0].codes)


def test_a_matrix_is_its_most_probable_bases_or_drawn_by_its_probabilities() -> None:
    matrix = Motif("M1", np.array([[0.7, 0.1, 0.1, 0.1], [0.0, 0.0, 0.3, 0.7]]), symbol="TF")
    (plain,) = drawn_motifs(matrix, 5)
    assert (plain.label, decode(plain.codes)) == ("TF (M1)", ["AT"])
    (drawn,) = drawn_motifs([matrix], 4000, sample=True, seed=1)
    shares = np.stack([np.bincount(drawn.codes[:, place], minlength=4) / 4000 for place in range(2)])
    np.testing.assert_allclose(shares, matrix.probabilities, atol=0.03)


def test_all_of_jaspar_can_be_put_in() -> None:
    found = marginalise(network("deepbind"), random_codes(2, 60), jaspar_motifs()[::40], strands="-")
    assert found.after.shape == (22, 1, 2)
    assert isinstance(found.motifs[0], DrawnMotif)


def test_one_background_has_no_standard_error_and_says_so() -> None:
    with pytest.warns(UserWarning, match="one background has no standard error"):
        found = marginalise(small(), CODES[:1], "TGA")
    assert np.isnan(found.statistics.standard_error).all()


def test_copies_of_a_background_are_no_further_evidence_and_it_says_so() -> None:
    with pytest.warns(UserWarning, match="marginalise: 2 of 4 backgrounds are copies of others"):
        marginalise(small(), CODES[[0, 1, 0, 1]], "TGA")
    with pytest.warns(UserWarning, match="space: 1 of 2 backgrounds are copies of others"):
        space(small(), CODES[[0, 0]], "TGA", "CAC", distances=range(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"motifs": "A" * 33}, "motif A{33} of 33 bp is longer than the backgrounds of 32 bp"),
        ({"position": 28}, "TGACT of 5 bp does not fit at position 28 of 32 bp; the last that does is 27"),
        ({"motifs": ["AC", "AXC"]}, "motif 1: expects .* got 'X' in 'AXC'"),
        ({"motifs": {"mine": ""}}, "mine: expects at least one letter, got none"),
        ({"motifs": []}, "expects at least one motif, got none"),
        ({"motifs": np.array([0, 15], np.uint8)}, "motif 0: expects base codes without padding"),
        ({"task": 2}, "task expects an output from 0 to 1, got 2"),
        ({"strands": "*"}, r"expects strands '\+-', '\+' or '-', got '\*'"),
        ({"backgrounds": np.zeros((0, 32), np.uint8)}, "marginalise expects uint8 codes"),
    ],
)
def test_what_does_not_fit_is_named(options: dict[str, Any], message: str) -> None:
    given = {"backgrounds": CODES, "motifs": "TGACT", **options}
    with pytest.raises(ValueError, match=message):
        marginalise(small(), given.pop("backgrounds"), given.pop("motifs"), **given)


def test_a_background_that_is_padded_there_is_named() -> None:
    with pytest.raises(ValueError, match="background 1 has no bases at positions 0 to 5, where it is padded"):
        marginalise(small(), [LETTERS[0], LETTERS[1][:20]], "TGACT", position=0)


def test_a_motif_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="motif 0: expects letters, a Motif or base codes"):
        marginalise(small(), CODES, [3.5])  # type: ignore[list-item]


def test_backgrounds_of_each_kind_depend_on_their_seed_alone() -> None:
    shuffled = backgrounds("shuffle", LETTERS, 7, seed=2)
    assert shuffled.shape == (7, 32)
    assert np.array_equal(shuffled, backgrounds("shuffle", CODES, 7, seed=2))
    assert not np.array_equal(shuffled[0], shuffled[3])  # the same sequence, shuffled anew
    assert [np.bincount(row).tolist() for row in shuffled[:3]] == [np.bincount(row).tolist() for row in CODES]
    drawn = backgrounds("random", (0.1, 0.4, 0.4, 0.1), 50, 200)
    np.testing.assert_allclose(np.bincount(drawn.reshape(-1)) / 10_000, [0.1, 0.4, 0.4, 0.1], atol=0.02)


def test_a_large_run_does_not_depend_on_its_batches() -> None:
    model = build_model("motif_cnn", NETWORKS["motif_cnn"])
    codes = random_codes(11, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [
            marginalise(model, codes, ["TGACTCA", "GGAA"], batch_size=size).after for size in (1, 5, 999)
        ]
    for other in found[1:]:
        np.testing.assert_allclose(found[0], other, atol=1e-6)
