"""The continuous Jaccard similarity: against plain loops, on every backend, and Numba's twin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.ops.jaccard import jaccard
from genoml_numpy import compiled
from support.operations import loop_jaccard


def matrices(seed: int, n: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, width, 3)) * (rng.random((n, width, 3)) < 0.6)).astype(np.float32)


CASES = [(5, 5, -2, 2), (4, 7, -1, 4), (6, 3, -4, 0), (3, 3, 0, 0), (2, 40, 0, 38), (3, 3, -5, 5)]


@pytest.mark.parametrize(("width", "wide", "low", "high"), CASES)
@pytest.mark.parametrize("twin", [jaccard.standard, compiled.TWINS["jaccard"]], ids=["NumPy", "Numba"])
def test_the_best_offset_is_that_of_plain_loops(
    twin: Any, width: int, wide: int, low: int, high: int
) -> None:
    a, b = matrices(1, 4, width), matrices(2, 5, wide)
    first, second = np.array([0, 3, 1, 2, 0]), np.array([4, 0, 1, 3, 4])
    value, offset = twin(a, b, first, second, low, high)
    for i, j, best, at in zip(first, second, value, offset, strict=True):
        each = [loop_jaccard(a[i], b[j], o) for o in range(low, high + 1)]
        assert best == pytest.approx(max(each), abs=1e-6)
        assert each[at - low] == pytest.approx(max(each), abs=1e-6)


@pytest.mark.parametrize("twin", [jaccard.standard, compiled.TWINS["jaccard"]], ids=["NumPy", "Numba"])
def test_zeros_are_like_nothing_and_no_pairs_are_no_answers(twin: Any) -> None:
    zeros = np.zeros((1, 4, 2), np.float32)
    none, one = np.zeros(0, np.int64), np.zeros(1, np.int64)
    assert [float(part[0]) for part in twin(zeros, zeros, one, one, 0, 0)] == [0.0, 0.0]
    assert [len(part) for part in twin(zeros, zeros, none, none, -1, 1)] == [0, 0]


def test_the_twin_leaves_double_precision_to_numpy() -> None:
    x = np.ones((1, 2, 2))
    assert compiled.TWINS["jaccard"](x, x, np.zeros(1, int), np.zeros(1, int)) is NotImplemented
    assert jaccard(x, x, np.zeros(1, int), np.zeros(1, int))[0].tolist() == [1.0]


def test_the_same_on_every_backend(backend: Backend) -> None:
    a, b = matrices(3, 3, 6), matrices(4, 3, 6)
    rows = np.array([0, 1, 2, 0], np.int32), np.array([2, 1, 0, 0], np.int32)
    on_device = [backend.asarray(x, "float32") for x in (a, b)]
    found = jaccard(*on_device, *(backend.asarray(x, "int32") for x in rows), -2, 2)
    value, offset = jaccard.standard(a, b, *rows, -2, 2)
    np.testing.assert_allclose(backend.to_numpy(found[0]), value, atol=1e-6)
    np.testing.assert_array_equal(backend.to_numpy(found[1]), offset)
