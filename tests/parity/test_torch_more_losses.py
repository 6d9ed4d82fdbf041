"""Losses of classes, numbers and counts against torch.nn.functional and autograd, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from genoml import losses
from support.losses import LOSSES

RNG = np.random.default_rng(8)
LOGITS = RNG.standard_normal((6, 4)) * 2.0
CLASSES = RNG.integers(0, 4, 6)
MAPS, MAP_CLASSES = RNG.standard_normal((3, 4, 5)), RNG.integers(0, 4, (3, 5))
SOFT = RNG.dirichlet(np.ones(4), 6)
COUNTS = RNG.negative_binomial(2.0, 0.2, (6, 4)).astype(np.float64)
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def compare(ours: Any, value: torch.Tensor, *leaves: torch.Tensor) -> None:
    """Each leaf's gradient is that of the sum of ``value``."""
    value.sum().backward()
    np.testing.assert_allclose(ours[0], value.detach(), rtol=1e-11, atol=1e-13)
    grads = ours[1] if isinstance(ours[1], tuple) else (ours[1],)
    for grad, leaf in zip(grads, leaves, strict=True):
        np.testing.assert_allclose(grad, leaf.grad, rtol=1e-9, atol=1e-12)


def leaf(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values, requires_grad=True)


CASES: dict[str, tuple[np.ndarray, Callable[..., Any], Callable[..., torch.Tensor]]] = {
    "softmax": (
        LOGITS,
        lambda z, **o: losses.softmax_cross_entropy(z, CLASSES, **o),
        lambda z, **o: F.cross_entropy(z, torch.tensor(CLASSES), **o),
    ),
    "softmax smoothed": (
        LOGITS,
        lambda z, **o: losses.softmax_cross_entropy(z, CLASSES, label_smoothing=0.3, **o),
        lambda z, **o: F.cross_entropy(z, torch.tensor(CLASSES), label_smoothing=0.3, **o),
    ),
    "softmax one-hot, class weights": (
        LOGITS,
        lambda z, **o: losses.softmax_cross_entropy(z, SOFT, class_weight=[0.5, 1.0, 2.0, 3.0], **o),
        lambda z, **o: F.cross_entropy(
            z, torch.tensor(SOFT), weight=torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64), **o
        ),
    ),
    "softmax along a sequence": (
        MAPS,
        lambda z, **o: losses.softmax_cross_entropy(z, MAP_CLASSES, **o),
        lambda z, **o: F.cross_entropy(z, torch.tensor(MAP_CLASSES), **o),
    ),
    "squared error": (
        LOGITS,
        lambda y, **o: losses.mean_squared_error(y, COUNTS, **o),
        lambda y, **o: F.mse_loss(y, torch.tensor(COUNTS), **o),
    ),
    "Huber": (
        LOGITS,
        lambda y, **o: losses.huber_loss(y, COUNTS, delta=2.0, **o),
        lambda y, **o: F.huber_loss(y, torch.tensor(COUNTS), delta=2.0, **o),
    ),
    "Poisson": (
        np.exp(LOGITS),
        lambda m, **o: losses.poisson_loss(m, COUNTS, **o),
        lambda m, **o: F.poisson_nll_loss(m, torch.tensor(COUNTS), log_input=False, eps=0.0, **o),
    ),
    "Poisson, logarithms": (
        LOGITS,
        lambda z, **o: losses.poisson_loss(z, COUNTS, log_input=True, **o),
        lambda z, **o: F.poisson_nll_loss(z, torch.tensor(COUNTS), **o),
    ),
}


@REDUCTIONS
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_loss_equals_pytorchs(case: Any, reduction: str) -> None:
    host, ours, theirs = case
    z = leaf(host)
    compare(ours(host, reduction=reduction), theirs(z, reduction=reduction), z)


def binomial(z: torch.Tensor, log_a: torch.Tensor) -> torch.distributions.NegativeBinomial:
    return torch.distributions.NegativeBinomial(torch.exp(-log_a), logits=z + log_a)


@pytest.mark.parametrize("shape", [(), (4,), (6, 1), (6, 4)])
def test_the_negative_binomial_equals_pytorchs_distribution(shape: tuple[int, ...]) -> None:
    log_dispersion = RNG.standard_normal(shape)
    z, log_a = leaf(LOGITS), leaf(log_dispersion)
    value = -binomial(z, log_a).log_prob(torch.tensor(COUNTS)).mean()
    ours = losses.negative_binomial_loss_with_dispersion(LOGITS, log_dispersion, COUNTS, log_input=True)
    compare(ours, value, z, log_a)


def test_excess_zeros_equal_autograd() -> None:
    zero_logits, log_dispersion = RNG.standard_normal((6, 4)), RNG.standard_normal(4)
    y = COUNTS * (RNG.uniform(size=(6, 4)) > 0.4)
    z, v, log_a = leaf(LOGITS), leaf(zero_logits), leaf(log_dispersion)
    log_p = binomial(z, log_a).log_prob(torch.tensor(y))
    empty = torch.logaddexp(F.logsigmoid(v), F.logsigmoid(-v) + log_p)
    value = -torch.where(torch.tensor(y) == 0, empty, F.logsigmoid(-v) + log_p).mean()
    ours = losses.zero_inflated_negative_binomial_loss(LOGITS, zero_logits, log_dispersion, y, log_input=True)
    compare(ours, value, z, v, log_a)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_losses_equal_autograd(gamma: float) -> None:
    labels = (COUNTS > 5).astype(np.float64)
    z, t = leaf(LOGITS), torch.tensor(labels)
    p_t = torch.sigmoid(torch.where(t == 1, z, -z))
    weight = torch.where(t == 1, 0.25, 0.75)
    value = -(weight * (1 - p_t) ** gamma * torch.log(p_t)).mean()
    compare(losses.focal_loss(LOGITS, labels, gamma=gamma), value, z)
    z = leaf(LOGITS)
    p = torch.softmax(z, dim=1)[torch.arange(6), torch.tensor(CLASSES)]
    value = -((1 - p) ** gamma * torch.log(p)).mean()
    compare(losses.focal_loss_multiclass(LOGITS, CLASSES, gamma=gamma), value, z)


def test_the_multinomial_equals_pytorchs_distribution() -> None:
    case = LOSSES["multinomial"]
    z = leaf(case.inputs[0])
    k = case.targets
    rows = zip(z.reshape(-1, 7), k.reshape(-1, 7), strict=True)
    total = torch.stack(
        [-torch.distributions.Multinomial(int(c.sum()), logits=r).log_prob(torch.tensor(c)) for r, c in rows]
    )
    compare(losses.multinomial_loss(case.inputs[0], k), total.mean(), z)


def test_total_and_shape_equal_autograd() -> None:
    case = LOSSES["Poisson and multinomial"]
    m, k = leaf(case.inputs[0]), torch.tensor(case.targets)
    total = m.sum(-1)
    poisson = F.poisson_nll_loss(total, k.sum(-1), log_input=False, eps=0.0, reduction="none")
    shape = -(k * torch.log(m / total[..., None])).sum(-1)
    value = ((0.2 * poisson + shape) / 7).mean()
    compare(losses.poisson_multinomial_loss(case.inputs[0], case.targets, total_weight=0.2), value, m)


def test_the_correlation_equals_autograd() -> None:
    y, t = leaf(LOGITS), torch.tensor(COUNTS)
    a, b = y - y.mean(0), t - t.mean(0)
    r = (a * b).sum(0) / torch.sqrt((a**2).sum(0) * (b**2).sum(0))
    compare(losses.pearson_loss(LOGITS, COUNTS), (1 - r).mean(), y)
