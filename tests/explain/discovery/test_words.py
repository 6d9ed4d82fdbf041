"""Gapped words: by enumeration, their reverse complements, and cosines against dense products."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from genoml.explain.discovery import words
from genoml.parallel.parts import ALONE
from genoml_numpy import compiled

SPELL = pytest.mark.parametrize(
    "spell", [words.spell_words, compiled.TWINS["spell_words"]], ids=["NumPy", "Numba"]
)


def seqlets(seed: int, n: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, width)).astype(np.uint8)
    return codes, rng.normal(size=(n, width)).astype(np.float32)


def spelled(codes: np.ndarray, values: np.ndarray) -> dict[int, float]:
    """The words of a seqlet with at most 20 positions, as sums of the 500 largest."""
    found = []
    for letters in (4, 5, 6):
        for at in combinations(range(len(codes)), letters):
            if at[-1] - at[0] < 15 and all(codes[p] < 4 for p in at):
                key = sum((int(codes[p]) + 1) * 5 ** (p - at[0]) for p in at)
                found.append((key, float(sum(values[p] for p in at))))
    found.sort(key=lambda one: -abs(one[1]))
    total: dict[int, float] = {}
    for key, value in found[:500]:
        total[key] = total.get(key, 0.0) + value
    return total


@SPELL
@pytest.mark.parametrize("width", [3, 4, 9, 16])
def test_words_are_those_of_an_enumeration(spell: object, width: int) -> None:
    codes, values = seqlets(width, 3, width)
    codes[0, 1] = 4
    place = np.tile(np.arange(width), (3, 1))
    keys, sums = np.full((3, 500), -1), np.zeros((3, 500), np.float32)
    spell(place, codes, values, keys, sums)  # type: ignore[operator]
    for row in range(3):
        wanted = spelled(codes[row], values[row])
        found: dict[int, float] = {}
        for key, value in zip(keys[row].tolist(), sums[row].tolist(), strict=True):
            if key >= 0:
                found[key] = found.get(key, 0.0) + value
        assert found.keys() == wanted.keys()
        assert all(found[key] == pytest.approx(wanted[key], abs=1e-5) for key in wanted)


def test_only_the_strongest_positions_are_spelled_and_rows_have_unit_norm() -> None:
    codes, values = seqlets(3, 2, 30)
    values[:, 20:] = 0.001
    forward, _ = words.words(codes, values, ALONE)
    shorter, _ = words.words(codes[:, :20], values[:, :20], ALONE)
    np.testing.assert_array_equal(forward.value, shorter.value)
    norms = np.add.reduceat(forward.value.astype(float) ** 2, forward.at[:-1])
    np.testing.assert_allclose(norms, 1.0, atol=1e-6)


def test_a_reversed_word_is_the_word_of_the_reverse_complement() -> None:
    # A, gap, C, G  ->  C, G, gap, T
    key = 1 + 2 * 25 + 3 * 125
    assert words.reversed_words(np.array([key])).tolist() == [2 + 3 * 5 + 4 * 125]
    codes, values = seqlets(5, 20, 12)
    forward, _ = words.words(codes, values, ALONE)
    assert len(forward.word) > 100
    keys = np.random.default_rng(0).integers(1, 5, 50) + 5**14 * np.random.default_rng(1).integers(0, 5, 50)
    np.testing.assert_array_equal(words.reversed_words(words.reversed_words(keys)), keys)


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("compiled_twins", ["0", "1"])
def test_the_nearest_are_those_of_dense_products_with_ties_by_number(
    threads: int, compiled_twins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        words, "twin", lambda name, plain: compiled.TWINS[name] if compiled_twins == "1" else plain
    )
    codes, values = seqlets(7, 12, 10)
    codes[3:6], values[3:6] = codes[0], values[0]
    codes[6], values[6] = 3 - codes[1, ::-1], values[1, ::-1]
    forward, backward = words.words(codes, values, ALONE)
    workers = words.Workers(threads)
    try:
        neighbours, cosines, turned = words.nearest(forward, backward, 4, workers)
    finally:
        workers.close()
    dense = np.zeros((2, 12, int(forward.word.max()) + 1))
    for number, rows in enumerate((forward, backward)):
        row = np.repeat(np.arange(12), np.diff(rows.at))
        known = rows.word >= 0
        np.add.at(dense[number], (row[known], rows.word[known]), rows.value[known])
    both = dense @ dense[0].T
    np.fill_diagonal(both[0], -9)
    np.fill_diagonal(both[1], -9)
    expected = np.sort(both.max(axis=0), axis=1)[:, :-5:-1]
    np.testing.assert_allclose(cosines, expected, atol=1e-5)
    assert neighbours[0, :3].tolist() == [3, 4, 5]
    assert neighbours[5, :3].tolist() == [0, 3, 4]
    assert (neighbours[1, 0], turned[1, 0], turned[0, 0]) == (6, True, False)
