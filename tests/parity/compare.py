"""A layer's or a network's output and gradients by PyTorch, under the names of ``genoml.testing.forward_backward``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from genoml import get_backend
from genoml.nn.layer import Layer
from genoml.testing import LayerCase
from parity.counterparts import Call, forward
from parity.networks import NETWORKS, named_parameters


def tensors(arrays: dict[str, np.ndarray], train: bool) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value, requires_grad=train) for name, value in arrays.items()}


def layer_by_torch(
    case: LayerCase, x: np.ndarray, cotangent: np.ndarray, training: bool
) -> dict[str, np.ndarray]:
    """Output, gradients and state of a case's layer in float64."""
    layer = case.build(get_backend("numpy"), "float64")
    params, state = tensors(dict(layer.params), True), tensors(dict(layer.state), False)
    leaf = torch.tensor(x, requires_grad=not case.integer)
    y = forward(Call(layer, params | state, training), leaf)
    y.backward(torch.tensor(cotangent))
    found = {"y": y.detach()} if case.integer else {"y": y.detach(), "grad_x": leaf.grad}
    found |= {f"{name}_grad": value.grad for name, value in params.items()}
    return {name: np.asarray(value) for name, value in (found | state).items()}


def network_by_torch(
    name: str, options: dict[str, Any], ours: Layer, x: np.ndarray, cotangent: np.ndarray, training: bool
) -> dict[str, np.ndarray]:
    """Logits and the parameters' gradients of the published network in PyTorch, with our weights.

    Parameters and gradients have the names, and lie as, in genoml; x has its dtype.
    """
    theirs = NETWORKS[name](**options).to(getattr(torch, str(x.dtype))).train(training)
    pairs = list(named_parameters(theirs))
    assert {path for path, _, _ in pairs} == set(ours.params)
    with torch.no_grad():
        for value in theirs.parameters():
            value.zero_()
        for path, value, turned in pairs:
            value.copy_(torch.tensor(ours.params[path].T if turned else ours.params[path]))
    y = theirs(torch.tensor(x))
    y.backward(torch.tensor(cotangent))
    grads = {
        f"{path}_grad": np.asarray(value.grad.T if turned else value.grad) for path, value, turned in pairs
    }
    return {"y": np.asarray(y.detach())} | grads
