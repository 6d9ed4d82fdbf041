"""NumPy's rectifier with normalisation and pooling around it, against the standard version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.ops.normalise import joined_statistics, rectified_vjp, squares_around
from genoml.parallel import even_ranges, tree_sum
from genoml_numpy import compiled
from genoml_numpy.twins import TWINS, rectify
from support.operations import LAYOUTS, assert_close, laid_out

EACH = {"NumPy": TWINS, "Numba": compiled.TWINS}


def around(rng: np.random.Generator, channels: int, dtype: Any, *, falling: bool) -> dict[str, np.ndarray]:
    """A mean and scales, some of them below 0 where ``falling``."""
    scale = rng.uniform(0.5, 2.0, channels) * (rng.choice([-1.0, 1.0], channels) if falling else 1.0)
    return {"mean": rng.standard_normal(channels).astype(dtype), "scale": scale.astype(dtype)}


def assert_same(
    twin: Any, x: np.ndarray, size: int, ceil_mode: bool, options: dict[str, Any], layout: str
) -> None:
    rng, dtype, channels = np.random.default_rng(1), x.dtype, x.shape[2]
    shift, factor, slope, constant = rng.standard_normal((4, channels)).astype(dtype)
    y, back = twin(x, shift, size, ceil_mode, **options)
    expected_y, expected_back = rectified_vjp.standard(x, shift, size, ceil_mode, **options)
    assert_close(y, expected_y, dtype, "y")
    grad = laid_out(rng, y.shape, dtype, layout)
    grad.flags.writeable = False
    (sum_g, sum_gc, into_x), (expected_g, expected_gc, expected_into) = back(grad), expected_back(grad)
    assert_close(sum_g, expected_g, dtype, "sum g")
    assert (sum_gc is None) == (expected_gc is None)
    arguments: list[tuple[Any, ...]] = [(), (factor,)]
    if sum_gc is not None:
        assert_close(sum_gc, expected_gc, dtype, "sum g (x - mean)")
        arguments.append((factor, slope, constant))
    for given_ in arguments:
        assert_close(into_x(*given_), expected_into(*given_), dtype, f"into x, {len(given_)}")


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 4),
    length=st.integers(1, 40),
    channels=st.integers(1, 9),
    size=st.integers(1, 7),
    ceil_mode=st.booleans(),
    kind=st.sampled_from(["plain", "rising", "falling"]),
    dtype=st.sampled_from([np.float32, np.float64]),
    layouts=st.tuples(st.sampled_from(LAYOUTS[:-1]), st.sampled_from(LAYOUTS)),
    block=st.sampled_from([1, 16, 100, 1 << 16]),
)
def test_the_twin_equals_the_standard_version(
    n: int,
    length: int,
    channels: int,
    size: int,
    ceil_mode: bool,
    kind: str,
    dtype: Any,
    layouts: tuple[str, str],
    block: int,
) -> None:
    if size > length and not ceil_mode:
        size = length
    rng = np.random.default_rng(0)
    x = laid_out(rng, (n, length, channels), dtype, layouts[0])
    x.flags.writeable = False
    options = {} if kind == "plain" else around(rng, channels, dtype, falling=kind == "falling")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rectify, "_BLOCK", block)
        for twins in EACH.values():
            assert_same(twins["rectified_vjp"], x, size, ceil_mode, options, layouts[1])


@pytest.mark.parametrize("by", EACH)
def test_the_first_of_equals_takes_the_gradient(by: str) -> None:
    x = np.ones((1, 4, 2), np.float32)
    y, back = EACH[by]["rectified_vjp"](x, np.zeros(2, np.float32), 4)
    assert back(np.ones_like(y))[2]()[0].tolist() == [[1, 1], [0, 0], [0, 0], [0, 0]]


@pytest.mark.parametrize("by", EACH)
def test_nan_stays_nan(by: str) -> None:
    twin, x, shift = EACH[by]["rectified_vjp"], np.ones((1, 4, 1), np.float32), np.zeros(1, np.float32)
    x[0, 2] = np.nan
    assert np.isnan(twin(x, shift, 4)[0]).all()
    assert np.isnan(twin(x, shift)[0]).ravel().tolist() == [False, False, True, False]


@pytest.mark.parametrize("by", EACH)
def test_what_the_twin_does_not_cover_is_left_to_the_standard_version(by: str) -> None:
    twin = EACH[by]["rectified_vjp"]
    x, shift = np.ones((1, 300, 2)), np.zeros(2)
    assert twin(x, shift, 256) is NotImplemented
    assert twin(x.astype(np.float32), shift) is NotImplemented
    assert twin(x, shift, mean=shift, scale=np.array([1.0, 0.0])) is NotImplemented


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (700, 5), (100, 700)])
@pytest.mark.parametrize("by", EACH)
def test_squares_around_a_mean_equal_the_standard_version(
    by: str, shape: tuple[int, int], dtype: Any
) -> None:
    rng = np.random.default_rng(0)
    rows, mean = rng.standard_normal(shape).astype(dtype) + 3, rng.standard_normal(shape[1]).astype(dtype)
    assert_close(EACH[by]["squares_around"](rows, mean), squares_around.standard(rows, mean), dtype)


def statistics_of(rows: np.ndarray) -> np.ndarray:
    total = rows.sum(0)
    squares = TWINS["squares_around"](rows, total / rows.dtype.type(len(rows)))
    return np.stack([total, squares, np.full_like(total, len(rows))])


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_statistics_of_parts_are_those_of_all_rows(parts: int) -> None:
    rows = np.random.default_rng(0).standard_normal((40, 3)) * [1.0, 5.0, 0.1] + [0.0, 1e3, -7.0]
    brought = [statistics_of(rows[slice(*each)]) for each in even_ranges(40, parts)]
    np.testing.assert_allclose(tree_sum(brought, joined_statistics), statistics_of(rows), rtol=1e-12)


@pytest.mark.parametrize("mean", [1.0, 100.0, 1e4])
@pytest.mark.parametrize("parts", [2, 3, 8])
def test_a_large_mean_costs_a_batch_in_parts_no_more_digits_than_two_exchanges_would(
    parts: int, mean: float
) -> None:
    rows = (np.random.default_rng(0).standard_normal((32000, 4)) + mean).astype(np.float32)
    count, exact = np.float32(len(rows)), rows.astype(np.float64)
    exact = (exact - exact.mean(0)) / exact.std(0)
    pieces = [rows[slice(*each)] for each in even_ranges(len(rows), parts)]
    total, squares, _ = tree_sum([statistics_of(piece) for piece in pieces], joined_statistics)

    def error(squares: np.ndarray) -> float:
        """Of the normalised numbers."""
        return float(np.max(np.abs((rows - total / count) / np.sqrt(squares / count) - exact)))

    # another exchange, for the common mean, would bring the squares around that
    around = tree_sum([TWINS["squares_around"](piece, total / count) for piece in pieces])
    assert error(squares) < 1.1 * error(around) + 5e-7
