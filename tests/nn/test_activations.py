"""Activations far from zero, at zero, and by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from genoml import nn
from genoml.backend import Backend
from genoml.ops.activations import ACTIVATIONS, activation_vjp
from support.backends import has_float64

BOUNDED = ["elu", "gelu", "gelu_tanh", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh"]


@pytest.mark.parametrize("name", BOUNDED)
def test_values_and_slopes_far_from_zero_are_finite(name: str, backend: Backend) -> None:
    x = backend.asarray([-1e4, -200.0, -90.0, -20.0, 0.0, 20.0, 90.0, 200.0, 1e4], "float32")
    y, back = activation_vjp(name)(x)
    slopes = backend.to_numpy(back(backend.asarray(np.ones(9), "float32")))
    y = backend.to_numpy(y)
    assert np.all(np.isfinite(y))
    assert np.all(np.isfinite(slopes))
    if name not in ("sigmoid", "tanh"):
        np.testing.assert_array_equal(y[-2:], [200.0, 1e4])
        np.testing.assert_array_equal(slopes[-2:], [1.0, 1.0])


def test_every_activation_has_a_test_of_its_tails() -> None:
    assert set(BOUNDED) == set(ACTIVATIONS)


def test_softplus_keeps_its_digits_where_it_is_small(backend: Backend) -> None:
    y = nn.Softplus()(backend.asarray([-80.0, -20.0], "float32"))
    np.testing.assert_allclose(backend.to_numpy(y), np.exp([-80.0, -20.0]), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("elu", nn.ELU),
        ("gelu", nn.GELU),
        ("gelu_tanh", lambda: nn.GELU("tanh")),
        ("leaky_relu", nn.LeakyReLU),
        ("relu", nn.ReLU),
        ("sigmoid", nn.Sigmoid),
        ("silu", nn.SiLU),
        ("softplus", nn.Softplus),
        ("tanh", nn.Tanh),
    ],
)
def test_an_activation_by_name_is_the_layer_behind(
    name: str, make: Callable[[], nn.Layer], backend: Backend
) -> None:
    x = backend.asarray(np.random.default_rng(0).standard_normal((3, 4)), "float32")
    linear, named, layer = nn.Dense(4, 5, seed=2), nn.Dense(4, 5, activation=name, seed=2), make()
    linear.params = named.params
    np.testing.assert_array_equal(backend.to_numpy(named(x)), backend.to_numpy(layer(linear(x))))
    grad = backend.asarray(np.ones((3, 5)), "float32")
    np.testing.assert_array_equal(
        backend.to_numpy(named.backward(grad)), backend.to_numpy(linear.backward(layer.backward(grad)))
    )


def test_gelu_knows_two_forms() -> None:
    with pytest.raises(ValueError, match="GELU expects approximate 'none' or 'tanh', got 'erf'"):
        nn.GELU("erf")


#: limits of y and dy/dx at -inf and at +inf
LIMITS = {
    "elu": (-1.0, 0.0, np.inf, 1.0),
    "gelu": (0.0, 0.0, np.inf, 1.0),
    "gelu_tanh": (0.0, 0.0, np.inf, 1.0),
    "leaky_relu": (-np.inf, 0.01, np.inf, 1.0),
    "linear": (-np.inf, 1.0, np.inf, 1.0),
    "relu": (0.0, 0.0, np.inf, 1.0),
    "sigmoid": (0.0, 0.0, 1.0, 0.0),
    "silu": (0.0, 0.0, np.inf, 1.0),
    "softplus": (0.0, 0.0, np.inf, 1.0),
    "tanh": (-1.0, 0.0, 1.0, 0.0),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LIMITS)
def test_infinite_inputs_have_the_limits_of_value_and_slope(name: str, dtype: str, backend: Backend) -> None:
    if dtype == "float64" and not has_float64(backend):
        dtype = "float32"
    with np.errstate(all="ignore"):
        for size in (1e8, 1e30, float(np.finfo(dtype).max), np.inf):
            y, back = activation_vjp(name)(backend.asarray([-size, size], dtype))
            found = backend.to_numpy(y), backend.to_numpy(back(backend.asarray([1.0, 1.0], dtype)))
            low, low_slope, high, high_slope = LIMITS[name]
            values = [size * np.sign(low) * (low_slope or 1) if np.isinf(low) else low, min(high, size)]
            np.testing.assert_allclose(found[0], np.array(values, dtype), rtol=1e-6)
            np.testing.assert_allclose(found[1], [low_slope, high_slope], rtol=1e-6)
    assert set(LIMITS) == set(ACTIVATIONS) | {"linear"}


def test_values_near_zero_are_those_without_the_bounds(backend: Backend) -> None:
    z = np.linspace(-30.0, 30.0, 601)
    x = backend.asarray(z, "float32")
    normal = special.ndtr(z)
    for name, expected in (("silu", z * special.expit(z)), ("gelu", z * normal)):
        found = backend.to_numpy(activation_vjp(name)(x)[0])
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)
