"""How genoml's layers are written as operations of ONNX; for containers and attention see the files beside it."""

from __future__ import annotations

from functools import partial
from math import pi, sqrt
from typing import Any

import numpy as np

from genoml import nn
from genoml.convert.onnx_attention import ATTENTION_RULES
from genoml.convert.onnx_containers import CONTAINER_RULES
from genoml.convert.onnx_writer import Rule, Value, Writer
from genoml.nn.activations import Activation

__all__ = ["RULES"]


def activated(w: Writer, name: str | None, z: str, **options: float) -> str:
    """An activation, by its name in genoml/ops/activations.py."""
    if name in (None, "linear"):
        return z
    if name in ("gelu", "gelu_tanh"):
        return _gelu(w, z, tanh=name == "gelu_tanh")
    if name == "silu":
        return w.add("Mul", z, w.add("Sigmoid", z))
    if name == "leaky_relu":
        return w.add("LeakyRelu", z, alpha=options.get("slope", 0.01))
    if name == "elu":
        return w.add("Elu", z, alpha=options.get("alpha", 1.0))
    return w.add({"relu": "Relu", "sigmoid": "Sigmoid", "softplus": "Softplus", "tanh": "Tanh"}[str(name)], z)


def _gelu(w: Writer, z: str, *, tanh: bool) -> str:
    """z (1 + erf(z / sqrt 2)) / 2; or with tanh(sqrt(2 / pi) (z + 0.044715 z^3)) in the place of erf."""
    if w.opset >= 20:
        return w.add("Gelu", z, approximate="tanh" if tanh else "none")
    if tanh:
        cube = w.add("Mul", w.add("Mul", w.add("Mul", z, z), z), w.number(0.044715))
        inner = w.add("Tanh", w.add("Mul", w.add("Add", z, cube), w.number(sqrt(2.0 / pi))))
    else:
        inner = w.add("Erf", w.add("Mul", z, w.number(sqrt(0.5))))
    return w.add("Mul", w.add("Mul", z, w.add("Add", inner, w.number(1.0))), w.number(0.5))


def _activation(w: Writer, layer: Activation, x: Value) -> str:
    return activated(w, layer.function, x.name, **layer.options())


def _exp(w: Writer, layer: nn.Exp, x: Value) -> str:
    z = x.name if layer.ceiling is None else w.add("Min", x.name, w.number(layer.ceiling))
    return w.add("Exp", z)


# ---------------------------------------------------------------- products


def _conv(w: Writer, layer: nn.Conv1D, x: Value) -> str:
    reaches = [layer.reach(shape[1]) for shape in x.shapes]
    pads = w.one([(reach.before, reach.after) for reach in reaches], "its zeros at the ends")
    bias = [w.tensor("bias", layer.bias)] if layer.has_bias else []
    z = w.add(
        "Conv", x.name, w.tensor("weights", layer.weights), *bias, kernel_shape=[layer.kernel_size],
        strides=[layer.stride], dilations=[layer.dilation], pads=list(pads), group=layer.groups,
    )  # fmt: skip
    return activated(w, layer.activation, z)


def _rc_conv(w: Writer, layer: nn.RCConv1D, x: Value) -> str:
    """The kernels of both strands."""
    both = layer.correlation()
    kernel, pad = np.asarray(both.kernel).transpose(2, 1, 0), layer.padding
    z = w.add(
        "Conv", x.name, w.tensor("weights", kernel), w.tensor("bias", both.bias),
        kernel_shape=[layer.kernel_size], dilations=[layer.dilation], pads=[pad, pad],
    )  # fmt: skip
    return activated(w, layer.activation, z)


def _motifs(w: Writer, layer: nn.MotifLayer, x: Value) -> str:
    """The log-odds of both strands, and the larger score."""
    forward = np.asarray(layer.log_odds())
    strands = [forward, forward[:, ::-1, ::-1]] if layer.both_strands else [forward]
    scores = [
        w.add("Conv", x.name, w.tensor(f"log_odds {strand}", kernel), kernel_shape=[layer.width])
        for strand, kernel in zip("+-", strands, strict=False)
    ]
    z = w.add("Max", *scores) if layer.both_strands else scores[0]
    if "threshold" in layer.params:
        z = w.add("Sub", z, w.tensor("threshold", np.asarray(layer.threshold)[:, None]))
    return activated(w, layer.activation, z)


def _dense(w: Writer, layer: nn.Dense, x: Value) -> str:
    z = w.add("Gemm", x.name, w.tensor("weights", layer.weights), w.tensor("bias", layer.bias))
    return activated(w, layer.activation, z)


def _mlp(w: Writer, layer: nn.MLP, x: Value) -> str:
    """Two dense layers along the last axis of any shape."""
    z = x.name
    for name, activation in (("hidden", layer.activation), ("output", None)):
        with w.within(name):
            z = w.add("MatMul", z, w.tensor("weights", layer[name].params["weights"]))
            z = activated(w, activation, w.add("Add", z, w.tensor("bias", layer[name].params["bias"])))
    return z


def _dispersion(w: Writer, layer: nn.LearnedDispersion, x: Value) -> str:
    """The same numbers for every sequence, behind x."""
    numbers = w.tensor("log_dispersion", np.asarray(layer.log_dispersion)[None])
    return w.add("Concat", x.name, w.add("Expand", numbers, w.add("Shape", x.name)), axis=1)


def _embedding(w: Writer, layer: nn.Embedding, x: Value) -> str:
    return w.add("Gather", w.tensor("weights", layer.weights), x.name, axis=0)


# ---------------------------------------------------------------- normalisation


def _batch_norm(w: Writer, layer: nn.BatchNorm1D, x: Value, *, pairs: bool = False) -> str:
    names = ("gamma", "beta", "running_mean", "running_var")
    arrays = [np.asarray(getattr(layer, name)) for name in names]
    arrays = [np.concatenate([a, a[::-1]]) if pairs else a for a in arrays]
    given = [w.tensor(name, array) for name, array in zip(names, arrays, strict=True)]
    return w.add("BatchNormalization", x.name, *given, epsilon=layer.eps)


def _layer_norm(w: Writer, layer: nn.LayerNorm, x: Value) -> str:
    gamma, beta = w.tensor("gamma", layer.gamma), w.tensor("beta", layer.beta)
    return w.add("LayerNormalization", x.name, gamma, beta, axis=-1, epsilon=layer.eps)


def _group_norm(w: Writer, layer: nn.GroupNorm, x: Value) -> str:
    """Each group as one channel of an instance normalisation; then the channels' scale and shift."""
    ones, zeros = (
        w.tensor(name, np.full(layer.groups, value)) for name, value in (("ones", 1.0), ("zeros", 0.0))
    )
    rows = w.reshaped(x.name, 0, layer.groups, -1)
    normal = w.add("InstanceNormalization", rows, ones, zeros, epsilon=layer.eps)
    gamma, beta = (w.tensor(name, np.asarray(getattr(layer, name))[:, None]) for name in ("gamma", "beta"))
    return w.add("Add", w.add("Mul", w.reshaped(normal, 0, layer.channels, -1), gamma), beta)


# ---------------------------------------------------------------- pooling and shapes


def _max_pool(w: Writer, layer: nn.MaxPool1D, x: Value) -> str:
    size, stride = layer.pool_size, layer.stride
    if layer.ceil_mode and stride > size:  # ONNX would begin a window behind the end
        counts = [-(-(shape[1] - size) // stride) for shape in x.shapes]
        over = [count * stride + size - shape[1] for count, shape in zip(counts, x.shapes, strict=True)]
        after = w.one([pad if 0 < pad < size else 0 for pad in over], "its zeros at the ends")
        return w.add("MaxPool", x.name, kernel_shape=[size], strides=[stride], pads=[0, after])
    return w.add("MaxPool", x.name, kernel_shape=[size], strides=[stride], ceil_mode=int(layer.ceil_mode))


def _average_pool(w: Writer, layer: nn.AveragePool1D, x: Value) -> str:
    return w.add("AveragePool", x.name, kernel_shape=[layer.pool_size], strides=[layer.stride])


def _attention_pool(w: Writer, layer: nn.AttentionPool1D, x: Value) -> str:
    """Windows as an axis of their own; their softmax-weighted mean."""
    size, rows = layer.pool_size, x.name
    over = w.one([shape[1] % size for shape in x.shapes], "its last positions")
    rows = w.cut(rows, 2, 0, -over) if over else rows
    rows = w.add("Transpose", rows, perm=[0, 2, 1])
    logits = w.add("MatMul", rows, w.tensor("weights", layer.weights))
    columns = layer.channels if layer.per_channel else 1
    weights = w.add("Softmax", w.reshaped(logits, 0, -1, size, columns), axis=2)
    windows = w.reshaped(rows, 0, -1, size, layer.channels)
    mean = w.reduce("ReduceSum", w.add("Mul", windows, weights), [2])
    return w.add("Transpose", mean, perm=[0, 2, 1])


def _rc_global_pool(w: Writer, layer: nn.RCGlobalPool1D, x: Value) -> str:
    """The pairs of channels side by side, then over both."""
    half = x.shapes[0][0] // 2
    pairs = [w.cut(x.name, 1, 0, half), w.cut(x.name, 1, -1, half - 1, -1)]
    operation = "ReduceMax" if layer.mode == "max" else "ReduceMean"
    return w.reduce(operation, w.add("Concat", *pairs, axis=2), [2])


def _crop_to(w: Writer, layer: nn.CropTo, x: Value) -> str:
    return w.cropped(x, [layer.length] * len(x.shapes))


def _pad(w: Writer, layer: nn.Pad, x: Value) -> str:
    before, after, y = layer.before, layer.after, x.name
    if min(before, after) < 0:
        y = w.cut(y, 2, max(-before, 0), after if after < 0 else None)
    if max(before, after) > 0:
        ends = (0, 0, max(before, 0), 0, 0, max(after, 0))
        y = w.add("Pad", y, w.integers(f"pads {before} {after}", *ends))
    return y


def _along(operation: str) -> Rule:
    return lambda w, layer, x: w.add(operation, x.name, axis=layer.axis)


def _same(w: Writer, layer: Any, x: Value) -> str:
    """In evaluation the input itself."""
    return x.name


RULES: dict[type, Rule] = {
    **ATTENTION_RULES,
    **CONTAINER_RULES,
    Activation: _activation,
    nn.Exp: _exp,
    nn.Conv1D: _conv,
    nn.RCConv1D: _rc_conv,
    nn.MotifLayer: _motifs,
    nn.Dense: _dense,
    nn.LearnedDispersion: _dispersion,
    nn.Embedding: _embedding,
    nn.BatchNorm1D: _batch_norm,
    nn.RCBatchNorm1D: partial(_batch_norm, pairs=True),
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
    nn.MaxPool1D: _max_pool,
    nn.AveragePool1D: _average_pool,
    nn.GlobalMaxPool1D: lambda w, layer, x: w.reduce("ReduceMax", x.name, [2]),
    nn.GlobalAveragePool1D: lambda w, layer, x: w.reduce("ReduceMean", x.name, [2]),
    nn.RCGlobalPool1D: _rc_global_pool,
    nn.AttentionPool1D: _attention_pool,
    nn.CropTo: _crop_to,
    nn.Pad: _pad,
    nn.Flatten: lambda w, layer, x: w.add("Flatten", x.name, axis=1),
    nn.Transpose: lambda w, layer, x: w.add("Transpose", x.name, perm=[0, 2, 1]),
    nn.Softmax: _along("Softmax"),
    nn.LogSoftmax: _along("LogSoftmax"),
    nn.Dropout: _same,
    nn.SpatialDropout1D: _same,
    nn.MLP: _mlp,
}
