"""NumPy's steps of an LSTM against the standard version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.ops.recurrent import lstm_scan
from genoml_numpy import compiled
from genoml_numpy.compiled.functions import exp, sigmoid, tanh
from genoml_numpy.twins import TWINS
from support.operations import assert_close

TWIN = TWINS["lstm_scan"]
EACH = {"NumPy": TWIN, "Numba": compiled.TWINS["lstm_scan"]}


@pytest.mark.parametrize("twin", EACH.values(), ids=EACH)
@pytest.mark.parametrize("given", ["every state", "the last state", "some states"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 3, 5), (4, 0, 2), (6, 2, 16), (3, 17, 9)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_twin_equals_the_standard_version(
    dtype: Any, shape: tuple[int, int, int], given: str, twin: Any
) -> None:
    (length, batch, hidden), rng = shape, np.random.default_rng(0)
    z = rng.standard_normal((length, batch, 4 * hidden)).astype(dtype)
    weights = rng.standard_normal((hidden, 4 * hidden)).astype(dtype)
    received: list[Any] = list(rng.standard_normal((length, batch, hidden)).astype(dtype))
    if given == "the last state":
        received[:-1] = [None] * (length - 1)
    elif given == "some states":
        received[::2] = [None] * len(received[::2])
    bias = rng.standard_normal(4 * hidden).astype(dtype)
    for array in (z, weights, bias):
        array.flags.writeable = False
    states, back = twin(z, weights, None, bias)
    expected, expected_back = lstm_scan.standard(z, weights, None, bias)
    assert_close(states, expected, dtype, "states")
    (grad_z, grads), (expected_z, expected_grads) = back(received), expected_back(received)
    assert_close(grad_z, expected_z, dtype, "grad z")
    assert grads.keys() == expected_grads.keys() == {"weights_recurrent", "bias"}
    for name, value in expected_grads.items():
        assert_close(grads[name], value, dtype, name)


def test_padded_sequences_are_left_to_the_standard_version() -> None:
    z, weights = np.ones((3, 2, 8)), np.ones((2, 8))
    assert TWIN(z, weights, np.ones((3, 2, 1), bool)) is NotImplemented
    assert TWIN(z.astype(np.float32), weights) is NotImplemented


@pytest.mark.parametrize("padding", ["left", "right", "all", "none"])
def test_the_compiled_twin_leaves_the_state_of_padded_steps(padding: str) -> None:
    rng = np.random.default_rng(0)
    z, weights = (rng.standard_normal(shape).astype(np.float32) for shape in ((7, 3, 20), (5, 20)))
    lengths, steps = np.array([2, 7, 4]), np.arange(7)[:, None]
    kept = {
        "left": steps >= 7 - lengths,
        "right": steps < lengths,
        "all": steps < 0 * lengths,
        "none": steps >= 0 * lengths,
    }
    keep = kept[padding][:, :, None]
    received = list(rng.standard_normal((7, 3, 5)).astype(np.float32))
    (states, back), (expected, expected_back) = (
        EACH["Numba"](z, weights, keep),
        lstm_scan.standard(z, weights, keep),
    )
    assert_close(states, expected, np.float32, "states")
    (grad_z, grads), (expected_z, expected_grads) = back(received), expected_back(received)
    assert_close(grad_z, expected_z, np.float32, "grad z")
    assert_close(grads["weights_recurrent"], expected_grads["weights_recurrent"], np.float32, "grad weights")


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
