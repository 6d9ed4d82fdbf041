"""Attention: softmax(scores) @ values and its gradient, with the matrix of weights whole or tile by tile.

Whole, the length x length matrix of weights is kept from forward to backward. Tile by tile it is never held: the
forward pass keeps a running maximum and sum of each query's softmax, and the backward pass computes each tile's
weights again from them. Memory then grows with the length, not with its square, at the cost of one more product
a tile.

References
----------
Rabe and Staats (2021), Self-attention does not need O(n^2) memory, arXiv:2112.05682.
Dao et al. (2022), FlashAttention, arXiv:2205.14135, algorithms 1 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.nn.attention.relative import ScoreTerm, Tile
from genoml.ops.activations import allow, masked_softmax, nonzero, softmax_gradient
from genoml.ops.arrays import constant_like
from genoml.ops.attention import plain_attention_vjp
from genoml.parallel import ALONE, Workers


@dataclass(frozen=True)
class Attention:
    """Arrays and rules of one attention: queries, keys, values, and which keys a query may see.

    Attributes
    ----------
    query, key : (batch, heads, length, key_size)
    value : (batch, heads, length, value_size)
    term : ScoreTerm or None
        Added to query . key.
    causal : bool
        Whether a query sees itself and the keys before it only.
    real : (batch, length) of booleans, or None
        The keys that may be seen; all if None.
    scale : float
        Of query . key, where the attention is plain; any other has it in its queries.
    """

    query: Array
    key: Array
    value: Array
    term: ScoreTerm | None
    causal: bool
    real: Array | None
    scale: float = 1.0

    @property
    def length(self) -> int:
        """Number of queries, and of keys."""
        return int(self.query.shape[2])

    @property
    def is_plain(self) -> bool:
        """Whether every query sees every key, and nothing is added to the scores."""
        return self.term is None and self.real is None and not self.causal

    def whole(self) -> Tile:
        """The tile of all queries and all keys."""
        return Tile(0, self.length, 0, self.length)

    def scores(self, tile: Tile) -> Array:
        """Scores of a tile, (batch, heads, queries, keys), before any mask."""
        key = self.key[:, :, tile.k_start : tile.k_stop, :]
        query = self.query[:, :, tile.q_start : tile.q_stop, :]
        scores = query @ array_namespace(key).matrix_transpose(key)
        scores = scores if self.scale == 1.0 else scores * self.scale
        return scores if self.term is None else scores + self.term.scores(tile)

    def allowed(self, tile: Tile) -> Array | None:
        """Which keys each query may see: booleans that broadcast to the scores, or None for all."""
        real = None if self.real is None else self.real[:, None, None, tile.k_start : tile.k_stop]
        if not self.causal or tile.k_stop <= tile.q_start + 1:
            return real
        xp, device = array_namespace(self.query), device_of(self.query)
        query = xp.arange(tile.q_start, tile.q_stop, dtype=xp.int32, device=device)
        key = xp.arange(tile.k_start, tile.k_stop, dtype=xp.int32, device=device)
        past = query[:, None] >= key[None, :]
        return past if real is None else xp.logical_and(past, real)

    def tiles(self, q_start: int, size: int) -> Iterator[Tile]:
        """The tiles of one block of queries: its blocks of keys, but for those that it may not see at all."""
        q_stop = min(q_start + size, self.length)
        for k_start in range(0, q_stop if self.causal else self.length, size):
            yield Tile(q_start, q_stop, k_start, min(k_start + size, self.length))

    def pulled(self, grad_scores: Array, weights: Array, grad: Array) -> AttentionGradient:
        """Gradients by the products: S = scale q k^T + term gives dq = scale dS k, dk = scale dS^T q; dv = W^T g."""
        transpose = array_namespace(weights).matrix_transpose
        query, key = grad_scores @ self.key, transpose(grad_scores) @ self.query
        return AttentionGradient(
            query=query if self.scale == 1.0 else query * self.scale,
            key=key if self.scale == 1.0 else key * self.scale,
            value=transpose(weights) @ grad,
            term=_term_gradient(self, [(grad_scores, self.whole())]),
        )


@dataclass(frozen=True)
class AttentionGradient:
    """Gradients of the arrays of an ``Attention``; ``term`` holds those of the position term's arrays."""

    query: Array
    key: Array
    value: Array
    term: dict[str, Array]


#: dL/dy, (batch, heads, length, value_size) -> gradients
AttendPullback: TypeAlias = Callable[[Array], AttentionGradient]


def attention_weights(a: Attention) -> Array:
    """The softmax over the keys, (batch, heads, length, length); zeros for a query that may see nothing."""
    return masked_softmax(a.scores(a.whole()), a.allowed(a.whole()))


def attend_whole(
    a: Attention, with_weights: bool = False, workers: Workers = ALONE
) -> tuple[Array, Array | None, AttendPullback]:
    """Attention with the whole matrix of weights: y, the weights if asked for, and the pullback.

    ``workers`` are idle threads that may compute some of the heads.
    """
    if a.is_plain:
        return _attend_plainly(a, with_weights, workers)
    xp = array_namespace(a.query)
    weights = attention_weights(a)

    def pullback(grad: Array) -> AttentionGradient:
        # y = W v, W = softmax(S), S = q k^T + term:
        # dv = W^T g, dW = g v^T, dS = W (dW - sum(dW W)), dq = dS k, dk = dS^T q
        grad_scores = softmax_gradient(weights, grad @ xp.matrix_transpose(a.value))
        return a.pulled(grad_scores, weights, grad)

    return weights @ a.value, (weights if with_weights else None), pullback


def _attend_plainly(
    a: Attention, with_weights: bool, workers: Workers
) -> tuple[Array, Array | None, AttendPullback]:
    """Attention without mask and position term: an operation of which a backend may have its own version."""
    given = a.query, a.key, a.value, with_weights
    y, weights, back = plain_attention_vjp(*given, scale=a.scale, workers=workers)

    def pullback(grad: Array) -> AttentionGradient:
        query, key, value = back(grad)
        return AttentionGradient(query=query, key=key, value=value, term={})

    return y, weights, pullback


def _term_gradient(a: Attention, parts: list[tuple[Array, Tile]]) -> dict[str, Array]:
    if a.term is None:
        return {}
    collector = a.term.gradient()
    for grad_scores, tile in parts:
        collector.add(grad_scores, tile)
    return collector.result()


# ---------------------------------------------------------------- tile by tile


def attend_blocks(a: Attention, size: int) -> tuple[Array, AttendPullback]:
    """Attention by tiles of ``size`` queries and keys: y and the pullback, which keeps y and one number a query."""
    xp = array_namespace(a.query)
    outputs = [_forward_block(a, a.tiles(start, size)) for start in range(0, a.length, size)]
    y = xp.concat([part for part, _ in outputs], axis=2)
    logs = [log_sum for _, log_sum in outputs]

    def pullback(grad: Array) -> AttentionGradient:
        return _backward_blocks(a, size, y, logs, grad)

    return y, pullback


def _forward_block(a: Attention, tiles: Iterator[Tile]) -> tuple[Array, Array]:
    """The output of one block of queries, and the logarithm of each query's softmax denominator."""
    xp = array_namespace(a.query)
    highest = total = output = None
    for tile in tiles:
        allowed = a.allowed(tile)
        scores = allow(a.scores(tile), allowed)
        top = xp.max(scores, axis=-1, keepdims=True)
        top = top if highest is None else xp.maximum(top, highest)
        powers = _clear(xp.exp(scores - top), allowed)
        part = powers @ a.value[:, :, tile.k_start : tile.k_stop, :]
        sums = xp.sum(powers, axis=-1, keepdims=True)
        if highest is None:
            total, output = sums, part
        else:  # the sums so far are relative to the former maximum
            shrink = xp.exp(highest - top)
            total, output = total * shrink + sums, output * shrink + part
        highest = top
    total = nonzero(total)
    return output / total, highest + xp.log(total)


def _clear(powers: Array, allowed: Array | None) -> Array:
    """The powers, with zero where a key may not be seen, also in a row in which none may."""
    if allowed is None:
        return powers
    return array_namespace(powers).where(allowed, powers, constant_like(powers, 0.0))


def _backward_blocks(a: Attention, size: int, y: Array, logs: list[Array], grad: Array) -> AttentionGradient:
    # as in attend_whole, with W = exp(S - log sum) computed again tile by tile; sum_j(dW_ij W_ij) = g_i . y_i,
    # which needs no whole row of W
    xp = array_namespace(a.query)
    collector = None if a.term is None else a.term.gradient()
    queries: list[Array] = []
    keys: dict[int, Array] = {}
    values: dict[int, Array] = {}
    for start, log_sum in zip(range(0, a.length, size), logs, strict=True):
        rows = slice(start, min(start + size, a.length))
        g, query = grad[:, :, rows, :], a.query[:, :, rows, :]
        inner = xp.sum(g * y[:, :, rows, :], axis=-1, keepdims=True)
        grad_query = None
        for tile in a.tiles(start, size):
            columns, at = slice(tile.k_start, tile.k_stop), tile.k_start
            allowed = a.allowed(tile)
            weights = _clear(xp.exp(allow(a.scores(tile), allowed) - log_sum), allowed)
            grad_scores = weights * (g @ xp.matrix_transpose(a.value[:, :, columns, :]) - inner)
            if collector is not None:
                collector.add(grad_scores, tile)
            grad_query = _plus(grad_query, grad_scores @ a.key[:, :, columns, :])
            keys[at] = _plus(keys.get(at), xp.matrix_transpose(grad_scores) @ query)
            values[at] = _plus(values.get(at), xp.matrix_transpose(weights) @ g)
        queries.append(grad_query)
    return AttentionGradient(
        query=xp.concat(queries, axis=2),
        key=xp.concat([keys[at] for at in sorted(keys)], axis=2),
        value=xp.concat([values[at] for at in sorted(values)], axis=2),
        term={} if collector is None else collector.result(),
    )


def _plus(total: Array | None, part: Array) -> Array:
    return part if total is None else total + part
