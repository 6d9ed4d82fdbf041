"""Gradients clipped by value, and weights held to a norm."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.optim import clip_by_value, limit_norms
from support.guard import no_host_read

RNG = np.random.default_rng(0)
PARAMS = {
    "0.weights": RNG.standard_normal((5, 3, 4)) * np.array([0.1, 0.2, 1.0, 2.0, 9.0])[:, None, None],
    "0.bias": RNG.standard_normal(5) * 100.0,
    "1.weights": RNG.standard_normal((6, 2)) * np.array([0.2, 3.0]),
}


def test_every_number_is_brought_into_the_range(backend: Backend) -> None:
    grads = {name: backend.asarray(value, "float32") for name, value in PARAMS.items()}
    with no_host_read(backend):
        clipped = clip_by_value(grads, 0.5)
    for name, value in PARAMS.items():
        np.testing.assert_array_equal(
            backend.to_numpy(clipped[name]), np.clip(value.astype(np.float32), -0.5, 0.5)
        )
        np.testing.assert_array_equal(backend.to_numpy(grads[name]), value.astype(np.float32))


def test_weights_into_an_output_keep_to_the_norm(backend: Backend) -> None:
    params = {name: backend.asarray(value, "float32") for name, value in PARAMS.items()}
    before = dict(params)
    with no_host_read(backend):
        limit_norms(params, 2.0)
    for name, axes in (("0.weights", (1, 2)), ("1.weights", (0,))):
        norm = np.sqrt(np.sum(PARAMS[name] ** 2, axis=axes, keepdims=True))
        expected = PARAMS[name] * np.minimum(1.0, 2.0 / norm)
        assert np.any(norm > 2.0)
        assert np.any(norm < 2.0)
        np.testing.assert_allclose(backend.to_numpy(params[name]), expected, rtol=1e-6)
        np.testing.assert_array_equal(backend.to_numpy(before[name]), PARAMS[name].astype(np.float32))
    assert params["0.bias"] is before["0.bias"]


def test_weights_of_0_stay_0(backend: Backend) -> None:
    params = {"weights": backend.asarray(np.zeros((2, 3)), "float32")}
    limit_norms(params, 1.0)
    assert not backend.to_numpy(params["weights"]).any()


def test_another_choice_of_parameters_is_taken() -> None:
    params = {"a.kernel": np.full((4, 1), 3.0), "a.weights": np.full((4, 1), 3.0)}
    limit_norms(params, 1.0, applies=lambda name: name.endswith("kernel"))
    np.testing.assert_allclose(params["a.kernel"], 0.5)
    np.testing.assert_array_equal(params["a.weights"], 3.0)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_limits_that_are_not_positive_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"clip_by_value expects limit > 0, got {value}"):
        clip_by_value(PARAMS, value)
    with pytest.raises(ValueError, match=f"limit_norms expects max_norm > 0, got {value}"):
        limit_norms(dict(PARAMS), value)


def test_a_vector_has_no_norm_an_output() -> None:
    with pytest.raises(ValueError, match=r"at least 2 axes, got weights of \(3,\)"):
        limit_norms({"weights": np.ones(3)}, 1.0)
