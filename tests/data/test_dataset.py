from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.data import SequenceData, split_by_group, split_random
from support.planted import planted_data


def test_binary_labels_the_first_set_1_and_the_second_0() -> None:
    data = SequenceData.binary(np.zeros((2, 5), np.uint8), np.ones((3, 5), np.uint8))
    assert data.targets.tolist() == [[1.0], [1.0], [0.0], [0.0], [0.0]]
    assert data.targets.dtype == np.float32
    assert len(data) == 5
    assert data.groups is None


def test_take_keeps_codes_targets_and_groups_together() -> None:
    data = planted_data(4)
    part = data.take(np.array([5, 0]))
    assert np.array_equal(part.codes, data.codes[[5, 0]])
    assert part.targets[:, 0].tolist() == [0.0, 1.0]
    assert part.groups is not None
    assert part.groups.tolist() == ["chr2", "chr1"]


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_split_random_holds_out_the_fraction_of_each_class_and_loses_nothing(fraction: float) -> None:
    data = planted_data(20)
    rest, held = split_random(data, fraction, seed=3)
    assert len(rest) + len(held) == 40
    expected = min(max(round(20 * fraction), 1), 19)
    for part, count in ((held, expected), (rest, 20 - expected)):
        assert part.targets.sum() == count
        assert (1 - part.targets).sum() == count
    rows = {row.tobytes() for row in np.concatenate([rest.codes, held.codes])}
    assert rows == {row.tobytes() for row in data.codes}


def test_split_random_is_keyed_by_the_seed() -> None:
    data = planted_data(20)
    held = [split_random(data, 0.3, seed)[1].codes for seed in (0, 0, 1)]
    assert np.array_equal(held[0], held[1])
    assert not np.array_equal(held[0], held[2])


def test_split_by_group_tears_no_group_apart() -> None:
    rest, held = split_by_group(planted_data(8), ["chr2", "chr4"])
    assert rest.groups is not None
    assert held.groups is not None
    assert set(rest.groups) == {"chr1", "chr3"}
    assert set(held.groups) == {"chr2", "chr4"}
    assert len(rest) == len(held) == 8


def test_splits_that_cannot_be_are_refused() -> None:
    data = planted_data(4)
    with pytest.raises(ValueError, match="no such group"):
        split_by_group(data, ["chr9"])
    with pytest.raises(ValueError, match="leaves nothing"):
        split_by_group(data, ["chr1", "chr2", "chr3", "chr4"])
    with pytest.raises(ValueError, match="leaves nothing"):
        split_by_group(data, [])
    with pytest.raises(ValueError, match="with groups, got none"):
        split_by_group(SequenceData(data.codes, data.targets), ["chr1"])
    with pytest.raises(ValueError, match="at least 2 examples of each class, got 1"):
        split_random(data.take(np.array([0, 1, 2, 3, 4])), 0.5, 0)
    for fraction in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="0 < fraction < 1"):
            split_random(data, fraction, 0)


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    codes, targets = np.zeros((3, 5), np.uint8), np.zeros((3, 1), np.float32)
    with pytest.raises(ValueError, match="uint8 codes"):
        SequenceData(codes.astype(np.int64), targets)
    with pytest.raises(ValueError, match="uint8 codes"):
        SequenceData(codes[0], targets)
    with pytest.raises(ValueError, match=r"targets \(3, tasks\), got \(2, 1\)"):
        SequenceData(codes, targets[:2])
    with pytest.raises(ValueError, match=r"got \(3,\)"):
        SequenceData(codes, targets[:, 0])
    with pytest.raises(ValueError, match="expects 3 groups, got 2"):
        SequenceData(codes, targets, np.array(["a", "b"], dtype=object))


@pytest.mark.parametrize(
    ("codes", "targets", "words"),
    [
        (np.zeros((1, 4), np.uint8), [[1]], r"targets as an array of numbers, got list; use np.array"),
        (np.zeros((1, 4), np.uint8), np.array([["1"]]), "targets as an array of numbers, got <U1"),
        (np.zeros((1, 4), np.uint8), np.array([[1]], object), "targets as an array of numbers, got object"),
    ],
)
def test_what_is_no_array_of_codes_or_of_numbers_is_named(codes: Any, targets: Any, words: str) -> None:
    with pytest.raises(TypeError, match=f"^SequenceData expects {words}"):
        SequenceData(codes, targets)


def test_two_classes_of_different_lengths_are_refused_with_both() -> None:
    with pytest.raises(ValueError, match=r"of one length, got \(2, 4\) and \(2, 5\)"):
        SequenceData.binary(np.zeros((2, 4), np.uint8), np.zeros((2, 5), np.uint8))


def test_positives_and_negatives_of_two_lengths_are_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"binary expects positives and negatives of one length, got \(2, 4\) and \(2, 5\)",
    ):
        SequenceData.binary(np.zeros((2, 4), np.uint8), np.zeros((2, 5), np.uint8))
