"""50 steps of every optimiser against torch.optim in float64, and gradient clipping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from genoml.optim import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
    clip_by_norm,
    clip_by_value,
    limit_norms,
)

SHAPES = {"0.weights": (4, 3), "0.bias": (3,), "1.gamma": (3,), "2.weights": (3, 1)}
CASES: dict[str, tuple[Callable[[], Optimizer], Callable[[Any], torch.optim.Optimizer]]] = {
    "SGD": (lambda: SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "SGD decay": (lambda: SGD(0.1, weight_decay=0.05), lambda p: torch.optim.SGD(p, lr=0.1)),
    "SGD momentum": (
        lambda: SGD(0.1, momentum=0.9, weight_decay=0.05),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    ),
    "SGD Nesterov": (
        lambda: SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.05),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    ),
    "Adam": (lambda: Adam(), lambda p: torch.optim.Adam(p)),
    "Adam decay": (
        lambda: Adam(0.01, beta1=0.8, beta2=0.99, eps=1e-6, weight_decay=0.05),
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.99), eps=1e-6),
    ),
    "AdamW": (lambda: AdamW(0.01, weight_decay=0.05), lambda p: torch.optim.AdamW(p, lr=0.01)),
    "Adagrad": (lambda: Adagrad(), lambda p: torch.optim.Adagrad(p)),
    "Adagrad decay": (
        lambda: Adagrad(0.1, lr_decay=0.02, initial=0.5, eps=1e-6, weight_decay=0.05),
        lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.02, initial_accumulator_value=0.5, eps=1e-6),
    ),
    "RMSprop": (lambda: RMSprop(), lambda p: torch.optim.RMSprop(p)),
    "RMSprop momentum": (
        lambda: RMSprop(0.02, rho=0.9, eps=1e-6, momentum=0.7, weight_decay=0.05),
        lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-6, momentum=0.7),
    ),
    "RMSprop centred": (
        lambda: RMSprop(0.02, rho=0.9, momentum=0.5, centred=True),
        lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.9, momentum=0.5, centered=True),
    ),
}


def draws(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_50_steps_equal_those_of_torch(case: Any) -> None:
    ours = case[0]()
    params = draws(0)
    leaves = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in params.items()}
    # decay falls on weights alone by default, which in PyTorch takes two groups
    groups = [
        {
            "params": [leaf for name, leaf in leaves.items() if name.endswith("weights") == decays],
            "weight_decay": rate,
        }
        for decays, rate in ((True, ours.weight_decay), (False, 0.0))
    ]
    theirs = case[1](groups)
    for step in range(50):
        rate = ours.learning_rate * (0.97 if step % 2 else 1.01)  # as under a schedule
        ours.learning_rate = rate
        for group in theirs.param_groups:
            group["lr"] = rate
        grads = draws(step + 1)
        for name, leaf in leaves.items():
            leaf.grad = torch.tensor(grads[name])
        ours.update(params, grads)
        theirs.step()
    for name, leaf in leaves.items():
        np.testing.assert_allclose(params[name], leaf.detach(), rtol=1e-12, atol=1e-12, err_msg=name)


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
