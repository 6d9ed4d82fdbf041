"""Every layer's output and gradients against PyTorch's autograd, in float64 and in training mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genoml import get_backend, nn
from genoml.nn.layer import Pass
from genoml.testing import LayerCase, forward_backward
from genoml.testing.layers import LAYERS
from parity.compare import layer_by_torch
from parity.counterparts import COUNTERPARTS, WITHOUT_COUNTERPART, tree

PAIRED = {name: case for name, case in LAYERS.items() if tree(case.make()) <= set(COUNTERPARTS)}


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("case", PAIRED.values(), ids=PAIRED)
def test_output_gradients_and_state_equal_those_of_autograd(case: LayerCase, training: bool) -> None:
    layer, x = case.build(get_backend("numpy"), "float64"), case.input()
    shape = case.build(get_backend("numpy"), "float64").vjp(x, Pass(training=training, step=0))[0].shape
    cotangent = np.random.default_rng(4).standard_normal(shape)
    ours = forward_backward(layer, x, cotangent, training=training) | dict(layer.state)
    theirs = layer_by_torch(case, x, cotangent, training)
    assert set(ours) == set(theirs)
    for name, expected in theirs.items():
        np.testing.assert_allclose(ours[name], expected, rtol=1e-10, atol=1e-11, err_msg=name)


def test_every_entry_has_a_counterpart_or_a_reason() -> None:
    missing = {
        name
        for name, case in LAYERS.items()
        if not tree(case.make()) <= {*COUNTERPARTS, *WITHOUT_COUNTERPART}
    }
    assert not missing
    assert len(PAIRED) >= 20


@pytest.mark.parametrize("shape", [(6, 3, 5), (7, 3)], ids=["sequence", "matrix"])
@pytest.mark.parametrize("momentum", [0.1, 0.7])
def test_running_statistics_follow_those_of_pytorch_for_several_steps(
    shape: tuple[int, ...], momentum: float
) -> None:
    ours = nn.BatchNorm1D(3, momentum=momentum, dtype="float64", backend="numpy")
    theirs = torch.nn.BatchNorm1d(3, momentum=momentum, dtype=torch.float64)
    rng = np.random.default_rng(0)
    for step in range(6):
        x = rng.standard_normal(shape) * (step + 1.0) + step
        expected = theirs(torch.tensor(x))
        np.testing.assert_allclose(ours(x, training=True), expected.detach(), rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(ours.running_mean, theirs.running_mean, rtol=1e-12)
        np.testing.assert_allclose(ours.running_var, theirs.running_var, rtol=1e-12)
    theirs.eval()
    x = rng.standard_normal(shape)
    np.testing.assert_allclose(ours(x), theirs(torch.tensor(x)).detach(), rtol=1e-12)
