"""Folds and three-way splits: everything once, nothing torn apart."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import pytest

from genoml.data import SequenceData, k_folds, split_by_group, split_random, split_three_ways


def labelled(counts: tuple[int, ...], *, one_hot: bool = False) -> SequenceData:
    """Example i has the codes of the number i, so that it is known again."""
    labels = np.repeat(np.arange(len(counts)), counts)
    codes = (np.arange(len(labels))[:, None] >> np.arange(10)).astype(np.uint8) & 1
    targets = np.eye(len(counts))[labels] if one_hot else labels[:, None]
    groups = np.array([f"chr{i % 7}" for i in range(len(labels))], dtype=object)
    return SequenceData(codes, targets.astype(np.float32), groups)


def numbers(data: SequenceData) -> list[int]:
    return (np.asarray(data.codes).astype(int) @ (1 << np.arange(10))).tolist()


@pytest.mark.parametrize("by", ["random", "class", "group"])
@pytest.mark.parametrize("k", [2, 3, 7])
def test_each_example_is_held_out_once_and_trained_on_otherwise(
    by: Literal["random", "class", "group"], k: int
) -> None:
    data = labelled((50, 30, 9))
    folds = list(k_folds(data, k, 5, by=by))
    assert len(folds) == k
    assert sorted(number for _, held in folds for number in numbers(held)) == list(range(89))
    for rest, held in folds:
        assert sorted(numbers(rest) + numbers(held)) == list(range(89))
    sizes = [len(held) for _, held in folds]
    if by != "group":
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("one_hot", [False, True])
def test_folds_by_class_share_out_each_class_evenly(one_hot: bool) -> None:
    for _, held in k_folds(labelled((50, 31, 9), one_hot=one_hot), 4, by="class"):
        labels = held.targets.argmax(axis=1) if one_hot else held.targets[:, 0]
        found = Counter(labels.tolist())
        for label, count in enumerate((50, 31, 9)):
            assert abs(found[label] - count / 4) < 1


def test_folds_by_group_tear_no_group_apart_and_are_about_equally_large() -> None:
    data = labelled((70, 19))
    for rest, held in k_folds(data, 3, by="group"):
        assert rest.groups is not None
        assert held.groups is not None
        assert not set(rest.groups) & set(held.groups)
        assert 24 <= len(held) <= 39


def test_folds_are_keyed_by_the_seed() -> None:
    data = labelled((40,))
    first, same, other = (numbers(next(k_folds(data, 4, seed))[1]) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_three_ways_by_chromosome() -> None:
    train, validation, test = split_three_ways(labelled((70,)), validation=["chr1"], test=["chr2", "chr5"])
    assert [set(part.groups) for part in (validation, test) if part.groups is not None] == [
        {"chr1"},
        {"chr2", "chr5"},
    ]
    assert sorted(numbers(train) + numbers(validation) + numbers(test)) == list(range(70))


def test_splits_that_cannot_be_are_refused() -> None:
    data, plain = labelled((20, 3)), SequenceData(np.zeros((4, 2), np.uint8), np.zeros((4, 1), np.float32))
    with pytest.raises(ValueError, match=r"each group once, got \['chr1'\] in both"):
        split_three_ways(data, validation=["chr1"], test=["chr1"])
    with pytest.raises(ValueError, match="nothing is left for training"):
        split_three_ways(data, validation=["chr0"], test=[f"chr{i}" for i in range(1, 7)])
    with pytest.raises(ValueError, match="nothing is left for validation"):
        split_three_ways(data, validation=[], test=["chr1"])
    with pytest.raises(ValueError, match="no such group"):
        split_three_ways(data, validation=["chr1"], test=["chr9"])
    with pytest.raises(ValueError, match="k >= 2, got 1"):
        k_folds(data, 1)
    with pytest.raises(ValueError, match="by 'random', 'class' or 'group', got 'size'"):
        k_folds(data, 2, by="size")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 4 examples of each class, got 3"):
        k_folds(data, 4, by="class")
    with pytest.raises(ValueError, match="at least 8 groups, got 7"):
        k_folds(data, 8, by="group")
    with pytest.raises(ValueError, match="with groups, got none"):
        k_folds(plain, 2, by="group")
    with pytest.raises(ValueError, match="at least 5 examples, got 4"):
        k_folds(plain, 5)


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together_in_a_random_split_and_the_fraction_is_kept(seed: int) -> None:
    data = labelled((300, 150))
    together = np.arange(450) % 150  # three of each group: two of one class, one of the other
    rest, held = split_random(data, 0.2, seed, together=together)
    sides = [{number % 150 for number in numbers(part)} for part in (rest, held)]
    assert not sides[0] & sides[1]
    assert sorted(numbers(rest) + numbers(held)) == list(range(450))
    assert len(held) == 90
    assert numbers(split_random(data, 0.2, seed, together=np.arange(450))[1]) == numbers(
        split_random(data, 0.2, seed)[1]
    ), "groups of one example change nothing"


def test_a_group_larger_than_what_is_held_out_stays_in_the_rest_if_others_can_go() -> None:
    data = labelled((100, 100))
    together = np.r_[np.zeros(60), np.arange(1, 41), np.arange(41, 141)]
    for seed in range(5):
        rest, held = split_random(data, 0.1, seed, together=together)
        assert set(range(60)) <= set(numbers(rest))
        assert len(held) == 20
    pairs = np.arange(20) // 2
    assert len(split_random(labelled((10, 10)), 0.1, 0, together=pairs)[1]) == 4
    with pytest.raises(ValueError, match=r"groups leave all examples of class 1\.0 on one side"):
        split_random(data, 0.1, 0, together=np.r_[np.arange(100), np.full(100, 100)])


@pytest.mark.parametrize("group", [None, np.nan, "NA", "."])
def test_an_example_without_a_group_is_not_split_by_groups(group: object) -> None:
    codes = np.zeros((3, 4), np.uint8)
    data = SequenceData(codes, np.zeros((3, 1), np.float32), np.array(["a", group, "b"], dtype=object))
    for split in (lambda: split_by_group(data, ["a"]), lambda: k_folds(data, 2, by="group")):
        with pytest.raises(ValueError, match=r"expects a group.*, got .* in row 1"):
            list(split())
