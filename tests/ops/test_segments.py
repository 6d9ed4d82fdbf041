"""Sums of rows by key against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.backend import Backend
from genoml.ops.arrays import segment_sum
from support.backends import has_float64
from support.guard import no_host_read


def loop(rows: np.ndarray, keys: np.ndarray, count: int) -> np.ndarray:
    out = np.zeros((count, rows.shape[1]))
    for row, key in zip(rows, keys, strict=True):
        if 0 <= key < count:
            out[key] += row
    return out


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-2, 9), max_size=40), st.integers(1, 8), st.integers(1, 3), st.integers(0, 999))
def test_sums_equal_the_loop(keys: list[int], count: int, features: int, seed: int) -> None:
    rows = np.random.default_rng(seed).standard_normal((len(keys), features))
    found = segment_sum.standard(rows, np.array(keys, np.int32), count)
    np.testing.assert_allclose(found, loop(rows, np.array(keys), count), atol=1e-12)


@pytest.mark.parametrize("total", [0, 1, 2, 64, 65])
def test_sums_on_every_backend_equal_the_loop(total: int, backend: Backend) -> None:
    rng = np.random.default_rng(total)
    dtype = "float64" if has_float64(backend) else "float32"
    rows, keys = rng.standard_normal((total, 3)), rng.integers(0, 6, total)
    on_device = backend.asarray(rows, dtype), backend.asarray(keys, "int32")
    with no_host_read(backend):
        found = segment_sum(*on_device, 5)
    assert found.dtype == backend.dtype(dtype)
    atol = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(backend.to_numpy(found), loop(rows, keys, 5), atol=atol)


def test_a_nan_stays_with_its_key(backend: Backend) -> None:
    rows = np.array([[1.0], [np.nan], [2.0], [3.0]], np.float32)
    keys = np.array([0, 1, 2, 0], np.int32)
    found = backend.to_numpy(segment_sum(backend.asarray(rows), backend.asarray(keys), 4))
    np.testing.assert_array_equal(found, [[4.0], [np.nan], [2.0], [0.0]])


def test_many_rows_of_one_key_are_summed_to_the_last_digits(backend: Backend) -> None:
    rows = np.full((100_000, 1), 0.1, np.float32)
    keys = np.zeros(100_000, np.int32)
    found = backend.to_numpy(segment_sum(backend.asarray(rows), backend.asarray(keys), 2))
    np.testing.assert_allclose(found[0], rows.astype(np.float64).sum(), rtol=1e-6)
    assert found[1] == 0.0
