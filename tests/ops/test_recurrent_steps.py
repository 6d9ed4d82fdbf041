"""NumPy's steps of an LSTM against the standard version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.ops.recurrent import lstm_scan, lstm_vjp
from genoml_numpy import compiled
from genoml_numpy.compiled.functions import exp, sigmoid, tanh
from genoml_numpy.twins import TWINS
from support.operations import assert_close

TWIN = TWINS["lstm_scan"]
COMPILED = compiled.TWINS["lstm_vjp"]


@pytest.mark.parametrize("given", ["every state", "the last state", "some states"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 3, 5), (4, 0, 2), (6, 2, 16), (3, 17, 9)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_twin_equals_the_standard_version(dtype: Any, shape: tuple[int, int, int], given: str) -> None:
    (length, batch, hidden), rng = shape, np.random.default_rng(0)
    z = rng.standard_normal((length, batch, 4 * hidden)).astype(dtype)
    weights = rng.standard_normal((hidden, 4 * hidden)).astype(dtype)
    received = _received(rng, (length, batch, hidden), given, dtype)
    bias = rng.standard_normal(4 * hidden).astype(dtype)
    for array in (z, weights, bias):
        array.flags.writeable = False
    states, back = TWIN(z, weights, None, bias)
    expected, expected_back = lstm_scan.standard(z, weights, None, bias)
    assert_close(states, expected, dtype, "states")
    (grad_z, grads), (expected_z, expected_grads) = back(received), expected_back(received)
    assert_close(grad_z, expected_z, dtype, "grad z")
    assert grads.keys() == expected_grads.keys() == {"weights_recurrent", "bias"}
    for name, value in expected_grads.items():
        assert_close(grads[name], value, dtype, name)


def _received(rng: np.random.Generator, shape: tuple[int, ...], given: str, dtype: Any) -> list[Any]:
    received: list[Any] = list(rng.standard_normal(shape).astype(dtype))
    if given == "the last state":
        received[:-1] = [None] * (len(received) - 1)
    elif given == "some states":
        received[::2] = [None] * len(received[::2])
    return received


def _network(
    rng: np.random.Generator, batch: int, length: int, features: int, hidden: int
) -> list[np.ndarray]:
    """An input and an LSTM's parameters, which nobody may write to."""
    shapes = (batch, length, features), (features, 4 * hidden), (hidden, 4 * hidden), (4 * hidden,)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    for array in arrays:
        array.flags.writeable = False
    return arrays


@pytest.mark.parametrize("given", ["every state", "the last state", "some states"])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (3, 9, 4, 5), (0, 4, 3, 2), (2, 6, 7, 16), (17, 3, 5, 9), (200, 9, 8, 8)]
)
def test_the_compiled_layer_equals_the_standard_version(shape: tuple[int, int, int, int], given: str) -> None:
    (batch, length, _, hidden), rng = shape, np.random.default_rng(0)
    arrays = _network(rng, *shape)
    received = _received(rng, (length, batch, hidden), given, np.float32)
    (states, back), (expected, expected_back) = COMPILED(*arrays), lstm_vjp.standard(*arrays)
    assert_close(states, expected, np.float32, "states")
    (grad_x, grads), (expected_x, right) = back(received), expected_back(received)
    assert_close(grad_x, expected_x, np.float32, "grad x")
    assert grads.keys() == right.keys() == {"weights_input", "weights_recurrent", "bias"}
    for name, value in right.items():
        assert_close(grads[name], value, np.float32, name)
    alone, same = back(received, False)
    assert alone is None
    for name in grads:
        np.testing.assert_array_equal(same[name], grads[name])
    again, none = back(received, True, False)
    np.testing.assert_array_equal(again, grad_x)
    assert none == {}


def test_other_numbers_are_left_to_the_standard_version() -> None:
    x, *weights = _network(np.random.default_rng(0), 2, 3, 4, 5)
    assert COMPILED(x.astype(np.float64), *weights) is NotImplemented
    assert COMPILED(x, *(array.astype(np.float64) for array in weights)) is NotImplemented


def test_the_inputs_may_lie_anyhow_in_memory() -> None:
    x, *weights = _network(np.random.default_rng(0), 4, 5, 6, 3)
    received: list[Any] = [None] * 4 + [np.broadcast_to(np.float32(1.0), (4, 3))]
    expected, expected_back = COMPILED(x, *weights)
    for view in (
        np.asfortranarray(x),
        np.ascontiguousarray(x[:, ::-1])[:, ::-1],
        x[:, :, ::-1].copy()[:, :, ::-1],
    ):
        states, back = COMPILED(view, *(np.asfortranarray(array) for array in weights))
        np.testing.assert_array_equal(states, expected)
        np.testing.assert_array_equal(back(received)[0], expected_back(received)[0])


def test_padded_sequences_are_left_to_the_standard_version() -> None:
    z, weights = np.ones((3, 2, 8)), np.ones((2, 8))
    assert TWIN(z, weights, np.ones((3, 2, 1), bool)) is NotImplemented
    assert TWIN(z.astype(np.float32), weights) is NotImplemented


@pytest.mark.parametrize("padding", ["left", "right", "all", "none"])
def test_the_compiled_layer_leaves_the_state_of_padded_steps(padding: str) -> None:
    rng = np.random.default_rng(0)
    arrays, lengths, steps = _network(rng, 3, 7, 4, 5), np.array([2, 7, 4]), np.arange(7)[:, None]
    kept = {
        "left": steps >= 7 - lengths,
        "right": steps < lengths,
        "all": steps < 0 * lengths,
        "none": steps >= 0 * lengths,
    }
    keep = kept[padding][:, :, None]
    received = list(rng.standard_normal((7, 3, 5)).astype(np.float32))
    (states, back), (expected, expected_back) = COMPILED(*arrays, keep), lstm_vjp.standard(*arrays, keep)
    assert_close(states, expected, np.float32, "states")
    (grad_x, grads), (expected_x, expected_grads) = back(received), expected_back(received)
    assert_close(grad_x, expected_x, np.float32, "grad x")
    for name, value in expected_grads.items():
        assert_close(grads[name], value, np.float32, name)


def test_the_compiled_functions_are_exact_to_a_few_units_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-85.0, 85.0, 20001), np.logspace(-30, 1, 1001)]).astype(np.float32)
    wide = x.astype(np.float64)
    right = {exp: np.exp(wide), sigmoid: 1.0 / (1.0 + np.exp(-wide)), tanh: np.tanh(wide)}
    for function, values in right.items():
        found = np.array([function(value) for value in x])
        assert (np.abs(found - values) <= 3.0 * np.spacing(np.abs(values).astype(np.float32))).all()
        assert np.isnan(function(np.float32(np.nan)))
        ends = [function(np.float32(end)) for end in (-np.inf, np.inf)]
        expected = {exp: [0.0, np.exp(88.0)], sigmoid: [0.0, 1.0], tanh: [-1.0, 1.0]}
        np.testing.assert_allclose(ends, expected[function], rtol=1e-6, atol=1e-37)
