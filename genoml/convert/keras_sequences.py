"""Keras' layers along sequences: recurrent ones, attention, and one layer at every position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genoml import nn
from genoml.convert import operations as ops
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.keras_layers import PLAIN_RULES, KerasLayer, KerasRule
from genoml.nn.layer import Layer

__all__ = ["KERAS_RULES"]


def _direction(layer: KerasLayer, kind: str, config: Mapping[str, Any], where: str) -> dict[str, np.ndarray]:
    """Arrays of an LSTM or GRU in genoml's order of the gates."""
    inner = KerasLayer(layer.name, kind, config, layer.arrays)
    inner.expect(
        activation="tanh", recurrent_activation="sigmoid", go_backwards=False, stateful=False, reset_after=True,
        return_state=False, time_major=False,
    )  # fmt: skip
    names = ["bias"] if config.get("use_bias", True) else []
    weights = inner.weights("kernel", "recurrent_kernel", *names, where=where)
    kernel, recurrent = weights["kernel"], weights["recurrent_kernel"]
    size = recurrent.shape[0]
    if kind == "LSTM":  # i, f, g, o in both
        bias = weights.get("bias", np.zeros(4 * size))
        return {"weights_input": kernel, "weights_recurrent": recurrent, "bias": bias}
    if config.get("reset_after") is None:  # left out, it is False
        raise ConvertError("reset_after = False is not supported; expects True")
    order = np.concatenate(
        [np.arange(size, 2 * size), np.arange(size), np.arange(2 * size, 3 * size)]
    )  # z, r, h
    first, second = weights.get("bias", np.zeros((2, 3 * size)))[:, order]
    gates = np.arange(3 * size) < 2 * size
    return {
        "weights_input": kernel[:, order],
        "weights_recurrent": recurrent[:, order],
        "bias": first + np.where(gates, second, 0.0),
        "bias_recurrent": second[2 * size :],
    }


def _recurrent(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    arrays = _direction(layer, layer.kind, layer.config, "")
    sequences = bool(layer.config.get("return_sequences"))
    return ops.recurrent(
        b, layer.name, values[0], layer.kind.lower(), [arrays], positions=1, sequences=sequences
    )


def _bidirectional(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    layer.expect(merge_mode="concat")
    inner = layer.config["layer"]
    kind, config = inner["class_name"], inner["config"]
    if kind not in ("LSTM", "GRU"):
        raise ConvertError(f"it holds a layer of the class {kind}; expects LSTM or GRU")
    ways = [_direction(layer, kind, config, f"{way}_") for way in ("forward", "backward")]
    sequences = bool(config.get("return_sequences"))
    return ops.recurrent(b, layer.name, values[0], kind.lower(), ways, positions=1, sequences=sequences)


def _time_distributed(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    inner = layer.config["layer"]
    if inner["class_name"] not in ("Dense", "Activation", "Dropout", "BatchNormalization"):
        raise ConvertError(f"it holds a layer of the class {inner['class_name']}; expects Dense")
    own = KerasLayer(layer.name, inner["class_name"], inner["config"], layer.arrays)
    return PLAIN_RULES[own.kind](b, own, values)


def _attention(b: Builder, layer: KerasLayer, values: Sequence[Value]) -> Value:
    """Self-attention: a query and a value that are the same array."""
    if any(value is not values[0] for value in values):
        raise ConvertError("its query, value and key are different arrays; only self-attention is supported")
    layer.expect(output_shape=None, use_gate=False)
    if layer.config.get("attention_axes") not in (None, [1], 1):
        raise ConvertError("attention along other axes than the positions")
    biased, x = layer.config.get("use_bias", True), values[0]
    arrays = {}
    for part in ("query", "key", "value", "output"):
        arrays[part] = layer.weights("kernel", *(["bias"] if biased else []), where=part)
    features, heads, size = arrays["query"]["kernel"].shape
    made: Layer = nn.SelfAttention(
        features, heads, key_size=size, value_size=arrays["value"]["kernel"].shape[2], qkv_bias=biased,
        out_features=arrays["output"]["kernel"].shape[2],
    )  # fmt: skip
    named: dict[str, np.ndarray] = {
        f"{part}_weights": own["kernel"].reshape(features, -1)
        for part, own in arrays.items()
        if part != "output"
    }
    last = arrays["output"]["kernel"]
    named["output_weights"] = last.reshape(-1, last.shape[2])
    named["output_bias"] = arrays["output"].get("bias", np.zeros(last.shape[2]))
    if biased:
        named |= {f"{part}_bias": arrays[part]["bias"].reshape(-1) for part in ("query", "key", "value")}
    node = b.add(layer.name, made, b.arranged(x, (0, 1, 2)), named)
    return Value(node, (*x.shape[:2], last.shape[2]), (0, 1, 2))


#: class of a layer, or the name of a single one -> what makes it; add a rule for a layer of your own
KERAS_RULES: dict[str, KerasRule] = {
    **PLAIN_RULES,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
    "MultiHeadAttention": _attention,
}
