"""ONNX's LSTM and GRU: gates in our order, and outputs of which the last state is part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.io.weights import GraphNode

__all__ = ["gathered_state", "recurrent"]

#: our order of ONNX's blocks: i, o, f, g and z, r, h
_ORDER = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2)}
_FUNCTIONS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


def gathered_state(given: Sequence[Any]) -> Value | None:
    """The last states of both directions side by side, as the layer gives them; None for other operands."""
    states = [x for x in given if isinstance(x, ops.State)]
    if len(states) < len(given):
        return None
    first = states[0].value
    if [x.direction for x in states] != [0, 1] or any(x.value is not first for x in states):
        raise ConvertError("states of a recurrent layer in another order than forward, backward")
    _, batch, hidden = first.shape
    return Value(first.node, (batch, 2 * hidden), (0, 1))


def recurrent(b: Builder, node: GraphNode, given: Sequence[Any]) -> tuple[Value, Value]:
    """All states (length, directions, batch, hidden), and the last ones (directions, batch, hidden)."""
    kind, said = node.operation, node.attributes
    x, *others = [*given, *[None] * 8][:8]
    weights, recurrence, bias, lengths, *starts = others
    if not isinstance(x, Value):
        raise ConvertError("it reads a constant")
    if said.get("layout", 0) or said.get("direction", "forward") == "reverse" or said.get("clip"):
        raise ConvertError("layout, clip or the direction reverse")
    if lengths is not None or any(np.any(start) for start in starts if isinstance(start, np.ndarray)):
        raise ConvertError("lengths of sequences, or a first state that is not 0")
    if any(isinstance(start, Value) for start in starts):
        raise ConvertError("a first state that depends on the sequences")
    if kind == "GRU" and not said.get("linear_before_reset"):
        raise ConvertError("linear_before_reset = 0 is not supported; expects 1")
    w, r = shapes.constant(weights, "weights"), shapes.constant(recurrence, "weights")
    size, directions, gates = r.shape[2], len(w), len(_ORDER[kind])
    functions = said.get("activations")
    if functions is not None and list(functions) != _FUNCTIONS[kind] * directions:
        raise ConvertError(f"activations {functions}; expects {_FUNCTIONS[kind]}")
    both = np.zeros((directions, 2 * gates * size)) if bias is None else shapes.constant(bias, "bias")
    arrays = [_direction(kind, w[i], r[i], both[i]) for i in range(directions)]
    rows = shapes.transpose(x, (1, 0, 2))
    every = ops.recurrent(b, f"{node.name}_all", rows, kind.lower(), arrays, positions=1, sequences=True)
    last = ops.recurrent(b, f"{node.name}_last", rows, kind.lower(), arrays, positions=1, sequences=False)
    batch, length = every.shape[:2]
    own = (2, 1) if directions == 2 else (None, None)  # hidden units of both lie on one axis
    states = Value(every.node, (length, directions, batch, size), (1, own[0], 0, 2))
    return states, Value(last.node, (directions, batch, size), (own[1], 0, 1))


def _direction(kind: str, w: np.ndarray, r: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of one direction: weights (gates hidden, in), (gates hidden, hidden), and both biases in a row."""
    size = r.shape[1]
    rows = np.concatenate([np.arange(block * size, (block + 1) * size) for block in _ORDER[kind]])
    first, second = bias[: len(rows)][rows], bias[len(rows) :][rows]
    found = {"weights_input": w[rows].T, "weights_recurrent": r[rows].T}
    if kind == "LSTM":
        return found | {"bias": first + second}
    gates = np.arange(3 * size) < 2 * size
    return found | {"bias": first + np.where(gates, second, 0.0), "bias_recurrent": second[2 * size :]}
