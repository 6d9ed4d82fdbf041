"""Both forms of the binary cross-entropy against torch.nn.functional, values and gradients, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from genoml.losses import binary_cross_entropy, binary_cross_entropy_with_logits

RNG = np.random.default_rng(3)
LOGITS = RNG.standard_normal((6, 4)) * 4.0
TARGETS = RNG.uniform(size=(6, 4)).round(1)
ENTRIES = RNG.uniform(0.1, 2.0, (6, 4))
ROWS = RNG.uniform(0.1, 2.0, 6)
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
WEIGHTS = pytest.mark.parametrize("weight", [None, ENTRIES, ROWS], ids=["unweighted", "entries", "rows"])


def torch_weight(weight: np.ndarray | None) -> torch.Tensor | None:
    if weight is None:
        return None
    return torch.tensor(weight[:, None] if weight.ndim == 1 else weight)


def compare(ours: Any, value: torch.Tensor, leaf: torch.Tensor) -> None:
    """``leaf``'s gradient is that of the sum of ``value``."""
    value.sum().backward()
    np.testing.assert_allclose(ours[0], value.detach(), rtol=1e-12)
    np.testing.assert_allclose(ours[1], leaf.grad, rtol=1e-11, atol=1e-14)


@REDUCTIONS
@WEIGHTS
@pytest.mark.parametrize("positive_weight", [1.0, 3.5])
def test_the_form_on_logits_equals_pytorchs(
    reduction: Any, weight: np.ndarray | None, positive_weight: float
) -> None:
    leaf = torch.tensor(LOGITS, requires_grad=True)
    value = F.binary_cross_entropy_with_logits(
        leaf,
        torch.tensor(TARGETS),
        weight=torch_weight(weight),
        pos_weight=torch.tensor(positive_weight, dtype=torch.float64),
        reduction=reduction,
    )
    ours = binary_cross_entropy_with_logits(
        LOGITS, TARGETS, class_weight=(1.0, positive_weight), sample_weight=weight, reduction=reduction
    )
    compare(ours, value, leaf)


@REDUCTIONS
@WEIGHTS
def test_the_form_on_probabilities_equals_pytorchs(reduction: Any, weight: np.ndarray | None) -> None:
    p = 1.0 / (1.0 + np.exp(-LOGITS))
    leaf = torch.tensor(p, requires_grad=True)
    value = F.binary_cross_entropy(leaf, torch.tensor(TARGETS), torch_weight(weight), reduction=reduction)
    compare(binary_cross_entropy(p, TARGETS, sample_weight=weight, reduction=reduction), value, leaf)


def test_class_weights_are_weights_of_the_labels() -> None:
    labels = (TARGETS > 0.5).astype(np.float64)
    leaf = torch.tensor(LOGITS, requires_grad=True)
    weight = torch.tensor(np.where(labels == 1, 2.5, 0.4))
    value = F.binary_cross_entropy_with_logits(leaf, torch.tensor(labels), weight=weight)
    compare(binary_cross_entropy_with_logits(LOGITS, labels, class_weight=(0.4, 2.5)), value, leaf)


@pytest.mark.parametrize("size", [5.0, 50.0, 500.0, 1e4])
def test_single_precision_is_at_least_as_accurate_as_pytorchs(size: float) -> None:
    z = np.linspace(-size, size, 21, dtype=np.float32)
    targets = (np.arange(21) % 2).astype(np.float32)
    leaf = torch.tensor(z, requires_grad=True)
    value = F.binary_cross_entropy_with_logits(leaf, torch.tensor(targets), reduction="none")
    value.sum().backward()
    single = binary_cross_entropy_with_logits(z, targets, reduction="none")
    double = binary_cross_entropy_with_logits(z.astype(np.float64), targets, reduction="none")
    for ours, theirs, exact in zip(single, (value.detach(), leaf.grad), double, strict=True):
        scale = np.maximum(np.abs(exact), np.finfo(np.float32).tiny)
        mine, pytorchs = (np.max(np.abs(np.asarray(a) - exact) / scale) for a in (ours, theirs))
        assert mine <= max(pytorchs, 3e-7)
