"""Published networks of more than a row of layers: SpliceAI's relatives, Puffin, BPNet and ChromBPNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genoml import nn
from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.keras_layers import KerasLayer, KerasRule
from genoml.convert.recipes import Arrays, convolve, normalise
from genoml.models import bias_factorised
from genoml.models.bpnet import bpnet as build_bpnet
from genoml.nn.layer import Layer

__all__ = [
    "KERAS_RECIPES",
    "bpnet",
    "chrombpnet",
    "openspliceai",
    "openspliceai_context",
    "pangolin",
    "pangolin_context",
    "puffin",
]


def _dilation(unit: int) -> int:
    """Dilation of SpliceAI's residual units, four of each."""
    return (1, 4, 10, 25)[min(unit // 4, 3)]


def _unit(b: Builder, arrays: Arrays, x: Value, norms: str, slope: float, dilation: int) -> Value:
    """x + conv(relu(norm(conv(relu(norm(x))))))."""
    h = x
    for number in (1, 2):
        h = normalise(b, arrays, f"{norms}{number}", h)
        kind, options = ("leaky_relu", {"slope": slope}) if slope else ("relu", {})
        h = ops.elementwise(b, f"{arrays.prefix}relu{number}", h, kind, **options)
        h = convolve(b, arrays, f"conv{number}", h, dilation=(dilation,), padding="same")
    return shapes.join(b, f"{arrays.prefix}add", "add", [h, x])


def _openspliceai_units(arrays: Arrays) -> list[str]:
    """Names of the residual units; every fifth place holds a skip."""
    names = [f"residual_units.{number}" for number in range(20)]
    return [name for name in names if f"{name}.conv1.weight" in arrays]


def _pangolin_units(arrays: Arrays) -> list[str]:
    return [f"resblocks.{number}" for number in range(arrays.count("resblocks.{}.conv1.weight"))]


def _context(arrays: Arrays, units: list[str]) -> int:
    """Bases around an output position that it reads, on both sides together."""
    widths = [arrays.size(f"{unit}.conv1.weight", 2) for unit in units]
    return sum(2 * _dilation(i) * (width - 1) for i, width in enumerate(widths))


def openspliceai_context(arrays: Arrays) -> int:
    """Bases of context of OpenSpliceAI."""
    return _context(arrays, _openspliceai_units(arrays))


def pangolin_context(arrays: Arrays) -> int:
    """Bases of context of Pangolin."""
    return _context(arrays, _pangolin_units(arrays))


def openspliceai(b: Builder, arrays: Arrays, x: Value) -> dict[str, Value]:
    """OpenSpliceAI: SpliceAI's plan, with leaky ReLU."""
    units = _openspliceai_units(arrays) or ["residual_units.0"]
    h = convolve(b, arrays, "initial_conv", x)
    skips = [convolve(b, arrays, "initial_skip.conv", h)]
    for i, name in enumerate(units):
        h = _unit(b, arrays.below(f"{name}."), h, "batchnorm", 0.1, _dilation(i))
        if i % 4 == 3:
            skips.append(convolve(b, arrays, f"residual_units.{i // 4 * 5 + 4}.conv", h))
    y = _cut(b, shapes.join(b, "skips", "add", skips), _context(arrays, units))
    y = convolve(b, arrays, "final_conv", y)
    return {"output": ops.softmax(b, "softmax", y, 1)}


def pangolin(b: Builder, arrays: Arrays, x: Value) -> dict[str, Value]:
    """Pangolin: SpliceAI's plan, with two heads for each of four tissues."""
    units = _pangolin_units(arrays) or ["resblocks.0"]
    h = convolve(b, arrays, "conv1", x)
    skips = [convolve(b, arrays, "skip", h)]
    for i, name in enumerate(units):
        h = _unit(b, arrays.below(f"{name}."), h, "bn", 0.0, _dilation(i))
        if i % 4 == 3 or i == len(units) - 1:
            skips.append(convolve(b, arrays, f"convs.{i // 4}", h))
    y = _cut(b, shapes.join(b, "skips", "add", skips), _context(arrays, units))
    heads = []
    for number in range(1, 9):
        head = convolve(b, arrays, f"conv_last{number}", y)
        name = f"head{number}"
        heads.append(
            ops.softmax(b, name, head, 1) if number % 2 else ops.elementwise(b, name, head, "sigmoid")
        )
    return {"output": shapes.join(b, "heads", "concatenate", heads, 1)}


def _cut(b: Builder, x: Value, context: int) -> Value:
    """The positions whose whole context is there."""
    if x.shape[2] <= context:
        raise ConvertError(
            f"import: sequences of {x.shape[2]} bp are not longer than the context of {context}; give --length"
        )
    return shapes.shift(b, "crop", x, -(context // 2), -(context // 2), axis=2)


def puffin(b: Builder, arrays: Arrays, x: Value) -> dict[str, Value]:
    """Motifs on both strands, softplus, and their effects along 601 bases, added."""
    effects = []
    for name, effect in (("conv", "deconv"), ("conv_inr", "deconv_inr"), ("conv_sim", "deconv_sim")):
        kernel = arrays.take(f"{name}.weight", (None, 4, None))
        bias = arrays.take(f"{name}.bias", (kernel.shape[0],))
        # a flipped sequence read, and its output flipped back, is a flipped kernel
        both = np.concatenate([kernel, kernel[:, ::-1, ::-1]])
        h = ops.convolution(
            b, name, x, both, np.concatenate([bias, bias]), channels=1, positions=(2,), padding="same"
        )
        h = ops.elementwise(b, f"{name}_softplus", h, "softplus")
        transposed = effect == "deconv_inr"
        pattern = (h.shape[1], None, None) if transposed else (None, h.shape[1], None)
        weights = arrays.take(f"{effect}.weight", pattern)
        weights = weights.transpose(1, 0, 2)[:, :, ::-1] if transposed else weights
        own = arrays.take(f"{effect}.bias", (weights.shape[0],))
        effects.append(
            ops.convolution(b, effect, h, weights, own, channels=1, positions=(2,), padding="same")
        )
    arrays.taken |= {"scaler", "scaler2"}  # not read
    return {"output": ops.elementwise(b, "softplus", shapes.join(b, "effects", "add", effects), "softplus")}


def bpnet(arrays: Arrays, length_bp: int) -> Layer:
    """bpnet-lite's BPNet as ``genoml.models.bpnet``; its one count is the total of all tracks."""
    filters, tracks = arrays.size("iconv.weight", 0), arrays.size("fconv.weight", 0)
    layers = max(arrays.count("rconvs.{}.weight"), 1)
    controls = max(arrays.size("fconv.weight", 1) - filters, 0)
    size, wide = arrays.size("iconv.weight", 2), arrays.size("fconv.weight", 2)
    positions = length_bp - (size - 1) - (wide - 1) - sum(2 * 2**i for i in range(1, layers + 1))
    if positions < 1:
        raise ConvertError(f"import: {length_bp} bp are fewer than the network reads; give --length")
    network = build_bpnet(
        tracks=tracks, profile_length_bp=positions, filters=filters, kernel_size=size, dilated_layers=layers,
        profile_kernel_size=wide, control_tracks=controls,
    )  # fmt: skip
    body: Any = network["body"] if controls else network
    heads: Any = network if controls else body["heads"]
    _convolution(arrays, "iconv", body["conv"])
    for i in range(layers):
        _convolution(arrays, f"rconvs.{i}", body[f"dilated{i + 1}"]["conv"])
    _convolution(arrays, "fconv", heads["profile"]["conv"], bias="fconv.bias" in arrays)
    counts = nn.Dense(filters + (controls > 0), 1)
    weights = arrays.take("linear.weight", (1, filters + (controls > 0)))
    bias = arrays.take("linear.bias", (1,)) if "linear.bias" in arrays else np.zeros(1)
    counts.params = {"weights": _array(counts, weights.T), "bias": _array(counts, bias)}
    if controls:
        heads["counts"] = counts
    else:
        heads["counts"]["dense"] = counts
    return network


def _convolution(arrays: Arrays, name: str, layer: Any, *, bias: bool = True) -> None:
    """Set a convolution's arrays, zeros where the file has no bias."""
    weights = arrays.take(f"{name}.weight", tuple(layer.weights.shape))
    own = arrays.take(f"{name}.bias", tuple(layer.bias.shape)) if bias else np.zeros(layer.out_channels)
    layer.params = {"weights": _array(layer, weights), "bias": _array(layer, own)}


def _array(layer: Layer, value: np.ndarray) -> Any:
    return layer.backend.asarray(np.ascontiguousarray(value), dtype=layer.dtype)


def chrombpnet(arrays: Arrays, length_bp: int) -> Layer:
    """bpnet-lite's ChromBPNet: two BPNets, one of them the bias model."""
    return bias_factorised(
        bpnet(arrays.below("accessibility."), length_bp), bpnet(arrays.below("bias."), length_bp)
    )


def _logsumexp(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    """log(exp(x_1) + exp(x_2)) of two features, as x_2 + softplus(x_1 - x_2)."""
    difference = ops.dense(b, f"{layer.name}_difference", values[0], np.array([[1.0], [-1.0]]))
    second = ops.dense(b, f"{layer.name}_second", values[0], np.array([[0.0], [1.0]]))
    return shapes.join(
        b, layer.name, "add", [second, ops.elementwise(b, f"{layer.name}_rest", difference, "softplus")]
    )


#: recipe -> rules for the layers of its Keras files that hold code: what the published code says that they compute
KERAS_RECIPES: Mapping[str, Mapping[str, KerasRule]] = {"chrombpnet": {"logcount_predictions": _logsumexp}}
