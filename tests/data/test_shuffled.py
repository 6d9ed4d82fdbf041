"""Shuffled negatives: anew each epoch, from the right origin, with padding in its place."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.data import ShuffledNegatives, split_random
from genoml.sequence import base_codes


def peaks(n: int = 20, length: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, (n, length), dtype=np.uint8)


def dinucleotides(row: np.ndarray) -> np.ndarray:
    return np.bincount(row[:-1] * 16 + row[1:], minlength=256)


def test_each_negative_has_the_dinucleotides_of_its_positive() -> None:
    data = ShuffledNegatives.of(peaks())
    assert np.array_equal(data.targets[:, 0], np.repeat([1, 0], 20))
    for epoch in (0, 3):
        now = data.for_epoch(epoch, seed=1)
        for positive, negative in zip(now.codes[:20], now.codes[20:], strict=True):
            assert np.array_equal(dinucleotides(positive), dinucleotides(negative))


def test_negatives_differ_from_epoch_to_epoch_and_positives_do_not() -> None:
    data = ShuffledNegatives.of(peaks())
    first, second = data.for_epoch(0, seed=1), data.for_epoch(1, seed=1)
    assert np.array_equal(first.codes[:20], second.codes[:20])
    assert np.mean(np.any(first.codes[20:] != second.codes[20:], axis=1)) > 0.9


def test_the_same_seed_and_epoch_give_the_same_negatives() -> None:
    data = ShuffledNegatives.of(peaks())
    assert np.array_equal(data.for_epoch(2, seed=5).codes, data.for_epoch(2, seed=5).codes)
    assert not np.array_equal(data.for_epoch(2, seed=5).codes, data.for_epoch(2, seed=6).codes)


def test_a_split_keeps_each_example_with_its_origin() -> None:
    data = ShuffledNegatives.of(peaks(), groups=[f"chr{i % 3}" for i in range(20)])
    rest, held = split_random(data, 0.3, seed=0)
    assert isinstance(rest, ShuffledNegatives)
    assert rest.groups is not None
    assert len(rest.groups) == len(rest)
    assert len(rest) + len(held) == 40
    now = rest.for_epoch(4, seed=0)
    for origin, row in zip(now.origins, now.codes, strict=True):
        assert np.array_equal(dinucleotides(origin), dinucleotides(row))


def test_padding_stays_in_its_place() -> None:
    codes = base_codes(["ACGTACGGTTACA", "ACGGT", "TTTACGACGA"], pad="both")
    now = ShuffledNegatives.of(codes).for_epoch(0, seed=0)
    assert np.array_equal(now.codes[3:] == 15, codes == 15)
    for positive, negative in zip(codes, now.codes[3:], strict=True):
        assert np.array_equal(
            dinucleotides(positive[positive != 15]), dinucleotides(negative[negative != 15])
        )


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_part_with_one_class_only_works(label: float) -> None:
    data = ShuffledNegatives.of(peaks())
    part = data.take(data.targets[:, 0] == label)
    assert len(part.for_epoch(0, seed=0)) == 20
