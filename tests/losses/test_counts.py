"""Count losses at the ends of their range, against arithmetic of 50 digits; limits; learned dispersions."""

from __future__ import annotations

from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest

from genoml.backend import Backend
from genoml.losses import (
    negative_binomial_loss,
    negative_binomial_loss_with_dispersion,
    poisson_loss,
    zero_inflated_negative_binomial_loss,
)
from genoml.testing import check_loss
from support.backends import has_float64

COUNTS = [0, 1, 2, 7, 100, 1234, 10**5, 10**6]
MEANS = [1e-6, 1e-3, 0.5, 1.0, 30.0, 1e3, 9.99e5, 1e6, 1e8]
DISPERSIONS = [1e-6, 1e-3, 0.1, 1.0, 10.0, 1e3, 1e6]
COUNT, MEAN, DISPERSION = (
    values.ravel() for values in np.meshgrid(COUNTS, MEANS, DISPERSIONS, indexing="ij")
)


def exact_terms(y: float, z: float, log_a: float) -> tuple[Any, Any, Any]:
    """-log p and its derivatives in log mean and log dispersion, by the textbook's formula."""
    count, m, r = mpmath.mpf(y), mpmath.exp(mpmath.mpf(z)), mpmath.exp(-mpmath.mpf(log_a))
    value = (
        mpmath.loggamma(r)
        + mpmath.loggamma(count + 1)
        - mpmath.loggamma(count + r)
        + (count + r) * mpmath.log(1 + m / r)
        - count * mpmath.log(m / r)
    )
    slope = mpmath.psi(0, count + r) - mpmath.psi(0, r) - mpmath.log(1 + m / r) - (count - m) / (r + m)
    return value, r * (m - count) / (r + m), r * slope


@cache
def exact(dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For the inputs as they are once rounded to the dtype."""
    z, log_a = (np.log(values).astype(dtype).astype(np.float64) for values in (MEAN, DISPERSION))
    with mpmath.workdps(50):
        rows = [exact_terms(*row) for row in zip(COUNT.tolist(), z.tolist(), log_a.tolist(), strict=True)]
        return tuple(np.array([float(row[i]) for row in rows]) for i in range(3))  # type: ignore[return-value]


# ---------------------------------------------------------------- negative binomial


def test_counts_to_1e6_and_dispersions_from_1e_6_to_1e6_are_exact_to_rounding(backend: Backend) -> None:
    for dtype in ("float64", "float32") if has_float64(backend) else ("float32",):
        eps = np.finfo(dtype).eps
        z, log_a = backend.asarray(np.log(MEAN), dtype), backend.asarray(np.log(DISPERSION), dtype)
        value, grads = negative_binomial_loss_with_dispersion(
            z, log_a, COUNT, log_input=True, reduction="none"
        )
        # the mean's own rounding moves y - m by eps |log m| m
        moved = eps * (1.0 + np.abs(np.log(MEAN))) * np.minimum(MEAN, 1.0 / DISPERSION)
        size = np.abs(MEAN - COUNT) / (1.0 + DISPERSION * MEAN)
        slack = (moved, 8.0 * moved, 8.0 * moved + eps * size)
        for got, expected, own in zip((value, *grads), exact(dtype), slack, strict=True):
            error = np.abs(backend.to_numpy(got) - expected)
            assert np.all(error <= 20.0 * eps * (1.0 + np.abs(expected)) + 8.0 * own)


def test_a_small_dispersion_is_the_poisson(backend: Backend) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    m, y = np.repeat([0.1, 1.0, 30.0, 1000.0], 4), np.tile([0.0, 1.0, 40.0, 900.0], 4)
    means = backend.asarray(m, dtype)
    limit = {"float64": 1e-9, "float32": 2e-5}[dtype]
    poisson = [backend.to_numpy(part) for part in poisson_loss(means, y, full=True, reduction="none")]
    for dispersion in (0.0, 1e-30, 1e-15):
        found = negative_binomial_loss(means, y, dispersion=dispersion, reduction="none")
        for got, expected in zip(found, poisson, strict=True):
            np.testing.assert_allclose(backend.to_numpy(got), expected, rtol=limit, atol=limit)


@pytest.mark.parametrize("log_dispersion", [-1e4, -60.0, -14.0, 0.0, 14.0, 60.0, 1e4])
def test_extreme_inputs_in_single_precision_stay_finite(log_dispersion: float, backend: Backend) -> None:
    z = np.array([-1e6, -100.0, -30.0, 0.0, 30.0, 80.0, 1e6])
    logs = backend.asarray(z, "float32")
    for count in (0.0, 1.0, 1e6):
        value, grads = negative_binomial_loss_with_dispersion(
            logs, log_dispersion, np.full(7, count), log_input=True, reduction="none"
        )
        excess = zero_inflated_negative_binomial_loss(
            logs, 50.0, log_dispersion, np.full(7, count), log_input=True, reduction="none"
        )
        for array in (value, *grads, excess[0], *excess[1]):
            assert np.all(np.isfinite(backend.to_numpy(array)))
    for mean in (-1.0, 0.0, 1e-30, 1e30):
        value, grad = negative_binomial_loss(
            backend.asarray([mean], "float32"), [3.0], dispersion=min(np.exp(min(log_dispersion, 80.0)), 1e30)
        )
        assert np.isfinite(backend.to_numpy(value))
        assert np.isfinite(backend.to_numpy(grad)).all()


@pytest.mark.parametrize("z", [-45.0, -39.0, 39.0, 41.0, 60.0])
def test_the_gradient_is_that_of_the_value_beyond_the_limits_too(z: float) -> None:
    for log_dispersion in (-35.0, -2.0, 3.0):
        for count in (0.0, 5.0):

            def in_mean(array: Any, a: float = log_dispersion, y: float = count) -> tuple[Any, Any]:
                value, grads = negative_binomial_loss_with_dispersion(array, a, [y], log_input=True)
                return value, grads[0]

            def in_dispersion(array: Any, y: float = count) -> tuple[Any, Any]:
                value, grads = negative_binomial_loss_with_dispersion(
                    np.asarray([z]), array, [y], log_input=True
                )
                return value, grads[1]

            check_loss(in_mean, np.array([z]), rtol=1e-5)
            check_loss(in_dispersion, np.array([log_dispersion]), rtol=1e-5)


def test_a_fixed_dispersion_and_a_learned_one_give_the_same_loss(backend: Backend) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    m, y = backend.asarray([[0.5, 2.0], [30.0, 4.0]], dtype), np.array([[0.0, 3.0], [20.0, 4.0]])
    limit = 1e-13 if dtype == "float64" else 1e-5
    for dispersion in (0.3, [0.3, 2.0], [[0.3], [2.0]]):
        fixed, fixed_grad = negative_binomial_loss(m, y, dispersion=dispersion)
        value, (grad, _) = negative_binomial_loss_with_dispersion(m, np.log(dispersion), y)
        np.testing.assert_allclose(backend.to_numpy(fixed), backend.to_numpy(value), rtol=limit)
        np.testing.assert_allclose(
            backend.to_numpy(fixed_grad), backend.to_numpy(grad), rtol=limit, atol=limit
        )


def test_a_step_against_the_gradients_finds_mean_and_dispersion() -> None:
    y = np.random.default_rng(0).negative_binomial(2.0, 2.0 / 12.0, 20000).astype(np.float64)
    z, log_a = np.array([0.0]), np.array(0.0)
    for _ in range(400):
        _, (grad, grad_a) = negative_binomial_loss_with_dispersion(
            z + np.zeros(y.shape), log_a, y, log_input=True
        )
        z, log_a = z - 1.0 * np.sum(grad), log_a - 1.0 * grad_a
    assert np.exp(z[0]) == pytest.approx(np.mean(y), rel=1e-6)
    assert np.exp(-log_a) == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(
    ("dispersion", "message"),
    [
        (-0.5, "negative_binomial_loss expects dispersion >= 0, got -0.5$"),
        ([0.1, np.nan], r"dispersion >= 0, got nan at position 1"),
        (np.inf, "dispersion >= 0, got inf"),
        ([0.1, 0.2, 0.3], r"dispersion of a shape that broadcasts to \(2, 2\), got \(3,\)"),
        (np.ones((1, 2, 2)), r"broadcasts to \(2, 2\), got \(1, 2, 2\)"),
    ],
)
def test_a_dispersion_that_is_none_is_refused(dispersion: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        negative_binomial_loss(np.ones((2, 2)), np.ones((2, 2)), dispersion=dispersion)


def test_parameters_of_the_loss_that_are_not_finite_are_refused() -> None:
    ones = np.ones(2)
    with pytest.raises(ValueError, match="log_dispersion expects finite targets, got nan"):
        negative_binomial_loss_with_dispersion(ones, np.nan, ones)
    with pytest.raises(ValueError, match="zero_logits expects finite targets, got inf at position 1"):
        zero_inflated_negative_binomial_loss(ones, [0.0, np.inf], 0.0, ones)


# ---------------------------------------------------------------- excess zeros


def test_without_excess_zeros_the_loss_is_the_negative_binomials(backend: Backend) -> None:
    m, y = backend.asarray([0.5, 2.0, 30.0], "float32"), [0.0, 0.0, 4.0]
    plain, (grad, grad_a) = negative_binomial_loss_with_dispersion(m, 0.3, y, reduction="none")
    value, (grad_0, grad_v, grad_a0) = zero_inflated_negative_binomial_loss(
        m, -60.0, 0.3, y, reduction="none"
    )
    for got, expected in ((value, plain), (grad_0, grad), (grad_a0, grad_a)):
        np.testing.assert_allclose(backend.to_numpy(got), backend.to_numpy(expected), rtol=1e-5, atol=1e-6)
    assert abs(float(backend.to_numpy(grad_v))) < 1e-20


def test_a_zero_that_the_negative_binomial_rules_out_moves_only_the_zero_logit(backend: Backend) -> None:
    m = backend.asarray([1e6], "float32")
    value, (grad, grad_v, _) = zero_inflated_negative_binomial_loss(m, [0.0], -12.0, [0.0])
    assert float(backend.to_numpy(value)) == pytest.approx(np.log(2.0), rel=1e-6)
    assert np.all(backend.to_numpy(grad) == 0.0)
    np.testing.assert_allclose(backend.to_numpy(grad_v), [-0.5], rtol=1e-6)


# ---------------------------------------------------------------- Poisson


def test_the_full_poisson_loss_of_large_counts_keeps_its_digits(backend: Backend) -> None:
    y = np.array([1e6, 1e6, 1e5, 1.0, 0.0])
    m = backend.asarray([1e6, 1.001e6, 1e5, 1e-3, 20.0], "float32")
    value, _ = poisson_loss(m, y, full=True, reduction="none")
    with mpmath.workdps(40):
        pairs = zip(y.tolist(), backend.to_numpy(m).astype(np.float64).tolist(), strict=True)
        expected = [float(b - a * mpmath.log(b) + mpmath.loggamma(a + 1)) for a, b in pairs]
    np.testing.assert_allclose(backend.to_numpy(value), expected, rtol=1e-5)


def test_means_of_0_and_below_cost_a_finite_amount(backend: Backend) -> None:
    m = backend.asarray([0.0, -5.0, 0.0], "float32")
    value, grad = poisson_loss(m, [3.0, 3.0, 0.0], reduction="none")
    np.testing.assert_allclose(backend.to_numpy(value)[:2], -3.0 * np.log(1e-8), rtol=1e-5)
    np.testing.assert_allclose(backend.to_numpy(grad), [1 - 3e8, 1 - 3e8, 1.0], rtol=1e-5)


def test_log_means_from_minus_1e4_to_80_stay_finite(backend: Backend) -> None:
    z = backend.asarray([-1e4, -100.0, 0.0, 80.0], "float32")
    for count in (0.0, 7.0, 1e6):
        for full in (False, True):
            for array in poisson_loss(z, np.full(4, count), log_input=True, full=full, reduction="none"):
                assert np.all(np.isfinite(backend.to_numpy(array)))
