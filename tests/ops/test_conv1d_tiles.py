"""Convolution by tiles in the frequency domain: the same numbers, and where it is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.ops.conv1d import conv1d_vjp
from genoml_numpy.compiled import conv1d_tiles as compiled
from genoml_numpy.twins import TWINS
from genoml_numpy.twins.conv1d_tiles import SIZES, conv1d_tiles, tile_size
from support.operations import LAYOUTS, assert_close, laid_out


def relative(got: np.ndarray, expected: np.ndarray) -> float:
    """Relative error in the Euclidean norm."""
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_tiles_equal_the_standard_version(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(SIZES))
    k = data.draw(st.integers(1, (size + 1) // 2))
    length, n = k + data.draw(st.integers(0, 70)), data.draw(st.integers(1, 3))
    c, f = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    dtype: Any = data.draw(st.sampled_from([np.float32, np.float64]))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    x = laid_out(rng, (n, length, c), dtype, data.draw(st.sampled_from(LAYOUTS)))
    w = rng.standard_normal((k, c, f)).astype(dtype)
    grad = laid_out(rng, (n, length - k + 1, f), dtype, data.draw(st.sampled_from(LAYOUTS)))
    for array in (x, w, grad):
        array.flags.writeable = False
    way = compiled.conv1d_tiles if dtype == np.float32 and data.draw(st.booleans()) else conv1d_tiles
    y, pullback = way(x, w, size)
    grad_x, grad_w = pullback(grad)
    expected_y, expected = conv1d_vjp.standard(x, w)
    expected_x, expected_w = expected(grad)
    assert_close(y, expected_y, dtype, "y")
    assert_close(grad_x, expected_x, dtype, "grad_x")
    assert_close(grad_w, expected_w, dtype, "grad_w")
    none, again = pullback(grad, False)
    assert none is None
    np.testing.assert_array_equal(again, grad_w)
    again, none = pullback(grad, True, False)
    assert none is None
    np.testing.assert_array_equal(again, grad_x)


@pytest.mark.parametrize(("length", "k", "c", "f"), [(97, 11, 120, 80), (46, 7, 200, 200), (124, 8, 64, 96)])
def test_float32_is_as_exact_as_the_field_expects(length: int, k: int, c: int, f: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, length, c)), rng.standard_normal((k, c, f)) / (k * c) ** 0.5
    grad = rng.standard_normal((4, length - k + 1, f))
    single = [a.astype(np.float32) for a in (x, w, grad)]
    expected_y, expected = conv1d_vjp.standard(*(a.astype(np.float64) for a in single[:2]))
    expected_all = expected_y, *expected(single[2].astype(np.float64))
    direct_y, direct = conv1d_vjp.standard(*single[:2])
    by_phases = direct_y, *direct(single[2])
    for way in (conv1d_tiles, compiled.conv1d_tiles):
        y, pullback = way(single[0], single[1], tile_size(length, k, c, f) or 0)
        for got, wanted, plain in zip((y, *pullback(single[2])), expected_all, by_phases, strict=True):
            assert relative(got, wanted) < min(1e-6, 4.0 * max(relative(plain, wanted), 2e-7))


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((194, 11, 300, 200), 32),  # Basset's second and third layer
        ((46, 7, 200, 200), 16),
        ((248, 8, 320, 480), 32),  # DeepSEA's
        ((1000, 8, 4, 320), None),  # bases: too few channels
        ((124, 3, 256, 60), None),  # a narrow kernel
        ((300, 27, 64, 64), None),  # a wide one
        ((12, 8, 64, 64), None),  # nearly as long as the sequence
    ],
)
def test_tiles_are_chosen_where_they_multiply_less(shape: tuple[int, ...], size: int | None) -> None:
    assert tile_size(*shape) == size


def test_the_twin_uses_them() -> None:
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((2, 46, 64)), rng.standard_normal((7, 64, 64))
    y, pullback = TWINS["conv1d_vjp"](x, w)
    expected, expected_pullback = conv1d_vjp.standard(x, w)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-10)
    assert not np.array_equal(y, expected)  # rounded otherwise, so it came by another way
    for got, wanted in zip(pullback(expected), expected_pullback(expected), strict=True):
        assert relative(got, wanted) < 1e-12
