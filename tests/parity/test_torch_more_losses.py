"""Every loss of the registry against PyTorch's functions and autograd, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genoml import losses
from parity.counterparts_losses import COUNTERPARTS, binomial_entries, by_torch, focal, focal_classes
from support.losses import CLASSES, COUNTS, LABELS, LOGITS, LOSSES, TASK_LOSSES

EVERY = LOSSES | TASK_LOSSES
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


@REDUCTIONS
@pytest.mark.parametrize("name", EVERY)
def test_value_and_gradients_equal_those_of_autograd(name: str, reduction: str) -> None:
    case = EVERY[name]
    value, grads = case(*case.inputs, reduction=reduction)
    expected, expected_grads = by_torch(name, reduction)
    np.testing.assert_allclose(value, expected, rtol=1e-11, atol=1e-13)
    for grad, wanted in zip(grads, expected_grads, strict=True):
        np.testing.assert_allclose(grad, wanted, rtol=1e-9, atol=1e-12)


def test_every_entry_has_a_counterpart() -> None:
    assert set(COUNTERPARTS) == set(EVERY)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_losses_equal_autograd_for_other_gammas(gamma: float) -> None:
    z = torch.tensor(LOGITS, requires_grad=True)
    value = focal(0.25, gamma)(z, torch.tensor(LABELS)).mean()
    value.backward()
    ours, grad = losses.focal_loss(LOGITS, LABELS, gamma=gamma)
    np.testing.assert_allclose(ours, value.detach(), rtol=1e-11)
    np.testing.assert_allclose(grad, z.grad, rtol=1e-9, atol=1e-12)
    z = torch.tensor(LOGITS, requires_grad=True)
    value = focal_classes(gamma)(z, torch.tensor(CLASSES)).mean()
    value.backward()
    ours, grad = losses.focal_loss_multiclass(LOGITS, CLASSES, gamma=gamma)
    np.testing.assert_allclose(ours, value.detach(), rtol=1e-11)
    np.testing.assert_allclose(grad, z.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (4,), (6, 1), (6, 4)])
def test_the_negative_binomial_equals_pytorchs_distribution_for_every_shape_of_dispersion(
    shape: tuple[int, ...],
) -> None:
    log_dispersion = np.random.default_rng(8).standard_normal(shape)
    z, log_a = (torch.tensor(value, requires_grad=True) for value in (LOGITS, log_dispersion))
    value = binomial_entries(z, log_a, torch.tensor(COUNTS)).mean()
    value.backward()
    ours, grads = losses.negative_binomial_loss_with_dispersion(
        LOGITS, log_dispersion, COUNTS, log_input=True
    )
    np.testing.assert_allclose(ours, value.detach(), rtol=1e-11)
    for grad, leaf in zip(grads, (z, log_a), strict=True):
        np.testing.assert_allclose(grad, leaf.grad, rtol=1e-9, atol=1e-12)
