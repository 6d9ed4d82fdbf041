"""Softmax and its relatives: against SciPy, far from zero, and with entries that are not allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

from genoml import nn
from genoml.backend import Backend
from genoml.ops.activations import (
    log_softmax,
    log_sum_exp,
    masked_softmax,
    sigmoid,
    softmax,
    softmax_gradient,
    softplus,
)

X = np.random.default_rng(5).standard_normal((3, 4, 5)).astype(np.float32)
FUNCTIONS = [
    (softmax, special.softmax),
    (log_softmax, special.log_softmax),
    (log_sum_exp, special.logsumexp),
]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize(("function", "expected"), FUNCTIONS, ids=["softmax", "log_softmax", "log_sum_exp"])
def test_values_along_any_axis_equal_scipys(
    function: Any, expected: Any, axis: int, backend: Backend
) -> None:
    found = backend.to_numpy(function(backend.asarray(X), axis))
    np.testing.assert_allclose(found, expected(X.astype(np.float64), axis=axis), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("function", "expected"), FUNCTIONS, ids=["softmax", "log_softmax", "log_sum_exp"])
def test_large_values_do_not_overflow(function: Any, expected: Any, backend: Backend) -> None:
    x = np.array([[1e4, 1e4 - 1.0, -1e4], [-1e4, -1e4, -1e4]], np.float32)
    found = backend.to_numpy(function(backend.asarray(x), -1))
    np.testing.assert_allclose(found, expected(x.astype(np.float64), axis=-1), rtol=1e-5, atol=1e-6)


def test_softplus_and_sigmoid_equal_scipys(backend: Backend) -> None:
    x = np.array([-100.0, -20.0, -1.0, 0.0, 1.0, 20.0, 100.0], np.float32)
    on_device = backend.asarray(x)
    np.testing.assert_allclose(
        backend.to_numpy(softplus(on_device)), np.logaddexp(0.0, x), rtol=1e-5, atol=1e-30
    )
    np.testing.assert_allclose(backend.to_numpy(sigmoid(on_device)), special.expit(x), rtol=1e-5, atol=1e-30)


def test_a_masked_softmax_is_the_softmax_of_the_allowed_entries(backend: Backend) -> None:
    allowed = np.array([True, False, True, True, False])
    found = backend.to_numpy(masked_softmax(backend.asarray(X), backend.asarray(allowed)))
    np.testing.assert_array_equal(found[..., ~allowed], 0.0)
    np.testing.assert_allclose(found[..., allowed], special.softmax(X[..., allowed], axis=-1), rtol=1e-5)


def test_a_masked_softmax_gives_zeros_where_nothing_is_allowed(backend: Backend) -> None:
    nothing = backend.asarray(np.zeros(5, bool))
    np.testing.assert_array_equal(backend.to_numpy(masked_softmax(backend.asarray(X), nothing)), 0.0)


INFINITE = np.array(
    [
        [np.inf, 0.0, 1.0, -np.inf],
        [np.inf, 1.0, np.inf, 3.0],
        [-np.inf, -np.inf, -np.inf, -np.inf],
        [-np.inf, 2.0, 2.0, 1e30],
        [np.inf, np.inf, np.inf, np.inf],
        [-1e30, -np.inf, -np.inf, -np.inf],
    ]
)
SHARES = np.array(
    [[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0.25] * 4, [0, 0, 0, 1], [0.25] * 4, [1, 0, 0, 0]], np.float64
)


@pytest.mark.parametrize("axis", [0, 1])
def test_infinite_entries_have_the_limits_of_softmax_and_of_its_logarithm(
    axis: int, backend: Backend
) -> None:
    x = backend.asarray(INFINITE if axis == 1 else INFINITE.T, "float32")
    expected = SHARES if axis == 1 else SHARES.T
    with np.errstate(all="ignore"):
        y = softmax(x, axis)
        np.testing.assert_array_equal(backend.to_numpy(y), expected)
        np.testing.assert_array_equal(backend.to_numpy(softmax.standard(x, axis)), expected)
        np.testing.assert_allclose(np.exp(backend.to_numpy(log_softmax(x, axis))), expected, rtol=1e-6)
        for layer in (nn.Softmax(axis), nn.LogSoftmax(axis)):
            layer(x)
            gradient = backend.to_numpy(
                layer.backward(backend.asarray(np.arange(24.0).reshape(x.shape), "float32"))
            )
            assert np.isfinite(gradient).all()
    slope = backend.to_numpy(softmax_gradient(y, backend.asarray(np.ones(x.shape), "float32"), axis))
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def test_a_score_that_overflows_takes_all_of_the_attention(backend: Backend) -> None:
    allowed = backend.asarray(np.array([True, True, True, False]))
    with np.errstate(all="ignore"):
        found = backend.to_numpy(masked_softmax(backend.asarray(INFINITE[:2], "float32"), allowed))
    np.testing.assert_array_equal(found, SHARES[:2])


def test_nan_stays_nan(backend: Backend) -> None:
    x = backend.asarray([[np.nan, 1.0], [0.0, 0.0]], "float32")
    found = backend.to_numpy(softmax(x))
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], 0.5)
