from __future__ import annotations

import numpy as np
import pytest

from genoml.data import Augmentation
from genoml.data.augment import shift
from genoml.random import host_generator
from genoml.sequence import base_codes, decode, reverse_complement
from genoml.sequence.alphabet import PAD_CODE

CODES = base_codes(["ACGTTNA"] * 4000)


def test_without_options_nothing_changes() -> None:
    assert np.array_equal(Augmentation(False, 0)(CODES, host_generator(0)), CODES)


def test_half_of_the_sequences_become_their_exact_reverse_complements() -> None:
    before = CODES.copy()
    changed = Augmentation(True)(CODES, host_generator(0, "strand"))
    turned = (changed == reverse_complement(CODES)).all(axis=1)
    kept = (changed == CODES).all(axis=1)
    assert (turned ^ kept).all()
    # 4000 draws of probability 1/2: five standard deviations are 158
    assert abs(int(turned.sum()) - 2000) < 158
    assert np.array_equal(CODES, before)


def test_every_shift_is_about_as_frequent_and_moves_letters_without_changing_them() -> None:
    changed = Augmentation(False, 2)(CODES, host_generator(0, "shift"))
    expected = {
        -2: "GTTNA", -1: "CGTTNA", 0: "ACGTTNA", 1: "ACGTTN", 2: "ACGTT",
    }  # fmt: skip
    found = decode(changed)
    counts = {offset: found.count(letters) for offset, letters in expected.items()}
    assert sum(counts.values()) == len(CODES)
    # 800 each; five standard deviations of a binomial(4000, 1/5) are 127
    assert all(abs(count - 800) < 127 for count in counts.values())


def test_shift_moves_each_row_by_its_own_offset_and_pads_the_gap() -> None:
    moved = shift(base_codes(["ACGT", "ACGT", "ACGT"]), np.array([1, -2, 9]))
    p = PAD_CODE
    assert moved.tolist() == [[p, 0, 1, 2], [2, 3, p, p], [p, p, p, p]]
    assert moved.dtype == np.uint8


def test_the_same_generator_gives_the_same_augmentation() -> None:
    augment = Augmentation(True, 3)
    first, second = (augment(CODES, host_generator(7, "augment", 5)) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, augment(CODES, host_generator(7, "augment", 6)))


def test_a_negative_shift_is_refused() -> None:
    with pytest.raises(ValueError, match="shift_bp >= 0, got -1"):
        Augmentation(True, -1)
