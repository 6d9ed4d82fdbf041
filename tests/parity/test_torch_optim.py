"""50 steps of every optimiser against torch.optim in float64, and gradient clipping."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from genoml.optim import SGD, Adagrad, Adam, Optimizer, RMSprop, clip_by_norm, clip_by_value, limit_norms
from parity.counterparts_optim import COUNTERPARTS, run_both
from support.optimizers import OPTIMIZERS

SHAPES = {"0.weights": (4, 3), "0.bias": (3,), "1.gamma": (3,), "2.weights": (3, 1)}
#: settings beside those of the registry
MORE: dict[str, Callable[[], Optimizer]] = {
    "SGD decay, fast": lambda: SGD(0.1, weight_decay=0.05),
    "Adam decay, beta2 near 1": lambda: Adam(0.01, beta1=0.8, beta2=0.99, eps=1e-6, weight_decay=0.05),
    "Adagrad decay, initial": lambda: Adagrad(0.1, lr_decay=0.02, initial=0.5, eps=1e-6, weight_decay=0.05),
    "RMSprop momentum, eps": lambda: RMSprop(0.02, rho=0.9, eps=1e-6, momentum=0.7, weight_decay=0.05),
    "RMSprop centred momentum": lambda: RMSprop(0.02, rho=0.9, momentum=0.5, centred=True),
}
CASES = {name: case.make for name, case in OPTIMIZERS.items()} | MORE


def draws(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_50_steps_equal_those_of_torch(make: Callable[[], Optimizer]) -> None:
    for name, ours, theirs in run_both(make(), draws):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12, err_msg=name)


def test_every_optimiser_has_a_counterpart() -> None:
    assert {type(make()) for make in CASES.values()} == set(COUNTERPARTS)


@pytest.mark.parametrize("max_norm", [0.01, 1.0, 100.0])
def test_clipping_equals_that_of_torch(max_norm: float) -> None:
    grads = draws(1)
    leaves = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for shape in SHAPES.values()]
    for leaf, grad in zip(leaves, grads.values(), strict=True):
        leaf.grad = torch.tensor(grad)
    expected = torch.nn.utils.clip_grad_norm_(leaves, max_norm)
    clipped, norm = clip_by_norm(grads, max_norm)
    assert float(norm) == pytest.approx(float(expected), rel=1e-12)
    for leaf, grad in zip(leaves, clipped.values(), strict=True):
        # PyTorch divides by the norm plus 1e-6
        np.testing.assert_allclose(grad, leaf.grad, rtol=1.1e-6 / float(norm), atol=1e-15)


@pytest.mark.parametrize("limit", [0.01, 0.5, 100.0])
def test_clipping_by_value_equals_that_of_torch(limit: float) -> None:
    grads = draws(1)
    leaves = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for shape in SHAPES.values()]
    for leaf, grad in zip(leaves, grads.values(), strict=True):
        leaf.grad = torch.tensor(grad)
    torch.nn.utils.clip_grad_value_(leaves, limit)
    for leaf, grad in zip(leaves, clip_by_value(grads, limit).values(), strict=True):
        np.testing.assert_array_equal(grad, leaf.grad)


@pytest.mark.parametrize("max_norm", [0.5, 2.0, 100.0])
def test_limited_norms_equal_torch_renorm(max_norm: float) -> None:
    rng = np.random.default_rng(0)
    params = {"conv.weights": rng.standard_normal((5, 3, 4)), "dense.weights": rng.standard_normal((6, 2))}
    conv, dense = (torch.tensor(value) for value in params.values())
    limit_norms(params, max_norm)
    np.testing.assert_allclose(params["conv.weights"], torch.renorm(conv, 2, 0, max_norm), rtol=1e-6)
    np.testing.assert_allclose(params["dense.weights"], torch.renorm(dense, 2, 1, max_norm), rtol=1e-6)
