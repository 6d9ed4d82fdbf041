"""Layers that follow one another and are computed as one, with the numbers of the single layers but for rounding.

    Conv1D, GlobalMaxPool1D         over at most 8 channels; no activation or ReLU: keeps no map
    Conv1D with ReLU, MaxPool1D     windows that do not overlap
    BatchNorm1D, ReLU, MaxPool1D    windows that do not overlap
    BatchNorm1D, ReLU

The arrays between such layers are larger than all others of a network, and passing over them is what takes its time;
here a backend can do with one pass (genoml/ops/conv1d.py, genoml/ops/normalise.py). Sequential goes by these
rules wherever the layers stand in it; subclasses of them are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeGuard

from genoml.backend import Array
from genoml.nn.activations import ReLU
from genoml.nn.base import Layer, Pullback
from genoml.nn.conv import Conv1D
from genoml.nn.norm import BatchNorm1D
from genoml.nn.pooling import GlobalMaxPool1D, MaxPool1D

#: (x, training=...) -> y and its pullback, whose gradients are those of the first layer's parameters
FusedVJP: TypeAlias = Callable[..., tuple[Array, Pullback]]


def fused_vjp(layers: Sequence[Layer]) -> tuple[int, FusedVJP] | None:
    """How many of the first layers can be computed as one, and how; None if they cannot."""
    kinds = [type(layer) for layer in layers[:3]]
    first = layers[0]
    if type(first) is Conv1D and len(kinds) > 1:
        if kinds[1] is GlobalMaxPool1D and first.has_quick_maximum:
            return 2, first.vjp_of_maximum
        if first.activation == "relu" and first.has_bias and _apart(pool := layers[1]):
            return 2, partial(first.vjp_of_pool, pool)
    if type(first) is BatchNorm1D and kinds[1:2] == [ReLU]:
        if len(kinds) > 2 and _apart(pool := layers[2]):
            return 3, partial(first.vjp_of_rectifier, pool)
        return 2, partial(first.vjp_of_rectifier, None)
    return None


def _apart(layer: Layer) -> TypeGuard[MaxPool1D]:
    """Whether it is a maximum over windows that do not overlap."""
    return type(layer) is MaxPool1D and layer.stride == layer.pool_size
