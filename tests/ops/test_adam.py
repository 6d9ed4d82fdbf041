"""NumPy's block-wise updates of Adam, and the compiled one, against the standard version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.ops.adam import adam_update
from genoml.parallel import Workers
from genoml_numpy import compiled
from genoml_numpy.twins import TWINS

OPTIONS = {"kept": 0.99, "beta1": 0.9, "beta2": 0.999, "rate": 0.01, "correction": 0.3, "eps": 1e-8}


@pytest.mark.parametrize("twins", [TWINS, compiled.TWINS], ids=["NumPy", "compiled"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4, 5), (40, 3, 5), (1 << 14,), (3, (1 << 14) - 1)])
def test_the_twins_equal_the_standard_version(
    shape: tuple[int, ...], dtype: type, twins: dict[str, Any]
) -> None:
    rng = np.random.default_rng(0)
    param, grad, mean = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
    square = rng.random(shape).astype(dtype)
    given = [np.asarray(array) for array in (param, np.asarray(grad).T.copy().T, mean, square)]
    kept = [array.copy() for array in given]
    for array in given:
        array.flags.writeable = False
    # what may not be written to is not, even where it is allowed
    found = twins["adam_update"](*given, in_place=True, **OPTIONS)
    rtol = 1e-6 if dtype is np.float32 else 1e-14
    for got, expected in zip(found, adam_update.standard(*given, **OPTIONS), strict=True):
        assert got.shape == shape
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol)
    for array, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_arrays_of_several_dtypes_are_left_to_the_standard_version() -> None:
    one, two = np.ones(3, np.float32), np.ones(3, np.float64)
    assert TWINS["adam_update"](one, two, one, one, **OPTIONS) is NotImplemented


def test_in_place_the_given_arrays_become_the_same_bits_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    given = [rng.random((300, 1 << 10), np.float32) for _ in range(4)]
    expected = TWINS["adam_update"](*given, **OPTIONS)
    workers = Workers(2)
    try:
        for twins in (TWINS, compiled.TWINS):
            for helpers in (Workers(), workers):
                own = [array.copy() for array in given]
                found = twins["adam_update"](*own, in_place=True, workers=helpers, **OPTIONS)
                for result, array, wanted in zip(found, (own[0], *own[2:]), expected, strict=True):
                    assert result is array
                    np.testing.assert_array_equal(array, wanted)
                np.testing.assert_array_equal(own[1], given[1])
    finally:
        workers.close()
