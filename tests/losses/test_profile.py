"""Profile losses: how they relate to the Poisson, extremes, refusals; the rest is in test_all_losses.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.losses import multinomial_loss, multinomial_profile_loss, poisson_loss, poisson_multinomial_loss

RNG = np.random.default_rng(4)
LOGITS = RNG.standard_normal((3, 2, 8))
COUNTS = RNG.poisson(3.0, (3, 2, 8)).astype(np.float64)


@pytest.mark.parametrize("log_input", [False, True])
def test_total_and_shape_with_weight_1_are_the_poisson_of_all_positions(
    log_input: bool, backend: Backend
) -> None:
    m = backend.asarray(LOGITS if log_input else np.exp(LOGITS), "float32")
    together = poisson_multinomial_loss(m, COUNTS, log_input=log_input)
    for got, expected in zip(together, poisson_loss(m, COUNTS, log_input=log_input), strict=True):
        np.testing.assert_allclose(backend.to_numpy(got), backend.to_numpy(expected), rtol=1e-5, atol=1e-6)


def test_a_profile_without_counts_has_loss_0_and_no_gradient(backend: Backend) -> None:
    value, grad = multinomial_loss(backend.asarray(LOGITS, "float32"), np.zeros((3, 2, 8)), reduction="none")
    np.testing.assert_allclose(backend.to_numpy(value), 0.0, atol=1e-5)
    assert not backend.to_numpy(grad).any()


def test_a_constant_added_to_the_logits_changes_nothing(backend: Backend) -> None:
    for shift in (-1e4, 0.0, 1e4):
        z = backend.asarray(np.round(LOGITS * 4.0) / 4.0 + shift, "float32")
        value, grad = multinomial_loss(z, COUNTS)
        base, base_grad = multinomial_loss(backend.asarray(np.round(LOGITS * 4.0) / 4.0, "float32"), COUNTS)
        np.testing.assert_allclose(backend.to_numpy(value), backend.to_numpy(base), rtol=1e-5)
        np.testing.assert_allclose(backend.to_numpy(grad), backend.to_numpy(base_grad), atol=1e-5)


def test_extreme_logits_in_single_precision_stay_finite(backend: Backend) -> None:
    z = backend.asarray([[-1e4, 0.0, 1e4], [80.0, -1e4, 0.0]], "float32")
    k = [[1e6, 0.0, 3.0], [0.0, 1.0, 1e6]]
    totals, total_grads = multinomial_profile_loss(z, z[:, 0], k)
    for array in (*multinomial_loss(z, k), totals, *total_grads):
        assert np.all(np.isfinite(backend.to_numpy(array)))
    capped = backend.asarray([[-1e4, 0.0, 80.0], [80.0, -1e4, 0.0]], "float32")
    for array in poisson_multinomial_loss(capped, k, log_input=True):
        assert np.all(np.isfinite(backend.to_numpy(array)))
    for array in poisson_multinomial_loss(backend.asarray([[0.0, -1.0, 1e30]], "float32"), [[3.0, 0.0, 1e6]]):
        assert np.all(np.isfinite(backend.to_numpy(array)))


def test_log_counts_may_lack_an_axis_of_one_task(backend: Backend) -> None:
    z, k = backend.asarray(LOGITS[:, :1], "float32"), COUNTS[:, :1]
    flat = multinomial_profile_loss(z, backend.asarray([0.5, 1.0, 2.0], "float32"), k)
    column = multinomial_profile_loss(z, backend.asarray([[0.5], [1.0], [2.0]], "float32"), k)
    assert tuple(flat[1][1].shape) == (3,)
    np.testing.assert_array_equal(backend.to_numpy(flat[0]), backend.to_numpy(column[0]))
    np.testing.assert_array_equal(backend.to_numpy(flat[1][1]), backend.to_numpy(column[1][1])[:, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: multinomial_loss(np.zeros(3), np.zeros(3)),
            r"predictions \(batch, ..., length\), got \(3,\)",
        ),
        (
            lambda: multinomial_profile_loss(LOGITS, np.zeros((3, 1)), COUNTS),
            r"expects log_counts of shape \(3, 2\), got \(3, 1\)",
        ),
        (
            lambda: multinomial_profile_loss(LOGITS, np.zeros((3, 2)), COUNTS, counts_weight=-1.0),
            "counts_weight >= 0, got -1.0",
        ),
        (
            lambda: poisson_multinomial_loss(LOGITS, COUNTS, total_weight=float("nan")),
            "total_weight >= 0, got nan",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
