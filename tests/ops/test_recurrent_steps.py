"""NumPy's steps of an LSTM against the standard version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.ops.recurrent import lstm_scan
from genoml_numpy.twins import TWINS
from support.operations import assert_close

TWIN = TWINS["lstm_scan"]


@pytest.mark.parametrize("given", ["every state", "the last state", "some states"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 3, 5), (4, 0, 2), (6, 2, 16)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_twin_equals_the_standard_version(dtype: Any, shape: tuple[int, int, int], given: str) -> None:
    (length, batch, hidden), rng = shape, np.random.default_rng(0)
    z = rng.standard_normal((length, batch, 4 * hidden)).astype(dtype)
    weights = rng.standard_normal((hidden, 4 * hidden)).astype(dtype)
    received: list[Any] = list(rng.standard_normal((length, batch, hidden)).astype(dtype))
    if given == "the last state":
        received[:-1] = [None] * (length - 1)
    elif given == "some states":
        received[::2] = [None] * len(received[::2])
    for array in (z, weights):
        array.flags.writeable = False
    (states, back), (expected, expected_back) = TWIN(z, weights), lstm_scan.standard(z, weights)
    assert_close(states, expected, dtype, "states")
    (grad_z, grads), (expected_z, expected_grads) = back(received), expected_back(received)
    assert_close(grad_z, expected_z, dtype, "grad z")
    assert_close(grads["weights_recurrent"], expected_grads["weights_recurrent"], dtype, "grad weights")


def test_padded_sequences_are_left_to_the_standard_version() -> None:
    z, weights = np.ones((3, 2, 8)), np.ones((2, 8))
    assert TWIN(z, weights, np.ones((3, 2, 1), bool)) is NotImplemented
    assert TWIN(z.astype(np.float32), weights) is NotImplemented
