"""Counter-based random numbers: the published known answers, the same on every backend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.backend import Backend
from genoml.ops.threefry import random_uniform, signed_word, threefry2x32
from genoml.random import derive_key
from genoml_numpy import NumpyBackend
from support.guard import no_host_read

TWIN = NumpyBackend().twins["random_uniform"]
LIKE = np.zeros(1, np.float32)

# counter, key, block: Threefry-2x32-20 of kat_vectors in the Random123 distribution, version 1.14
# (Salmon et al. 2011, doi:10.1145/2063384.2063405): zeros, ones, and the digits of pi
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


def words(values: np.ndarray) -> list[int]:
    return [int(value) & 0xFFFFFFFF for value in values]


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN)
def test_the_blocks_are_the_published_ones(
    counter: tuple[int, int], key: tuple[int, int], block: tuple[int, int], backend: Backend
) -> None:
    x0, x1 = (backend.asarray([signed_word(word)] * 3, "int32") for word in counter)
    with no_host_read(backend):
        first, second = threefry2x32(key, x0, x1)
    assert first.dtype == second.dtype == backend.dtype("int32")
    assert words(backend.to_numpy(first)) == [block[0]] * 3
    assert words(backend.to_numpy(second)) == [block[1]] * 3


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN[:1])
def test_numpys_twin_draws_from_the_published_blocks(
    counter: tuple[int, int], key: tuple[int, int], block: tuple[int, int]
) -> None:
    assert counter == (0, 0)
    np.testing.assert_array_equal(TWIN(LIKE, key, 0, 2), [(word >> 8) * 2.0**-24 for word in block])


@pytest.mark.parametrize("word", [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 + 5, -1, -(2**31)])
def test_a_signed_word_has_the_bits_of_the_word(word: int) -> None:
    assert -(2**31) <= signed_word(word) < 2**31
    assert signed_word(word) & 0xFFFFFFFF == word & 0xFFFFFFFF


WORDS = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**32, 2**64 - 1]))
STEPS = st.one_of(st.integers(0, 2**40), st.sampled_from([0, 2**31 - 1, 2**31, 2**32 - 1, 2**32]))


@settings(max_examples=150, deadline=None)
@given(st.tuples(WORDS, WORDS), STEPS, st.integers(0, 300), st.integers(0, 90))
def test_numpys_twin_equals_the_standard_version(
    key: tuple[int, int], step: int, count: int, start: int
) -> None:
    expected = random_uniform.standard(LIKE, key, step, count, start)
    got = TWIN(LIKE, key, step, count, start)
    assert got.dtype == expected.dtype == np.float32
    assert got.shape == (count,)
    np.testing.assert_array_equal(got, expected)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_a_part_of_the_stream_is_drawn_as_in_the_whole(start: int, count: int) -> None:
    whole = random_uniform.standard(LIKE, (3, 4), 5, 80)
    for draw in (random_uniform.standard, TWIN):
        np.testing.assert_array_equal(draw(LIKE, (3, 4), 5, count, start), whole[start : start + count])


@pytest.mark.parametrize("count", [2**16 - 1, 2**16, 2**16 + 1, 2**17 + 3])
def test_numpys_twin_equals_the_standard_version_over_its_blocks(count: int) -> None:
    np.testing.assert_array_equal(
        TWIN(LIKE, (3, 4), 5, count), random_uniform.standard(LIKE, (3, 4), 5, count)
    )


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 1001])
@pytest.mark.parametrize(
    ("key", "step"), [((1, 2), 0), ((2**64 - 1, 2**31), 2**31), (derive_key(7, "dropout"), 12345)]
)
def test_every_backend_draws_the_same_numbers(
    key: tuple[int, int], step: int, count: int, backend: Backend
) -> None:
    like = backend.asarray([0.0], "float32")
    with no_host_read(backend):
        got = random_uniform(like, key, step, count)
    assert got.dtype == backend.dtype("float32")
    np.testing.assert_array_equal(backend.to_numpy(got), random_uniform.standard(LIKE, key, step, count))


def test_the_numbers_are_uniform_on_the_half_open_unit_interval() -> None:
    values = random_uniform(LIKE, derive_key(0, "uniform"), 1, 400_000).astype(np.float64)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert values.mean() == pytest.approx(0.5, abs=5 * (1 / 12 / len(values)) ** 0.5)
    counts = np.bincount((values * 64).astype(int), minlength=64)
    expected = len(values) / 64
    chi_square = np.sum((counts - expected) ** 2 / expected)
    assert 63 - 5 * 126**0.5 < chi_square < 63 + 5 * 126**0.5  # mean and standard deviation of 63 degrees
    lag = np.corrcoef(values[:-1], values[1:])[0, 1]
    assert abs(lag) < 5 / len(values) ** 0.5


def test_steps_and_keys_give_unrelated_streams() -> None:
    streams = [
        random_uniform(LIKE, key, step, 20_000)
        for key in ((0, 0), (0, 1), (1, 0))
        for step in (0, 1, 2**32 - 1)
    ]
    correlations = np.corrcoef(np.stack(streams)) - np.eye(len(streams))
    assert np.max(np.abs(correlations)) < 5 / 20_000**0.5
