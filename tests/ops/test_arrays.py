"""Values from the host, constants, bounds, sums, and padding along an axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend, get_backend
from genoml.ops.arrays import array_like, clip, constant_like, pad_axis, sum_rows
from support.backends import ReadOnlyNumpyBackend, StrictBackend

HOST_VALUES = [
    [0.0, 1.0, 0.5],
    [0, 1, 2],
    [True, False, True],
    (1.0, 2.0, 3.0),
    np.array([0.0, 1.0, 0.5]),
    np.array([0.0, 1.0, 0.5], np.float32),
    np.array([0, 1, 2], np.uint8),
    np.array([0, 1, 2], np.int64),
    np.array([True, False, True]),
    np.arange(6.0)[::-2],
    np.broadcast_to(np.float32(2.0), (3,)),
]


@pytest.mark.parametrize("values", HOST_VALUES, ids=repr)
def test_host_values_take_the_references_dtype_and_device(values: Any, backend: Backend) -> None:
    reference = backend.asarray([1.0], "float32")
    moved = array_like(values, reference, "loss")
    assert backend.owns(moved)
    assert moved.dtype == reference.dtype
    assert backend.device_of(moved) == backend.device_of(reference)
    np.testing.assert_array_equal(backend.to_numpy(moved), np.asarray(values, np.float32))


@pytest.mark.parametrize("value", [2, 2.5, True, np.float64(2.5), np.int64(2)], ids=repr)
def test_a_number_becomes_an_array_without_axes(value: Any, backend: Backend) -> None:
    moved = array_like(value, backend.asarray([1.0], "float32"), "loss")
    assert tuple(moved.shape) == ()
    assert moved.dtype == backend.dtype("float32")
    assert float(backend.to_numpy(moved)) == float(value)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bool"])
def test_an_array_of_the_library_takes_the_references_dtype(dtype: str, backend: Backend) -> None:
    moved = array_like(backend.asarray([0, 1, 1], dtype), backend.asarray([1.0], "float32"), "loss")
    assert moved.dtype == backend.dtype("float32")
    np.testing.assert_array_equal(backend.to_numpy(moved), [0.0, 1.0, 1.0])


def test_a_read_only_host_array_is_taken(backend: Backend) -> None:
    host = np.array([1.0, 2.0])
    host.flags.writeable = False
    moved = array_like(host, backend.asarray([1.0], "float32"), "loss")
    np.testing.assert_array_equal(backend.to_numpy(moved), host)


def test_an_array_of_another_library_is_refused_and_both_are_named(backend: Backend) -> None:
    # a NumPy array is a host value; every other library's is foreign
    other = ReadOnlyNumpyBackend() if backend.name.startswith("strict") else StrictBackend()
    if other.name.startswith("strict"):
        with pytest.raises(TypeError, match=r"loss expects the array library .*got array_api_strict\.Array"):
            array_like(other.asarray([1.0], "float32"), backend.asarray([1.0], "float32"), "loss")
    else:
        with pytest.raises(
            TypeError, match=r"loss expects the array library .*numpy.*got array_api_strict\.Array"
        ):
            array_like(backend.asarray([1.0], "float32"), other.asarray([1.0], "float32"), "loss")


def test_the_reference_decides_whatever_the_default_backend() -> None:
    strict = StrictBackend()  # not the default one: its arrays are known by their own namespace
    moved = array_like([1.0, 2.0], strict.asarray([1.0], "float32"), "loss")
    assert strict.owns(moved)
    assert moved.device == strict.device
    assert get_backend("numpy").owns(array_like([1.0], np.zeros(1, np.float32), "loss"))


@pytest.mark.parametrize("value", [0.0, -2.5, 3, math.inf, math.nan, (1.0, -2.5, math.inf), ()])
def test_a_constant_has_the_dtype_asked_for_each_time(
    value: float | tuple[float, ...], backend: Backend
) -> None:
    for dtype in ("float32", "int32", "float32") if isinstance(value, int) else ("float32",):
        found = constant_like(backend.asarray([1], dtype), value)
        assert (tuple(found.shape), found.dtype) == (np.shape(value), backend.dtype(dtype))
        np.testing.assert_array_equal(backend.to_numpy(found), value)


@pytest.mark.parametrize("shape", [(7, 3), (2, 700, 5), (0, 4), (2, 3, 4, 5)])
def test_rows_are_summed_over_all_axes_but_the_last(shape: tuple[int, ...], backend: Backend) -> None:
    x = np.random.default_rng(0).integers(-9, 10, shape).astype(np.float32)
    found = backend.to_numpy(sum_rows(backend.asarray(x)))
    np.testing.assert_array_equal(found, x.reshape(-1, shape[-1]).sum(axis=0))


def test_a_sum_of_many_rows_keeps_its_digits() -> None:
    x = np.random.default_rng(0).random((40_000, 3)).astype(np.float32)
    exact = x.sum(axis=0, dtype=np.float64)
    assert np.abs(sum_rows(x) / exact - 1.0).max() < 3e-7  # one after another: 1e-5


BOUNDS = [(0.0, None), (None, 0.0), (-1.0, 2.5), (None, None)]


@pytest.mark.parametrize(("low", "high"), BOUNDS)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_bounds_hold_and_the_dtype_stays(
    dtype: str, low: float | None, high: float | None, backend: Backend
) -> None:
    x = np.array([-7, -2, -1, 0, 1, 2, 7], dtype)
    if dtype == "int32":
        low, high = (None if bound is None else int(bound) for bound in (low, high))
    found = clip(backend.asarray(x), low, high)
    assert found.dtype == backend.dtype(dtype)
    expected = x if low is high is None else np.clip(x, low, high)
    np.testing.assert_array_equal(backend.to_numpy(found), expected)


def test_within_bounds_nan_stays_and_infinities_become_the_bounds(backend: Backend) -> None:
    x = np.array([[np.nan, -np.inf, np.inf], [0.5, np.nan, -3.0]], np.float32)
    found = backend.to_numpy(clip(backend.asarray(x), -2.0, 1.0))
    np.testing.assert_array_equal(found, np.array([[np.nan, -2.0, 1.0], [0.5, np.nan, -2.0]], np.float32))
    assert tuple(clip(backend.asarray(x[:0]), 0.0).shape) == (0, 3)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 0), (0, 3), (1, 2)])
def test_padding_adds_a_value_at_the_ends_of_one_axis(
    axis: int, before: int, after: int, backend: Backend
) -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    sizes = [(before, after) if i == axis else (0, 0) for i in range(3)]
    found = pad_axis(backend.asarray(x), before, after, -1.5, axis=axis)
    assert found.dtype == backend.dtype("float32")
    np.testing.assert_array_equal(backend.to_numpy(found), np.pad(x, sizes, constant_values=-1.5))


def test_padding_is_zeros_along_the_length_by_default(backend: Backend) -> None:
    x = np.ones((2, 3, 4), np.float32)
    found = backend.to_numpy(pad_axis(backend.asarray(x), 1, 1))
    np.testing.assert_array_equal(found, np.pad(x, ((0, 0), (1, 1), (0, 0))))
