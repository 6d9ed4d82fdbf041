"""Containers hand a mask on to the layers that take one."""

from __future__ import annotations

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Backend


def random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


MASK = [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_sequential_hands_the_mask_to_layers_at_any_depth(backend: Backend) -> None:
    x = backend.asarray(random((2, 5, 3)))
    first, second = nn.LSTM(3, 4), nn.TransformerBlock(4, 2)
    model = nn.Sequential([first, nn.Residual([second]), nn.Sequential([nn.MLP(4, 3)])])
    between = first(x, mask=MASK)
    expected = nn.MLP.vjp(model[2][0], between + second(between, mask=MASK))[0]
    np.testing.assert_allclose(
        backend.to_numpy(model(x, mask=MASK)), backend.to_numpy(expected), rtol=1e-5, atol=1e-6
    )
    assert np.abs(backend.to_numpy(model(x)) - backend.to_numpy(expected)).max() > 1e-3


def test_what_lies_under_the_mask_changes_nothing_that_is_read(backend: Backend) -> None:
    values = random((2, 5, 3))
    changed = values.copy()
    changed[0, 3:] = 7.0
    model = nn.Sequential([nn.Bidirectional(nn.LSTM(3, 4)), nn.SelfAttention(8, 2)])
    kept = [backend.to_numpy(model(backend.asarray(v), mask=MASK))[0, :3] for v in (values, changed)]
    np.testing.assert_allclose(kept[0], kept[1], rtol=1e-6)


def test_parallel_hands_the_mask_to_each_branch_that_takes_one(backend: Backend) -> None:
    x = backend.asarray(random((2, 5, 3)))
    attention = nn.SelfAttention(3, 1)
    model = nn.Parallel([attention, nn.MLP(3, 2, 3)])
    found = backend.to_numpy(model(x, mask=MASK))
    np.testing.assert_allclose(found[:, :5], backend.to_numpy(attention(x, mask=MASK)), rtol=1e-6)
    np.testing.assert_allclose(found[:, 5:], backend.to_numpy(model[1](x)), rtol=1e-6)


def test_the_other_strand_gets_the_mask_turned(backend: Backend) -> None:
    model = nn.StrandSymmetric(
        nn.Sequential([nn.Transpose(), nn.LSTM(4, 3, return_sequences=False), nn.Dense(3, 1)])
    )
    x = random((2, 4, 5))
    turned = np.ascontiguousarray(x[:, ::-1, ::-1])
    mask = np.array(MASK)
    one = backend.to_numpy(model(backend.asarray(x), mask=mask))
    other = backend.to_numpy(model(backend.asarray(turned), mask=np.ascontiguousarray(mask[:, ::-1])))
    np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize(
    "model",
    [nn.Sequential([nn.MLP(3, 2)]), nn.Residual(nn.MLP(3, 2)), nn.Parallel([nn.MLP(3, 2)])],
    ids=lambda model: type(model).__name__,
)
def test_a_mask_that_no_layer_takes_is_refused(model: nn.Layer) -> None:
    words = f"{type(model).__name__} reads no mask, and was given one"
    with pytest.raises(ValueError, match=words):
        model(random((2, 5, 3)), mask=MASK)


def test_a_mask_of_another_length_is_refused() -> None:
    model = nn.Sequential([nn.LSTM(3, 4)])
    with pytest.raises(ValueError, match=r"LSTM mask expects \(2, 5\), got \(2, 4\)"):
        model(random((2, 5, 3)), mask=np.ones((2, 4)))
