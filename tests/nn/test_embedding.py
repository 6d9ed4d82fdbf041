"""The embedding: tokens outside the table, kinds of integers, networks that begin with it."""

from __future__ import annotations

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Backend
from genoml.sequence import kmer_tokens


def test_a_token_outside_gives_nan_and_no_gradient_on_every_backend(backend: Backend) -> None:
    layer = nn.Embedding(5, 3)
    y = backend.to_numpy(layer(backend.asarray(np.array([[-1, 4, 5, 0, 2**31 - 1]]), "int32")))
    np.testing.assert_array_equal(np.isnan(y).all(axis=2), [[True, False, True, False, True]])
    assert layer.backward(backend.asarray(np.ones((1, 5, 3)), "float32")) is None
    expected = np.array([1.0, 0.0, 0.0, 0.0, 1.0])[:, None] * np.ones(3)
    np.testing.assert_array_equal(backend.to_numpy(layer.weights_grad), expected)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_any_kind_of_integer_is_a_token(dtype: str, backend: Backend) -> None:
    layer, tokens = nn.Embedding(5, 3), np.array([[0, 4, 2]])
    y = layer(backend.asarray(tokens, dtype))
    np.testing.assert_array_equal(backend.to_numpy(y)[0], backend.to_numpy(layer.weights)[tokens[0]])


def test_floats_are_refused(backend: Backend) -> None:
    with pytest.raises(TypeError, match="expects an array of integer tokens, got"):
        nn.Embedding(5, 3)(backend.asarray(np.zeros((2, 3)), "float32"))


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="expects vocabulary >= 1, got 0"):
        nn.Embedding(0, 3)


def test_a_network_of_kmers_learns_from_its_first_layer_on(backend: Backend) -> None:
    network = nn.Sequential([nn.Embedding(65, 4), nn.LSTM(4, 3, return_sequences=False), nn.Dense(3, 1)])
    y = network(kmer_tokens(["ACGTAN", "TTTTTT"], 3))
    assert network.backward(backend.asarray(np.ones(tuple(y.shape)), "float32")) is None
    touched = backend.to_numpy(network.grads["0.weights"]).any(axis=1)
    assert set(np.flatnonzero(touched)) == {6, 27, 44, 64, 63}  # ACG CGT GTA, TAN, TTT


def test_branches_may_read_tokens(backend: Backend) -> None:
    branch = [nn.Embedding(5, 3), nn.LSTM(3, 2, return_sequences=False)]
    network = nn.Parallel(
        {"a": nn.Sequential(branch), "b": nn.Sequential([nn.Embedding(5, 2), nn.Flatten()])}
    )
    y = network(backend.asarray(np.array([[0, 1, 2]]), "int32"))
    assert y.shape == (1, 8)
    assert network.backward(backend.asarray(np.ones((1, 8)), "float32")) is None
    assert len(network.grads) == 5
