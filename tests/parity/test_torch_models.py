"""The published networks against PyTorch's: number of parameters, logits, and the gradients of one step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from genoml.models import build_model
from genoml.nn.containers import Container
from genoml.nn.layer import Layer, Pass
from parity.compare import network_by_torch
from parity.networks import NETWORKS, named_parameters
from support.models import SMALL, small_input, small_model

#: parameters with the defaults; DanQ's and DeepSEA's are the figures that were published
PARAMETERS = {
    "attention_cnn": 70_721,
    "basset": 4_135_064,
    "bpnet": 109_122,
    "danq": 46_926_479,
    "deepbind": 1_617,
    "deepromoter": 449_121,
    "deepsea": 52_843_119,
    "deepstarr": 622_722,
}
EVERY = pytest.mark.parametrize("name", NETWORKS)


class Shape:
    """Stands for a generator and for what it draws: its size is told, and nothing is drawn."""

    def __init__(self, size: int = 0) -> None:
        self.size = size

    def standard_normal(self, shape: tuple[int, ...]) -> Shape:
        return Shape(int(np.prod(shape)))

    def __mul__(self, scale: float) -> Shape:
        return self


def count_parameters(layer: Layer) -> int:
    """Numbers in all parameters, without drawing them."""
    if isinstance(layer, Container):
        return sum(count_parameters(child) for child in layer.layers)
    generator: Any = Shape()
    return sum(draw(generator).size for draw in layer.initial_params().values())


@EVERY
def test_the_number_of_parameters_is_that_of_the_network_in_pytorch(name: str) -> None:
    with torch.device("meta"):
        theirs = sum(value.numel() for _, value, _ in named_parameters(NETWORKS[name]()))
    assert count_parameters(build_model(name, backend="numpy")) == theirs == PARAMETERS[name]


@EVERY
def test_parameters_that_are_drawn_are_as_many_as_were_counted(name: str) -> None:
    model = small_model(name, "numpy")
    assert sum(value.size for value in model.params.values()) == count_parameters(model)


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in NETWORKS},
    "deepbind, max and mean": ("deepbind", {"pooling": "max_and_mean"}),
    "basset, windows cut off by the end": ("basset", {"length_bp": 50}),
}


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(
    ("dtype", "forward_limit", "limit"), [("float32", 1e-5, 1e-4), ("float64", 1e-11, 1e-9)]
)
@pytest.mark.parametrize(("name", "more"), VARIANTS.values(), ids=VARIANTS)
def test_logits_and_the_gradients_of_a_step_equal_those_of_pytorch(
    name: str, more: dict[str, Any], dtype: str, forward_limit: float, limit: float, training: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(SMALL, name, SMALL[name] | more)
    ours, x = small_model(name, "numpy", dtype), small_input(name, batch=8).astype(dtype)
    y, pullback = ours.vjp(x, Pass(training=training, step=0))
    cotangent = np.random.default_rng(6).standard_normal(y.shape).astype(dtype)
    expected = network_by_torch(name, SMALL[name], ours, x, cotangent, training)
    np.testing.assert_allclose(y, expected["y"], rtol=forward_limit, atol=forward_limit)

    _, grads = pullback(cotangent, need_x=False)
    for path, grad in grads.items():
        gradient = expected[f"{path}_grad"]
        scale = 1.0 + np.abs(gradient).max()
        np.testing.assert_allclose(grad, gradient, atol=limit * scale, rtol=limit, err_msg=path)
    assert len(expected) == 1 + len(grads)
