"""How each kind of layer is made of steps that see a stretch of positions.

A kind that is not in ``STEPS`` (attention, recurrent layers, one of your own) sees everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.explain.branches import Shortcut, Side
from genoml.explain.steps import (
    Crop,
    Linear,
    Pointwise,
    Step,
    Strided,
    affine,
    evaluate,
)
from genoml.nn.activations import Activation, Exp
from genoml.nn.base import Layer
from genoml.nn.containers import Parallel, Residual, Sequential
from genoml.nn.conv import Conv1D
from genoml.nn.crop import CropTo
from genoml.nn.cropped_residual import CroppedResidual
from genoml.nn.dropout import Dropout, SpatialDropout1D
from genoml.nn.motif import MotifLayer
from genoml.nn.norm import BatchNorm1D
from genoml.nn.pooling import AveragePool1D, MaxPool1D
from genoml.nn.strand import RCBatchNorm1D
from genoml.nn.strand_conv import RCConv1D
from genoml.nn.transformer import AttentionPool1D
from genoml.ops.activations import activation_vjp

__all__ = ["STEPS", "steps_of"]


def _pointwise(layer: Layer) -> list[Step]:
    return [Pointwise(lambda rows: evaluate(layer, rows))]


def _nothing(layer: Layer) -> list[Step]:
    """Dropout, which does nothing in evaluation."""
    return []


def _normalised(layer: BatchNorm1D) -> list[Step]:
    xp = array_namespace(layer.gamma)
    scale = layer.gamma / xp.sqrt(layer.running_var + layer.eps)
    shift = layer.beta - layer.running_mean * scale
    if isinstance(layer, RCBatchNorm1D):  # channels c and C - 1 - c are normalised as one
        scale, shift = (xp.concat([half, xp.flip(half, axis=0)], axis=0) for half in (scale, shift))
    return [affine(scale, shift, rises=bool((layer.backend.to_numpy(scale) > 0).all()))]


def _activated(linear: Linear, name: str | None) -> list[Step]:
    if name in (None, "linear"):
        return [linear]
    activate = activation_vjp(name)
    return [linear, Pointwise(lambda rows: activate(rows)[0])]


def _conv(layer: Conv1D) -> list[Step] | None:
    if layer.groups > 1:
        return None
    kernel = array_namespace(layer.weights).permute_dims(layer.weights, (2, 1, 0))
    bias = layer.bias if layer.has_bias else None
    linear = Linear(kernel, bias, layer._pads, layer.stride, layer.dilation)
    return _activated(linear, layer.activation)


def _rc_conv(layer: RCConv1D) -> list[Step]:
    xp, pads = array_namespace(layer.weights), (layer.padding, layer.padding)
    half = xp.permute_dims(layer.weights, (2, 1, 0))
    kernel = xp.concat([half, xp.flip(half, axis=(0, 1, 2))], axis=2)
    bias = xp.concat([layer.bias, xp.flip(layer.bias, axis=0)], axis=0)
    return _activated(Linear(kernel, bias, lambda _: pads, 1, layer.dilation), layer.activation)


def _motifs(layer: MotifLayer) -> list[Step]:
    xp, count = array_namespace(layer.logits), layer.n_motifs
    kernel = xp.permute_dims(layer.log_odds(), (2, 1, 0))
    if layer.both_strands:
        kernel = xp.concat([kernel, xp.flip(kernel, axis=(0, 1))], axis=2)
    activate, threshold = activation_vjp(layer.activation), layer.params.get("threshold")

    def read(scores: Array) -> Array:
        bits = scores
        if layer.both_strands:
            bits = xp.maximum(scores[:, :, :count], scores[:, :, count:])
        return activate(bits if threshold is None else bits - threshold)[0]

    return [Linear(kernel), Pointwise(read)]


def _max_pool(layer: MaxPool1D) -> list[Step]:
    return [Strided(layer, layer.pool_size, layer.stride, layer.ceil_mode)]


def _average_pool(layer: AveragePool1D) -> list[Step]:
    return [Strided(layer, layer.pool_size, layer.stride)]


def _attention_pool(layer: AttentionPool1D) -> list[Step]:
    return [Strided(layer, layer.pool_size, layer.pool_size)]


def _crop(layer: CropTo) -> list[Step]:
    return [Crop(layer.length)]


def _in_a_row(layer: Sequential) -> list[Step] | None:
    steps = []
    for child in layer.layers:
        made = steps_of(child)
        if made is None:
            return None
        steps += made
    return steps


def _shortcut(layer: Sequential) -> list[Step] | None:
    steps = _in_a_row(layer)
    return None if steps is None else [Shortcut(tuple(steps))]


def _side(layer: Parallel) -> list[Step] | None:
    branches = []
    for child in layer.layers:
        made = steps_of(child)
        if made is None:
            return None
        branches.append(tuple(made))
    return [Side(tuple(branches))]


#: how each kind of layer is made of steps; None from one that cannot be, with the options that it has
STEPS: dict[type[Layer], Callable[[Any], list[Step] | None]] = {
    **dict.fromkeys((*Activation.__subclasses__(), Exp), _pointwise),
    AttentionPool1D: _attention_pool,
    AveragePool1D: _average_pool,
    BatchNorm1D: _normalised,
    Conv1D: _conv,
    CropTo: _crop,
    CroppedResidual: _shortcut,
    Dropout: _nothing,
    MaxPool1D: _max_pool,
    MotifLayer: _motifs,
    Parallel: _side,
    RCBatchNorm1D: _normalised,
    RCConv1D: _rc_conv,
    Residual: _shortcut,
    Sequential: _in_a_row,
    SpatialDropout1D: _nothing,
}


def steps_of(layer: Layer) -> list[Step] | None:
    """The steps of a layer, or None for one that may see everything. A subclass is another kind."""
    made = STEPS.get(type(layer))
    return None if made is None else made(layer)
