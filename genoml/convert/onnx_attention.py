"""How layers over sequences of states are written as operations of ONNX: recurrent layers, attention, transformers."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml import nn
from genoml.convert.onnx_writer import Rule, Value, Writer
from genoml.nn.attention.positions import Rotary, sinusoids
from genoml.nn.attention.relative import RelativeBias, Tile, distance_bases
from genoml.nn.recurrent import Recurrent
from genoml.ops.activations import LOWEST

__all__ = ["ATTENTION_RULES"]

#: of our gates, in the order of ONNX: input, output, forget, cell; update, reset, new
_GATES: dict[type, tuple[str, tuple[int, ...]]] = {
    nn.LSTM: ("LSTM", (0, 3, 1, 2)),
    nn.GRU: ("GRU", (1, 0, 2)),
}


# ---------------------------------------------------------------- recurrent layers


def _gates(layer: Recurrent, array: Any) -> np.ndarray:
    """Blocks of gates along the last axis in the order of ONNX, that axis first."""
    _, order = _GATES[type(layer)]
    blocks = np.split(np.asarray(array), layer.gates, axis=-1)
    return np.concatenate([blocks[gate] for gate in order], axis=-1).T


def _biases(layer: Recurrent) -> np.ndarray:
    """The bias beside x, then that beside the state, which is zero but for a GRU's new state."""
    other = np.zeros(layer.gates * layer.hidden)
    if isinstance(layer, nn.GRU):
        other[2 * layer.hidden :] = np.asarray(layer.bias_recurrent)
    return np.concatenate([_gates(layer, layer.bias), other])


def _scanned(w: Writer, directions: tuple[Recurrent, ...], x: Value) -> str:
    """One layer, or one for each direction."""
    first = directions[0]
    operation, _ = _GATES[type(first)]
    arrays = {
        "weights_input": [_gates(layer, layer.weights_input) for layer in directions],
        "weights_recurrent": [_gates(layer, layer.weights_recurrent) for layer in directions],
        "bias": [_biases(layer) for layer in directions],
    }
    given = [w.tensor(name, np.stack(each)) for name, each in arrays.items()]
    options = {"linear_before_reset": 1} if operation == "GRU" else {}
    steps = w.add("Transpose", x.name, perm=[1, 0, 2])
    direction = "forward" if len(directions) == 1 else "bidirectional"
    states = w.add(
        operation, steps, *given, outputs=2, hidden_size=first.hidden, direction=direction, **options
    )
    if first.return_sequences:  # (length, directions, batch, hidden)
        return w.reshaped(w.add("Transpose", states, perm=[2, 0, 1, 3]), 0, 0, -1)
    return w.reshaped(w.add("Transpose", f"{states}:1", perm=[1, 0, 2]), 0, -1)


def _recurrent(w: Writer, layer: Recurrent, x: Value) -> str:
    return _scanned(w, (layer,), x)


def _bidirectional(w: Writer, layer: nn.Bidirectional, x: Value) -> str:
    return _scanned(w, layer.directions, x)


# ---------------------------------------------------------------- attention


def _length(w: Writer, x: Value) -> int:
    return w.one([shape[0] for shape in x.shapes], "its positions")


def _positions(w: Writer, layer: nn.SinusoidalPositions, x: Value) -> str:
    return _with_sinusoids(w, x)


def _with_sinusoids(w: Writer, x: Value) -> str:
    table = sinusoids(np.zeros(0, np.float32), _length(w, x), x.shapes[0][1])
    return w.add("Add", x.name, w.tensor("positions", table))


def _self_attention(w: Writer, layer: nn.SelfAttention, x: Value) -> str:
    rows = _with_sinusoids(w, x) if layer.position == "sinusoidal" else x.name
    query, key, value = (_heads(w, layer, name, rows) for name in ("query", "key", "value"))
    query = w.add("Mul", query, w.number(layer.key_size**-0.5))
    if layer.position == "rotary":
        query, key = (_rotated(w, name, layer.key_size, _length(w, x)) for name in (query, key))
    content = query
    if layer.position == "relative_basis":
        content = w.add("Add", query, w.tensor("content_bias", np.asarray(layer.content_bias)[:, None]))
    scores = w.add("MatMul", content, w.add("Transpose", key, perm=[0, 1, 3, 2]))
    if layer.position in ("relative", "relative_basis"):
        term = _biases_of if layer.position == "relative" else _bases_of
        scores = w.add("Add", scores, term(w, layer, query, _length(w, x)))
    if layer.causal:
        length = _length(w, x)
        past = np.tri(length, dtype=bool)
        scores = w.add("Where", w.tensor("past", past), scores, w.number(LOWEST))
    read = w.add("MatMul", w.add("Softmax", scores, axis=-1), value)
    joined = w.reshaped(w.add("Transpose", read, perm=[0, 2, 1, 3]), 0, 0, -1)
    y = w.add("MatMul", joined, w.tensor("output_weights", layer.output_weights))
    return w.add("Add", y, w.tensor("output_bias", layer.output_bias))


def _heads(w: Writer, layer: nn.SelfAttention, name: str, rows: str) -> str:
    """Queries, keys or values, (batch, heads, length, size)."""
    z = w.add("MatMul", rows, w.tensor(f"{name}_weights", getattr(layer, f"{name}_weights")))
    if layer.qkv_bias:
        z = w.add("Add", z, w.tensor(f"{name}_bias", getattr(layer, f"{name}_bias")))
    size = layer.value_size if name == "value" else layer.key_size
    return w.add("Transpose", w.reshaped(z, 0, 0, layer.heads, size), perm=[0, 2, 1, 3])


def _rotated(w: Writer, x: str, size: int, length: int) -> str:
    """Each pair of features (a, b) -> (a cos t - b sin t, a sin t + b cos t)."""
    turn = Rotary(np.zeros(0, np.float32), length, size)
    cosine, sine = (
        w.tensor(f"rotary {n}", table) for n, table in (("cosine", turn.cosine), ("sine", turn.sine))
    )
    a, b = (w.cut(x, 3, start, None, 2) for start in (0, 1))
    first = w.add("Sub", w.add("Mul", a, cosine), w.add("Mul", b, sine))
    second = w.add("Add", w.add("Mul", a, sine), w.add("Mul", b, cosine))
    axis = w.integers("last axis", 4)
    pairs = w.add("Concat", w.add("Unsqueeze", first, axis), w.add("Unsqueeze", second, axis), axis=4)
    return w.reshaped(pairs, 0, 0, 0, size)


def _biases_of(w: Writer, layer: nn.SelfAttention, query: str, length: int) -> str:
    """A number for each head, query and key."""
    scores = RelativeBias(layer.relative_bias, length).scores(Tile(0, length, 0, length))
    return w.tensor("relative_scores", np.asarray(scores))


def _bases_of(w: Writer, layer: nn.SelfAttention, query: str, length: int) -> str:
    """Products of queries with a vector for each distance, moved to where the distance is that of query and key.

    y[i, j] = rows[i, j - i + length - 1]: row i begins at number (length - 1) + i (2 length - 2) of the flat rows.
    """
    bases = distance_bases(np.zeros(0, np.float32), length, layer.max_length, layer.bases)
    keys = w.add("MatMul", w.tensor("bases", bases), w.tensor("basis_weights", layer.basis_weights))
    keys = w.reshaped(keys, 2 * length - 1, layer.heads, layer.key_size)
    query = w.add("Add", query, w.tensor("position_bias", np.asarray(layer.position_bias)[:, None]))
    rows = w.add("MatMul", query, w.add("Transpose", keys, perm=[1, 2, 0]))
    if length == 1:
        return rows
    width = 2 * length - 2
    flat = w.cut(w.reshaped(rows, 0, 0, -1), 2, length - 1, length - 1 + length * width)
    return w.cut(w.reshaped(flat, 0, 0, length, width), 3, 0, length)


def _transformer(w: Writer, layer: nn.TransformerBlock, x: Value) -> str:
    """x + attention(norm(x)), then the same with the MLP."""
    for names in (("norm1", "attention"), ("norm2", "mlp")):
        y = w.row({name: layer[name] for name in names}, x)
        x = Value(w.add("Add", x.name, y.name), x.shapes)
    return x.name


ATTENTION_RULES: dict[type, Rule] = {
    nn.LSTM: _recurrent,
    nn.GRU: _recurrent,
    nn.Bidirectional: _bidirectional,
    nn.SinusoidalPositions: _positions,
    nn.SelfAttention: _self_attention,
    nn.TransformerBlock: _transformer,
}
