"""Layers that Sequential computes as one give what they give one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Backend
from genoml.nn.fused import fused_vjp
from genoml.nn.layer import Layer
from support.backends import has_float64

Make = Callable[..., list[Layer]]

FUSED: dict[str, tuple[int, Make]] = {
    "scan": (2, lambda **o: [nn.Conv1D(3, 5, 4, **o), nn.GlobalMaxPool1D(**o)]),
    "convolution and pool": (2, lambda **o: [nn.Conv1D(3, 5, 4, **o), nn.MaxPool1D(3, **o)]),
    "convolution with padding and stride, and pool": (
        2,
        lambda **o: [nn.Conv1D(3, 5, 4, padding="same", stride=2, **o), nn.MaxPool1D(2, ceil_mode=True, **o)],
    ),
    "normalisation and rectifier": (2, lambda **o: [nn.BatchNorm1D(3, **o), nn.ReLU(**o)]),
    "normalisation, rectifier and pool": (
        3,
        lambda **o: [nn.BatchNorm1D(3, **o), nn.ReLU(**o), nn.MaxPool1D(4, **o)],
    ),
    "normalisation, rectifier and a pool that is cut off": (
        3,
        lambda **o: [nn.BatchNorm1D(3, **o), nn.ReLU(**o), nn.MaxPool1D(4, ceil_mode=True, **o)],
    ),
    "convolution, normalisation and rectifier": (
        3,
        lambda **o: [nn.Conv1D(3, 5, 4, activation=None, **o), nn.BatchNorm1D(5, **o), nn.ReLU(**o)],
    ),
    "convolution without bias, with padding and stride, normalisation and rectifier": (
        3,
        lambda **o: [
            nn.Conv1D(3, 5, 4, padding="same", stride=2, bias=False, activation=None, **o),
            nn.BatchNorm1D(5, **o),
            nn.ReLU(**o),
        ],
    ),
    "convolution without bias, normalisation, rectifier and pool": (
        4,
        lambda **o: [
            nn.Conv1D(3, 5, 4, padding="same", bias=False, activation=None, **o),
            nn.BatchNorm1D(5, **o),
            nn.ReLU(**o),
            nn.MaxPool1D(3, **o),
        ],
    ),
    "dense, normalisation and rectifier": (
        3,
        lambda **o: [nn.Dense(3, 5, **o), nn.BatchNorm1D(5, **o), nn.ReLU(**o)],
    ),
}
APART: dict[str, Make] = {
    "overlapping windows": lambda **o: [nn.Conv1D(3, 5, 4, **o), nn.MaxPool1D(3, 2, **o)],
    "another activation": lambda **o: [nn.Conv1D(3, 5, 4, activation="gelu", **o), nn.MaxPool1D(3, **o)],
    "no bias": lambda **o: [nn.Conv1D(3, 5, 4, bias=False, **o), nn.MaxPool1D(3, **o)],
    "an activation before the normalisation": lambda **o: [
        nn.Dense(3, 5, "relu", **o),
        nn.BatchNorm1D(5, **o),
        nn.ReLU(**o),
    ],
    "another rectifier": lambda **o: [nn.BatchNorm1D(3, **o), nn.LeakyReLU(**o)],
    "normalisation alone": lambda **o: [nn.BatchNorm1D(3, **o), nn.MaxPool1D(3, **o)],
}


def network(make: Make, backend: Backend, dtype: str) -> nn.Sequential:
    """With parameters that no rule can rely on: scales below 0 among them."""
    model, rng = nn.Sequential(make(dtype=dtype, backend=backend)), np.random.default_rng(0)
    for table in (model.params, model.state):
        for name, value in list(table.items()):
            drawn = rng.standard_normal(tuple(value.shape))
            table[name] = backend.asarray(
                np.abs(drawn) + 0.5 if name.endswith("running_var") else drawn, dtype
            )
    return model


def single(model: nn.Sequential, x: Any, training: bool) -> tuple[Any, Callable[[Any], Any]]:
    """Layer by layer."""
    pullbacks = []
    for layer in model.layers:
        x, pullback = layer.vjp(x, nn.Pass(training))
        pullbacks.append(pullback)

    def back(grad: Any) -> tuple[Any, dict[str, Any]]:
        grads: dict[str, Any] = {}
        for i, pullback in reversed(list(enumerate(pullbacks))):
            grad, own = pullback(grad)
            grads |= {f"{i}.{name}": value for name, value in own.items()}
        return grad, grads

    return x, back


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", FUSED)
def test_layers_computed_as_one_equal_the_single_layers(name: str, training: bool, backend: Backend) -> None:
    count, make = FUSED[name]
    dtype = "float64" if has_float64(backend) else "float32"
    limit = 1e-11 if dtype == "float64" else 2e-4
    rng = np.random.default_rng(1)
    shape = (4, 3) if name.startswith("dense") else (4, 3, 19)
    x = backend.asarray(rng.standard_normal(shape), dtype)
    together, apart = network(make, backend, dtype), network(make, backend, dtype)
    found = fused_vjp(together.layers)
    assert found is not None
    assert found[0] == count
    y, pullback = together.vjp(x, nn.Pass(training))
    expected_y, expected_pullback = single(apart, x, training)
    cotangent = backend.asarray(rng.standard_normal(tuple(y.shape)), dtype)
    (grad_x, grads), (expected_x, expected) = pullback(cotangent), expected_pullback(cotangent)
    assert grads.keys() == expected.keys()
    pairs = [("y", y, expected_y), ("x", grad_x, expected_x)]
    pairs += [(key, grads[key], value) for key, value in expected.items()]
    pairs += [(key, value, apart.state[key]) for key, value in together.state.items()]
    for what, got, wanted in pairs:
        np.testing.assert_allclose(
            backend.to_numpy(got), backend.to_numpy(wanted), rtol=limit, atol=limit, err_msg=what
        )


@pytest.mark.parametrize("name", APART)
def test_other_layers_stay_apart(name: str) -> None:
    assert fused_vjp(APART[name]()) is None


def test_a_subclass_is_left_alone() -> None:
    class Doubled(nn.ReLU):
        def vjp(self, x: Any, run: nn.Pass = nn.EVALUATION) -> Any:
            return 2.0 * x, lambda grad, **_: (2.0 * grad, {})

    assert fused_vjp([nn.BatchNorm1D(3), Doubled()]) is None


@pytest.mark.parametrize("name", ["convolution and pool", "normalisation, rectifier and pool"])
def test_a_pool_that_does_not_fit_says_so(name: str) -> None:
    model = nn.Sequential(FUSED[name][1]())
    with pytest.raises(ValueError, match="MaxPool1D expects"):
        model(np.zeros((2, 3, 3 if name.startswith("norm") else 4), np.float32))
