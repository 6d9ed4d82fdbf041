"""Attention without mask and position term: NumPy's version beside the standard one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.ops.attention import plain_attention_vjp
from genoml_numpy import compiled
from genoml_numpy.twins import TWINS, attention

TWIN = TWINS["plain_attention_vjp"]
COMPILED = compiled.TWINS["plain_attention_vjp"]


def arrays(length: int, dtype: type, batch: int = 2) -> list[np.ndarray]:
    """Query, key, value and gradient as SelfAttention gives them: heads split off by a view."""
    rng = np.random.default_rng(0)
    sizes = (4, 4, 5, 5)
    return [
        rng.standard_normal((batch, length, 3, size)).astype(dtype).transpose(0, 2, 1, 3) for size in sizes
    ]


@pytest.mark.parametrize("scale", [1.0, 30.0])  # scores that need no shift by their maximum, and that do
@pytest.mark.parametrize("with_weights", [False, True])
@pytest.mark.parametrize("tile", [(1, 1), (4, 7), (256, 256)])
@pytest.mark.parametrize("length", [1, 2, 13])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_twin_equals_the_standard_version(
    dtype: type,
    length: int,
    tile: tuple[int, int],
    with_weights: bool,
    scale: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, "_QUERIES", tile[0])
    monkeypatch.setattr(attention, "_KEYS", tile[1])
    query, key, value, grad = arrays(length, dtype)
    query = query * dtype(scale)
    for array in (query, key, value, grad):
        array.flags.writeable = False
    y, weights, pullback = TWIN(query, key, value, with_weights)
    expected_y, expected_weights, expected = plain_attention_vjp.standard(query, key, value, with_weights)
    assert (weights is None) == (not with_weights)
    if with_weights:
        np.testing.assert_allclose(weights, expected_weights, rtol=1e-4, atol=1e-6)
    limit = scale * (1e-5 if dtype is np.float32 else 1e-13)
    for got, wanted in zip((y, *pullback(grad)), (expected_y, *expected(grad)), strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=limit, atol=limit)


@pytest.mark.parametrize(("scale", "with_weights"), [(1.0, False), (30.0, True)])
@pytest.mark.parametrize("sizes", [(1, 1), (16, 16), (20, 33)])
@pytest.mark.parametrize("length", [1, 2, 33, 530])  # in one block or two of queries, and of keys
def test_the_compiled_twin_equals_the_standard_version_in_double_precision(
    length: int, sizes: tuple[int, int], with_weights: bool, scale: float
) -> None:
    rng = np.random.default_rng(0)
    shapes = [(1, length, 2, size) for size in (sizes[0], sizes[0], sizes[1], sizes[1])]
    given = [rng.standard_normal(shape).astype(np.float32).transpose(0, 2, 1, 3) for shape in shapes]
    for array in given:
        array.flags.writeable = False
    wide = [array.astype(np.float64) for array in given]
    y, weights, back = COMPILED(*given[:3], with_weights, scale=scale)
    expected_y, expected_weights, expected = plain_attention_vjp.standard(
        *wide[:3], with_weights, scale=scale
    )
    found, right = [y, *back(given[3])], [expected_y, *expected(wide[3])]
    if with_weights:
        found, right = [*found, weights], [*right, expected_weights]
    limit = 2e-6 * (1.0 + scale * sizes[0])
    for got, wanted in zip(found, right, strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, wanted, rtol=limit, atol=limit * max(1.0, np.abs(wanted).max()))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_number_that_is_none_shows_in_what_reads_it(place: int) -> None:
    given = arrays(40, np.float32)
    given[place][1, 2, 7, 3] = np.nan
    y, _, _ = COMPILED(*given[:3])
    expected, _, _ = plain_attention_vjp.standard(*given[:3])
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))


@pytest.mark.parametrize("twin", [TWIN, COMPILED], ids=["NumPy", "Numba"])
@pytest.mark.parametrize(("batch", "length"), [(0, 5), (2, 0)])
def test_nothing_gives_nothing(batch: int, length: int, twin: Any) -> None:
    query, key, value, grad = arrays(length, np.float32, batch)
    y, _, pullback = twin(query, key, value)
    assert y.shape == grad.shape
    assert [array.shape for array in pullback(grad)] == [query.shape, key.shape, value.shape]


@pytest.mark.parametrize("twin", [TWIN, COMPILED], ids=["NumPy", "Numba"])
def test_large_scores_do_not_overflow(twin: Any) -> None:
    query, key, value, grad = arrays(6, np.float32)
    y, _, pullback = twin(1e3 * query, key, value)
    assert all(np.isfinite(array).all() for array in (y, *pullback(grad)))


@pytest.mark.parametrize(
    "attend", [TWIN, COMPILED, plain_attention_vjp.standard], ids=["NumPy", "Numba", "standard"]
)
def test_a_score_that_overflows_takes_all_of_the_attention(attend: Any) -> None:
    query, key = np.full((2, 1, 1, 3, 1), 1e25, np.float32)
    key[0, 0, :, 0] = 1.0, 1e25, -1e25
    value = np.arange(3, dtype=np.float32)[None, None, :, None]
    with np.errstate(all="ignore"):
        y, _, pullback = attend(query, key, value)
        gradients = pullback(np.ones_like(y))
    np.testing.assert_array_equal(y, np.ones((1, 1, 3, 1)))
    assert all(np.isfinite(gradient).all() for gradient in gradients)
