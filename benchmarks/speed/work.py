"""Multiply-adds of a network, counted by walking it with one input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np

from genoml import nn
from genoml.nn import containers
from genoml.nn.containers import Container
from genoml.nn.fused import fused_vjp
from genoml.nn.layer import Layer

#: (x, pass) -> the output and its pullback
Run: TypeAlias = Callable[..., Any]


def leaves(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """Path and layer of everything that is not a container."""
    if not isinstance(layer, Container):
        yield path, layer
        return
    for name, child in layer.named_layers.items():
        yield from leaves(child, f"{path}.{name}" if path else name)


@contextmanager
def watched(model: Layer, around: Callable[[str, Sequence[Layer], Run], Run]) -> Iterator[None]:
    """While it is open, ``around(path, layers, run)`` stands in for each pass through layers that are no containers.

    It is given the path of the first of them, one layer or several that are computed as one, and their pass.
    """
    paths = {id(layer): path for path, layer in leaves(model)}

    def fused(layers: Sequence[Layer]) -> tuple[int, Run] | None:
        count, run = fused_vjp(layers) or (0, None)
        return None if run is None else (count, around(paths[id(layers[0])], layers[:count], run))

    with ExitStack() as stack:
        for path, layer in leaves(model):
            for method in {"vjp", "vjp_with_weights"} & set(dir(layer)):
                run = around(path, [layer], getattr(layer, method))
                stack.enter_context(patch.object(layer, method, run))
        stack.enter_context(patch.object(containers, "fused_vjp", fused))
        yield


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

    def counted(path: str, layers: Sequence[Layer], run: Run) -> Run:
        def pass_through(x: np.ndarray, *arguments: Any) -> Any:
            found[path] = multiply_adds(layers[0], tuple(x.shape))
            return run(x, *arguments)

        return pass_through

    with watched(model, counted):
        model.vjp(x)
    forward = sum(whole for whole, _ in found.values())
    first = next((reads for whole, reads in found.values() if whole), 0)
    return 2.0 * (3 * forward - first), 2.0 * forward
