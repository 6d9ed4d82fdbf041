"""Multiply-adds of a network, counted by walking it with one input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from genoml import nn
from genoml.nn.base import Layer
from genoml.nn.containers import Container


def leaves(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """Path and layer of everything that is not a container."""
    if not isinstance(layer, Container):
        yield path, layer
        return
    for name, child in layer.named_layers.items():
        yield from leaves(child, f"{path}.{name}" if path else name)


def forward_methods(layer: Layer) -> list[str]:
    """``vjp`` and its variants, through which containers run a layer."""
    return [name for name in dir(type(layer)) if name == "vjp" or name.startswith("vjp_")]


@contextmanager
def shadowed(owner: object, name: str, function: Any) -> Iterator[None]:
    """A method replaced on this one object."""
    setattr(owner, name, function)
    try:
        yield
    finally:
        delattr(owner, name)


def multiply_adds(layer: Layer, shape: tuple[int, ...]) -> tuple[int, int]:
    """(of the whole layer, of the part that reads x) in one forward pass over x of this shape.

    Convolutions are counted as written, without what an algorithm may save; element-wise work is not counted.
    """
    n = shape[0]
    if isinstance(layer, nn.Conv1D):
        span = (layer.kernel_size - 1) * layer.dilation + 1
        if layer.padding == "same":
            positions = -(-shape[2] // layer.stride)
        else:
            padded = shape[2] + 2 * (layer.padding if isinstance(layer.padding, int) else 0)
            positions = (padded - span) // layer.stride + 1
        whole = n * positions * layer.out_channels * layer.in_channels // layer.groups * layer.kernel_size
        return whole, whole
    if isinstance(layer, nn.Dense):
        whole = n * layer.in_features * layer.out_features
        return whole, whole
    if isinstance(layer, nn.LSTM):
        reads = n * shape[1] * layer.in_features * 4 * layer.hidden
        return reads + n * shape[1] * layer.hidden * 4 * layer.hidden, reads
    if isinstance(layer, nn.SelfAttention):
        keys, values = layer.heads * layer.key_size, layer.heads * layer.value_size
        reads = n * shape[1] * layer.features * (2 * keys + values)
        return reads + n * shape[1] * (shape[1] * (keys + values) + values * layer.out_features), reads
    return 0, 0


def operations(model: Layer, x: np.ndarray) -> tuple[float, float]:
    """Floating-point operations, two a multiply-add, of a training step and of an inference.

    A step multiplies three times as often as a forward pass: y, dL/dw and dL/dx; the network's own input has no
    gradient, so what reads it multiplies twice.
    """
    found: dict[str, tuple[int, int]] = {}
    with ExitStack() as stack:
        for path, layer in leaves(model):
            for method in forward_methods(layer):
                stack.enter_context(shadowed(layer, method, _counting(found, path, layer, method)))
        model.vjp(x)
    forward = sum(whole for whole, _ in found.values())
    first = next((reads for whole, reads in found.values() if whole), 0)
    return 2.0 * (3 * forward - first), 2.0 * forward


def _counting(found: dict[str, tuple[int, int]], path: str, layer: Layer, method: str) -> Any:
    run = getattr(layer, method)

    def counted(*arguments: Any, **options: Any) -> Any:
        # x comes last, behind a layer that is computed with this one
        found[path] = multiply_adds(layer, tuple(arguments[-1].shape))
        return run(*arguments, **options)

    return counted
