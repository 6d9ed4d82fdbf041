from __future__ import annotations

import numpy as np
import pytest

from genoml.explain.mutants.cones import Edit
from genoml.io import Gene
from genoml.variants.splice_scores import aligned, bases_read, delta_scores, nearest_boundary

D = 6
RNG = np.random.default_rng(0)


def edit_of(ref: str, alt: str) -> Edit:
    return Edit(0, len(ref), np.zeros(len(alt), np.uint8))


def edited_copy(start: int, edit: Edit) -> np.ndarray:
    return RNG.random((D + bases_read(start, edit, D) + edit.longer, 3))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_an_insertion_after_one_base_has_the_maximum_of_all_its_positions_as_spliceai_computes_it(
    length: int,
) -> None:
    edit = edit_of("A", "A" * (length + 1))
    y = edited_copy(0, edit)
    expected = np.concatenate([y[:D], y[D : D + length + 1].max(axis=0)[None], y[D + length + 1 :]])
    np.testing.assert_array_equal(aligned(y, 0, edit, D), expected)


@pytest.mark.parametrize("length", [1, 3, D])
def test_deleted_positions_are_zero_as_spliceai_computes_them(length: int) -> None:
    edit = edit_of("A" * (length + 1), "A")
    y = edited_copy(0, edit)
    expected = np.concatenate([y[: D + 1], np.zeros((length, 3)), y[D + 1 :]])
    assert len(y) == 2 * D + 1 - length
    np.testing.assert_array_equal(aligned(y, 0, edit, D), expected)


def test_a_deletion_past_the_distance_keeps_what_is_before_it() -> None:
    edit = edit_of("A" * 40, "A")
    y = edited_copy(0, edit)
    found = aligned(y, 0, edit, D)
    np.testing.assert_array_equal(found[: D + 1], y[: D + 1])
    assert found.shape == (2 * D + 1, 3)
    assert (found[D + 1 :] == 0).all()


@pytest.mark.parametrize(("ref", "alt"), [("ACG", "TGA"), ("AC", "TGAAA"), ("ACGTT", "GA"), ("A", "C")])
@pytest.mark.parametrize("start", [0, 2, D + 3])
def test_several_bases_against_several_are_taken_one_by_one_and_the_rest_inserted_or_deleted(
    ref: str, alt: str, start: int
) -> None:
    edit = edit_of(ref, alt)
    y = edited_copy(start, edit)
    found = aligned(y, start, edit, D)
    for offset in range(-D, D + 1):
        at = offset - start
        if at < min(len(ref), len(alt)) - 1 or (at == min(len(ref), len(alt)) - 1 and len(alt) <= len(ref)):
            expected = y[D + offset]
        elif at >= len(ref):
            expected = y[D + offset + len(alt) - len(ref)]
        elif len(alt) > len(ref):
            expected = y[D + offset : D + start + len(alt)].max(axis=0)
        else:
            expected = np.zeros(3)
        np.testing.assert_array_equal(found[D + offset], expected, err_msg=str(offset))


def test_scores_are_the_largest_rises_and_falls_of_acceptor_and_donor_and_their_positions() -> None:
    reference, alternative = np.full((2, 2 * D + 1, 3), 0.25)
    alternative[D + 2, 1], alternative[D - 3, 1] = 0.75, 0.05
    alternative[D, 2], alternative[D + 5, 2] = 0.5, 0.125
    text = delta_scores(reference, alternative).text("T", "GENE")
    assert text == "T|GENE|0.50|0.20|0.25|0.12|2|-3|0|5"


def test_a_mask_drops_gains_at_the_nearest_boundary_and_losses_elsewhere() -> None:
    reference, alternative = np.full((2, 2 * D + 1, 3), 0.25)
    alternative[D + 2, 1:] = 0.75
    alternative[D - 3, 1:] = 0.05
    at_gain = delta_scores(reference, alternative, nearest=2)
    at_loss = delta_scores(reference, alternative, nearest=-3)
    assert at_gain.scores == (0.0, 0.0, 0.0, 0.0)
    assert at_loss.scores == pytest.approx((0.5, 0.2, 0.5, 0.2))
    assert at_gain.positions == at_loss.positions == (2, -3, 2, -3)


def test_of_two_boundaries_as_near_the_one_before_counts() -> None:
    gene = Gene("g", "1", 0, 100, "+", np.array([10, 30, 50]))
    assert [nearest_boundary(gene, position) for position in (20, 21, 50, 99)] == [-10, 9, 0, -49]
