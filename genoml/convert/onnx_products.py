"""Products of two arrays in ONNX graphs: attention, whose operations are read one by one until its layer is known.

A :class:`Symbol` stands for an array that no layer gives alone, such as scores of queries and keys. The operations
that read it are computed on what it holds: constants, as far as they change the sequences' array linearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.onnx_positions import Distances, Linear
from genoml.convert.onnx_symbols import Keys, Symbol, other_operand, own_axis, projected
from genoml.io.weights import GraphNode
from genoml.nn.attention.self_attention import SelfAttention
from genoml.ops.activations import LOWEST

__all__ = ["matmul"]


def matmul(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    """A product with constants is a layer's; of two arrays the scores of attention."""
    x, y = given
    if isinstance(x, Value | Linear) and isinstance(y, Value | Linear):
        return Scores(x, y)
    if isinstance(x, Symbol):
        return x.then(b, node, given)
    if isinstance(x, Value) and isinstance(y, Keys):
        return Distances.of(x, y)
    if shapes.is_constant(x) and shapes.is_constant(y):
        return Keys(x, y, x @ y)
    return ops.dense(b, node.name, shapes.needed(x), shapes.constant(y, "weights"))


def attention(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    """ONNX's own operation, of operator set 23: (batch, heads, length, size), or (batch, length, features)."""
    said = node.attributes
    query, key, value = map(shapes.needed, given[:3])
    mask, *past = [*given[3:], None, None, None][:3]
    heads = int(said.get("q_num_heads") or query.shape[1])
    if any(each is not None for each in past) or said.get("softcap") or len(node.outputs) > 1:
        raise ConvertError("keys of the past, softcap or further outputs")
    if int(said.get("kv_num_heads") or heads) != heads or query.shape[1:] != key.shape[1:]:
        raise ConvertError("another number of keys, or of their heads, than of queries")
    joined = query.ndim == 3
    if joined:
        query, key, value = (_split(b, node.name, x, heads) for x in (query, key, value))
    _, _, length, size = query.shape
    table = np.zeros((1, 1, 1)) if mask is None else _added(shapes.constant(mask, "mask"))
    if said.get("is_causal"):
        table = table + np.where(np.tri(length, dtype=bool), 0.0, -np.inf)
    scale = float(said.get("scale") or size**-0.5)
    scores = Scores(query, shapes.transpose(key, (0, 1, 3, 2)), table, scale)
    y = _attention(b, node.name, scores, value)
    if not joined:
        return y
    _, _, _, wide = y.shape
    return shapes.reshape(b, node.name, shapes.transpose(y, (0, 2, 1, 3)), [y.shape[0], length, heads * wide])


def _split(b: Builder, name: str, x: Value, heads: int) -> Value:
    """(batch, length, features) as (batch, heads, length, size)."""
    batch, length, features = x.shape
    return shapes.transpose(
        shapes.reshape(b, name, x, [batch, length, heads, features // heads]), (0, 2, 1, 3)
    )


def _added(mask: np.ndarray) -> np.ndarray:
    """A mask as what is added to scores."""
    return _three(np.where(mask, 0.0, -np.inf) if mask.dtype.kind == "b" else mask)


# ---------------------------------------------------------------- scores


@dataclass(frozen=True, eq=False)
class Scores(Symbol):
    """scale q k^T + table, and products of q with distances: (batch, heads, length, length)."""

    kind: ClassVar[str] = "scores of attention"
    query: Value | Linear
    key: Value | Linear
    table: np.ndarray = field(default_factory=lambda: np.zeros((1, 1, 1)))
    scale: float = 1.0
    distances: Distances | None = None
    softmax: bool = False

    def then(self, b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
        """Constants added or multiplied, a mask, the softmax, and the product with the values."""
        if self.softmax:
            if node.operation == "MatMul" and given[0] is self and isinstance(given[1], Value):
                return _attention(b, node.name, self, given[1])
            raise self.unknown(node)
        if node.operation == "Softmax" and int(node.attributes.get("axis", -1)) in (-1, 3):
            return replace(self, softmax=True)
        if node.operation == "Where":
            return self._where(node, given)
        if node.operation not in ("Add", "Mul", "Div"):
            raise self.unknown(node)
        constant = other_operand(self, given)
        if node.operation == "Add" and isinstance(constant, Distances):
            return replace(self, distances=constant)
        if not shapes.is_constant(constant):
            raise self.unknown(node)
        if node.operation == "Add":
            return replace(self, table=self.table + _three(constant))
        if node.operation == "Mul" and np.size(constant) == 1:
            return self._scaled(float(np.reshape(constant, ())))
        if node.operation == "Div" and np.size(constant) == 1 and given[0] is self:
            return self._scaled(1.0 / float(np.reshape(constant, ())))
        raise self.unknown(node)

    def _scaled(self, factor: float) -> Scores:
        if self.distances is not None:
            raise ConvertError("scores with distances that are multiplied")
        return replace(self, table=self.table * factor, scale=self.scale * factor)

    def _where(self, node: GraphNode, given: Sequence[Any]) -> Scores:
        chosen, first, second = given
        if not shapes.is_constant(chosen) or (first is self) == (second is self):
            raise self.unknown(node)
        other = second if first is self else first
        hidden = ~np.asarray(chosen, bool) if first is self else np.asarray(chosen, bool)
        if not shapes.is_constant(other) or np.max(other) > LOWEST / 2:
            raise ConvertError(f"a mask whose number is not below {LOWEST / 2:g}")
        return replace(self, table=self.table + np.where(_three(hidden), -np.inf, 0.0))

    def mask_and_biases(self, length: int) -> tuple[bool, np.ndarray | None]:
        """Whether it is causal, and a number for each distance and head, (2 length - 1, heads)."""
        table = np.broadcast_to(self.table, (self.table.shape[0], length, length))
        hidden, past = table < LOWEST / 2, np.tri(length, dtype=bool)
        causal = bool(length > 1 and hidden.any())
        if causal and np.any(hidden != ~past):
            raise ConvertError("a mask that hides other positions than those behind")
        rows, columns = np.indices((length, length))
        biases = np.zeros((2 * length - 1, len(table)))
        biases[columns[past] - rows[past] + length - 1] = table[:, past].T
        if not causal:
            biases[columns - rows + length - 1] = table.transpose(1, 2, 0)
        expected = biases[columns - rows + length - 1].transpose(2, 0, 1)
        if not np.allclose(np.where(hidden, 0.0, table), np.where(hidden, 0.0, expected), atol=1e-6):
            raise ConvertError("a number for each query and key that is not one for their distance")
        return causal, biases if np.any(biases) else None


def _three(constant: Any) -> np.ndarray:
    """A constant as (heads, queries, keys)."""
    array = np.asarray(constant)
    if array.ndim == 4 and array.shape[0] != 1:
        raise ConvertError("a number for each sequence")
    return array.reshape(([1] * 3 + list(array.shape))[-3:])


# ---------------------------------------------------------------- the layer


def _attention(b: Builder, name: str, scores: Scores, value: Value) -> Value:
    """The layer, whose output weights are the identity until what reads it brings others."""
    query, key, rotary = _unrotated(scores)
    batch, *heads, length, size = query.shape
    many = heads[0] if heads else 1
    (rows, wq, bq), (rows_k, wk, bk), (rows_v, wv, bv) = (projected(b, x) for x in (query, key, value))
    if rows != rows_k or rows != rows_v:
        raise ConvertError("queries, keys and values of different arrays; only self-attention is supported")
    causal, biases = scores.mask_and_biases(length)
    options: dict[str, Any] = {"causal": causal, "position": "rotary" if rotary else None}
    factor = scores.scale * size**0.5
    arrays = {"query_weights": wq * factor, "key_weights": wk, "value_weights": wv}
    own = {"query_bias": bq * factor, "key_bias": bk, "value_bias": bv}
    if biases is not None:
        reach = max(length, 2)
        around = reach - length
        arrays["relative_bias"] = np.broadcast_to(
            np.pad(biases, ((around, around), (0, 0))), (2 * reach - 1, many)
        )
    if scores.distances is not None:
        each, reach, weights = scores.distances.bases(length)
        rows_d, wd, bd = projected(b, scores.distances.source)
        if rows_d != rows or not np.allclose(wd, wq, atol=1e-6):
            raise ConvertError("distances that are read by other queries")
        arrays |= {"basis_weights": weights, "content_bias": bq.reshape(many, size)}
        arrays["position_bias"] = bd.reshape(many, size)
        own["query_bias"] = np.zeros_like(bq)
        options |= {"position": "relative_basis", "bases": each, "max_length": reach}
    if biases is not None:
        options |= {"position": "relative", "max_length": reach}
    if rotary + (biases is not None) + (scores.distances is not None) > 1:
        raise ConvertError("attention with two kinds of positions")
    biased = any(np.any(array) for array in own.values())
    features, wide = wq.shape[0], wv.shape[1]
    layer = SelfAttention(
        features, many, key_size=size, value_size=wide // many, out_features=wide, qkv_bias=biased, **options
    )
    arrays |= (own if biased else {}) | {"output_weights": np.eye(wide), "output_bias": np.zeros(wide)}
    node = b.add(name, layer, rows, arrays)
    order = (0, 2, 1, 2) if heads else (0, 1, 2)
    return Value(node, (batch, *heads, length, wide // many), order)


def _unrotated(scores: Scores) -> tuple[Value, Value, bool]:
    """Queries and keys (batch, heads, length, size), and whether both are rotated."""
    query, key = scores.query, scores.key
    if isinstance(query, Value) and isinstance(key, Value):
        axes = [*range(key.ndim - 2), key.ndim - 1, key.ndim - 2]
        key = shapes.transpose(key, axes)
        if query.shape != key.shape or own_axis(query) == own_axis(key) == 0:
            raise ConvertError(f"a product of arrays {query.shape} and {key.shape}")
        return query, key, False
    if isinstance(query, Linear) and isinstance(key, Linear):
        *_, length, size = query.source.shape
        key = replace(key, maps=np.swapaxes(key.maps, 2, 3))
        if query.turns(length, size) and key.turns(length, size):
            return query.source, key.source, True
    raise ConvertError("queries and keys that are changed otherwise than by genoml's rotary positions")
