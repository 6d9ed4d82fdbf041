"""Queries, keys, values and position term of SelfAttention's input, and their pullback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.attention.positions import Rotary, sinusoids
from genoml.nn.attention.relative import RelativeBasis, RelativeBias, distance_bases
from genoml.nn.attention.scores import Attention, AttentionGradient
from genoml.nn.layer import Grads, Pass, expect_shape
from genoml.ops.arrays import sum_rows

#: positions that add a term to the scores
_WITH_TERM = ("relative", "relative_basis")


class AttentionLayer(Protocol):
    """A :class:`~genoml.nn.SelfAttention` as used here, by the arguments of its constructor."""

    path: str
    features: int
    heads: int
    key_size: int
    causal: bool
    position: str | None
    max_length: int
    bases: int
    qkv_bias: bool
    block_size: int | None

    @property
    def params(self) -> Mapping[str, Array]: ...


def split_heads(rows: Array, n: int, length: int, heads: int) -> Array:
    """(n length, heads size) -> (n, heads, length, size)."""
    xp = array_namespace(rows)
    return xp.permute_dims(xp.reshape(rows, (n, length, heads, rows.shape[1] // heads)), (0, 2, 1, 3))


def join_heads(x: Array) -> Array:
    """(n, heads, length, size) -> (n length, heads size)."""
    xp = array_namespace(x)
    n, heads, length, size = x.shape
    return xp.reshape(xp.permute_dims(x, (0, 2, 1, 3)), (n * length, heads * size))


class Projections:
    """Queries, keys, values and position term of one input, and the pullback to x and the parameters."""

    def __init__(self, layer: AttentionLayer, x: Array, run: Pass) -> None:
        ok = x.ndim == 3 and x.shape[1] >= 1 and x.shape[2] == layer.features
        expect_shape(layer, x, ok, f"(batch, length >= 1, {layer.features})")
        xp = array_namespace(x)
        n, length, features = x.shape
        self.layer = layer
        self.shape = (n, length, features)
        self.scale = layer.key_size**-0.5
        self.params = dict(layer.params)
        encoded = x + sinusoids(x, length, features) if layer.position == "sinusoidal" else x
        self.rows = xp.reshape(encoded, (n * length, features))
        query, key, value = (self._project(name) for name in ("query", "key", "value"))
        real = run.real_steps(layer, x)
        # of plain attention the product itself has the scale, which saves two passes over the queries
        ruled = real is not None or layer.causal or layer.position in _WITH_TERM
        self.plain = not ruled and layer.block_size is None
        query = query if self.plain else query * self.scale
        self.rotary = Rotary(x, length, layer.key_size) if layer.position == "rotary" else None
        if self.rotary is not None:
            query, key = self.rotary.rotate(query), self.rotary.rotate(key)
        self.bases = None
        term: RelativeBias | RelativeBasis | None = None
        if layer.position == "relative":
            term = RelativeBias(self.params["relative_bias"], length)
        elif layer.position == "relative_basis":
            term = self._basis_term(query, length)
            query = query + self.params["content_bias"][:, None, :]
        scale = self.scale if self.plain else 1.0
        self.attention = Attention(query, key, value, term, layer.causal, real, scale)

    def _project(self, name: str) -> Array:
        rows = self.rows @ self.params[f"{name}_weights"]
        if self.layer.qkv_bias:
            rows = rows + self.params[f"{name}_bias"]
        n, length, _ = self.shape
        return split_heads(rows, n, length, self.layer.heads)

    def _basis_term(self, query: Array, length: int) -> RelativeBasis:
        layer, xp = self.layer, array_namespace(query)
        self.bases = distance_bases(query, length, layer.max_length, layer.bases)
        keys = xp.reshape(
            self.bases @ self.params["basis_weights"], (2 * length - 1, layer.heads, layer.key_size)
        )
        position_query = query + self.params["position_bias"][:, None, :]
        return RelativeBasis(position_query, xp.permute_dims(keys, (1, 0, 2)))

    # ------------------------------------------------------------ backward

    def pullback(self, pulled: AttentionGradient, need_x: bool, need_params: bool) -> Grads:
        """Gradients of x and of the layer's parameters, all but the output's."""
        # each is linear: z = x W + b gives dW = x^T g, db = sum g, dx = g W^T; x is read three times
        xp = array_namespace(self.rows)
        grads, query = self._term_gradients(pulled)
        key = pulled.key
        if self.rotary is not None:
            query, key = self.rotary.rotate_back(query), self.rotary.rotate_back(key)
        grad_x = None
        query = query if self.plain else query * self.scale
        for name, grad in (("query", query), ("key", key), ("value", pulled.value)):
            g = join_heads(grad)
            if need_params:
                grads[f"{name}_weights"] = xp.matrix_transpose(self.rows) @ g
            if need_params and self.layer.qkv_bias:
                grads[f"{name}_bias"] = sum_rows(g)
            if need_x:
                part = g @ xp.matrix_transpose(self.params[f"{name}_weights"])
                grad_x = part if grad_x is None else grad_x + part
        return (None if grad_x is None else xp.reshape(grad_x, self.shape)), grads

    def _term_gradients(self, pulled: AttentionGradient) -> tuple[dict[str, Array], Array]:
        """Gradients of the position term's parameters, and of the scaled query, from both of its uses."""
        if self.bases is None:
            return dict(pulled.term), pulled.query
        # content query = q + u, position query = q + v, keys = bases W
        xp = array_namespace(self.rows)
        by_query = pulled.term["query"]
        keys = pulled.term["keys"]
        flat = xp.reshape(xp.permute_dims(keys, (1, 0, 2)), (keys.shape[1], keys.shape[0] * keys.shape[2]))
        grads = {
            "content_bias": xp.sum(pulled.query, axis=(0, 2)),
            "position_bias": xp.sum(by_query, axis=(0, 2)),
            "basis_weights": xp.matrix_transpose(self.bases) @ flat,
        }
        return grads, pulled.query + by_query
