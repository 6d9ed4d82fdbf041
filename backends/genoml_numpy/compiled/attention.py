"""Plain attention compiled whole: a block of queries at a time, whose scores stay in the core's cache.

As in the twin in NumPy the matrix of weights is not kept, and backward computes it again from each query's largest
score and sum. The exponentials are powers of two: log2(e) is in the scale of the queries.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.core import types

from genoml.backend import Array
from genoml.parallel import ALONE, Workers
from genoml_numpy.compiled.functions import CONTRACT, exp2
from genoml_numpy.compiled.signatures import FLOAT, INT, NOTHING, compiled, given, written
from genoml_numpy.compiled.tiles import BLOCK, NARROW, WIDE, multiply_narrow, multiply_wide, padded
from genoml_numpy.twins import attention as plain

#: Queries and keys of a block backward; queries forward are BLOCK, with all keys. Rows of scores are one vector longer:
#: with a power of two as their distance, the cache would keep few of them.
_QUERIES, _KEYS = 2 * BLOCK, 512
_LEAST = np.float32(np.finfo(np.float32).min)
_LARGEST = np.float32(np.finfo(np.float32).max)

_HEADS = types.Array(FLOAT, 4, "A", readonly=True)
_HEADS_OUT = types.Array(FLOAT, 4, "A")


@compiled(written(FLOAT, 2), types.Array(FLOAT, 2, "A", readonly=True), INT, INT, FLOAT)
def _rows_of(matrix: Any, rows: Any, size: Any, factor: Any) -> Any:
    """factor matrix, with zeros behind its rows and columns, to multiples of ``rows`` and ``size``."""
    out = np.zeros((padded(matrix.shape[0], rows), padded(matrix.shape[1], size)), np.float32)
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            out[i, j] = matrix[i, j] * factor
    return out


@compiled(written(FLOAT, 3), types.Array(FLOAT, 2, "A", readonly=True))
def _panels_of(matrix: Any) -> Any:
    """The transpose of (length, size), packed as ``multiply_wide`` takes it."""
    length, size = matrix.shape
    panels = np.zeros((padded(length, WIDE) // WIDE, size, WIDE), np.float32)
    for i in range(length):
        for j in range(size):
            panels[i // WIDE, j, i % WIDE] = matrix[i, j]
    return panels


@compiled(NOTHING, given(FLOAT, 1), given(FLOAT, 1), written(FLOAT, 1))
def _larger(a: Any, b: Any, out: Any) -> None:
    for j in range(out.shape[0]):
        out[j] = b[j] if b[j] > a[j] else a[j]


@compiled(FLOAT, given(FLOAT, 1), written(FLOAT, 2))
def _largest(scores: Any, held: Any) -> Any:
    """The largest score, by halves, for which ``held`` has room; NaN may be left out, and shows in the powers."""
    count, turn = scores.shape[0], 0
    half = (count + 1) // 2  # where the count is odd, both halves have the middle
    _larger(scores[:half], scores[count - half :], held[1, :half])
    while half > 1:
        count, half, turn = half, (half + 1) // 2, 1 - turn
        _larger(held[turn, :half], held[turn, count - half : count], held[1 - turn, :half])
    return min(max(held[1 - turn, 0], _LEAST), _LARGEST)


@compiled(FLOAT, written(FLOAT, 1), INT, FLOAT, loose=CONTRACT | {"reassoc"})
def _powers(scores: Any, count: Any, top: Any) -> Any:
    """Scores become 2^(score - top), and zeros behind the first ``count``; their sum."""
    total = np.float32(0.0)
    for j in range(count):
        below = scores[j] - top
        power = exp2(np.float32(0.0) if below > 0 else below)  # inf, where a score overflowed
        scores[j] = power
        total += power
    scores[count:] = 0.0
    return total


@compiled(
    NOTHING, *[_HEADS] * 3, FLOAT, INT, INT, _HEADS_OUT, written(FLOAT, 3), written(FLOAT, 3), written(FLOAT, 4)
)  # fmt: skip
def _attend(
    query: Any,
    key: Any,
    value: Any,
    scale: Any,
    first: Any,
    last: Any,
    y: Any,
    tops: Any,
    inverses: Any,
    weights: Any,
) -> None:
    """y of some heads of the batch, each query's largest score and 1 / sum; the weights, if there is room for them."""
    heads, length, size = query.shape[1], query.shape[2], value.shape[3]
    held = np.empty((2, length), np.float32)
    width = padded(length, WIDE)
    scores = np.empty((BLOCK, width + NARROW), np.float32)
    out = np.empty((BLOCK, padded(size, NARROW)), np.float32)
    for place in range(first, last):
        n, head = divmod(place, heads)
        rows, keys = _rows_of(query[n, head], BLOCK, 1, scale), _panels_of(key[n, head])
        values = _rows_of(value[n, head], WIDE, NARROW, np.float32(1.0))
        for start in range(0, length, BLOCK):
            multiply_wide(rows, start, keys, 0, keys.shape[0], scores)
            for i in range(min(BLOCK, length - start)):
                top = _largest(scores[i, :length], held)
                tops[n, head, start + i] = top
                inverses[n, head, start + i] = np.float32(1.0) / _powers(scores[i], length, top)
            multiply_narrow(
                scores, 0, scores.shape[1], 1, BLOCK, values, 0, width, out, 0, out.shape[1], False
            )
            for i in range(min(BLOCK, length - start)):
                inverse = inverses[n, head, start + i]
                for j in range(size):
                    y[n, head, start + i, j] = out[i, j] * inverse
                if weights.shape[0] > 0:
                    row, known = weights[n, head, start + i], scores[i]
                    for j in range(length):
                        row[j] = known[j] * inverse


@compiled(
    NOTHING, written(FLOAT, 2), written(FLOAT, 2), INT, given(FLOAT, 1), given(FLOAT, 1), given(FLOAT, 1), INT,
    loose=CONTRACT,
)  # fmt: skip
def _scores_back(
    scores: Any, grads: Any, count: Any, tops: Any, inverses: Any, inner: Any, rows: Any
) -> None:
    """Scores become weights W, and grads, which are dL/dW, become dL/dscore = W (dW - sum(dW W)); zeros behind them."""
    for i in range(scores.shape[0]):
        score, grad = scores[i], grads[i]
        if i >= rows:
            score[:] = 0.0
            grad[:] = 0.0
            continue
        top, inverse, mean = tops[i], inverses[i], inner[i]
        for j in range(count):
            below = score[j] - top
            weight = exp2(np.float32(0.0) if below > 0 else below) * inverse
            score[j] = weight
            grad[j] = weight * (grad[j] - mean)
        score[count:] = 0.0
        grad[count:] = 0.0


@compiled(
    NOTHING, *[_HEADS] * 3, FLOAT, INT, INT, *[given(FLOAT, 3)] * 3, _HEADS, *[_HEADS_OUT] * 3
)  # fmt: skip
def _attend_back(
    query: Any, key: Any, value: Any, scale: Any, first: Any, last: Any, tops: Any, inverses: Any, inner: Any,
    grad: Any, into_query: Any, into_key: Any, into_value: Any,
) -> None:  # fmt: skip
    """The gradients of some heads: dv = W^T g, dW = g v^T, dS = W (dW - g . y), dq = s dS k, dk = s dS^T q."""
    heads, length = query.shape[1], query.shape[2]
    own, one = scale * np.float32(math.log(2.0)), np.float32(1.0)  # the scale without log2(e)
    for place in range(first, last):
        n, head = divmod(place, heads)
        rows, keys = _rows_of(query[n, head], _QUERIES, 1, scale), _panels_of(key[n, head])
        g, values = _rows_of(grad[n, head], _QUERIES, 1, one), _panels_of(value[n, head])
        queries_by = _rows_of(query[n, head], _QUERIES, NARROW, own)
        keys_by = _rows_of(key[n, head], WIDE, NARROW, own)
        grads_by = _rows_of(grad[n, head], _QUERIES, NARROW, one)
        d_query, d_key, d_value = (
            np.zeros_like(queries_by),
            np.zeros_like(keys_by),
            np.zeros((keys_by.shape[0], grads_by.shape[1]), np.float32),
        )
        for left in range(0, keys_by.shape[0], _KEYS):
            width = min(_KEYS, keys_by.shape[0] - left)
            panel, panels = left // WIDE, width // WIDE
            stride = width + NARROW
            scores, grads = np.empty((_QUERIES, stride), np.float32), np.empty((_QUERIES, stride), np.float32)
            for start in range(0, length, _QUERIES):
                stop = min(start + _QUERIES, length)
                multiply_wide(rows, start, keys, panel, panel + panels, scores)
                multiply_wide(g, start, values, panel, panel + panels, grads)
                _scores_back(
                    scores, grads, min(width, length - left), tops[n, head, start:stop], inverses[n, head, start:stop],
                    inner[n, head, start:stop], stop - start,
                )  # fmt: skip
                features, sizes = d_query.shape[1], d_value.shape[1]
                multiply_narrow(
                    grads, 0, stride, 1, _QUERIES, keys_by, left, left + width, d_query, start, features, True
                )
                multiply_narrow(
                    grads,
                    0,
                    1,
                    stride,
                    width,
                    queries_by,
                    start,
                    start + _QUERIES,
                    d_key,
                    left,
                    features,
                    True,
                )
                multiply_narrow(
                    scores, 0, 1, stride, width, grads_by, start, start + _QUERIES, d_value, left, sizes, True
                )
        for i in range(length):
            for j in range(query.shape[3]):
                into_query[n, head, i, j] = d_query[i, j]
                into_key[n, head, i, j] = d_key[i, j]
            for j in range(value.shape[3]):
                into_value[n, head, i, j] = d_value[i, j]


def plain_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    with_weights: bool = False,
    *,
    scale: float = 1.0,
    workers: Workers = ALONE,
) -> Any:
    """See genoml.ops.attention.plain_attention_vjp; covers float32."""
    if any(array.dtype != np.float32 for array in (query, key, value)):
        return plain.plain_attention_vjp(query, key, value, with_weights, scale=scale, workers=workers)
    n, heads, length, _ = query.shape
    factor, least = np.float32(scale * math.log2(math.e)), plain.least_heads(length)
    y = _empty_like(value)
    tops, inverses = np.empty((2, n, heads, length), np.float32)
    weights = np.empty((n if with_weights else 0, heads, length, length), np.float32)

    def forward(first: int, last: int) -> None:
        _attend(query, key, value, factor, first, last, y, tops, inverses, weights)

    workers.share_out(forward, n * heads, least)

    def pullback(grad: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        grad = np.asarray(grad, np.float32)
        inner = np.ascontiguousarray(np.sum(grad * y, axis=-1))
        results = _empty_like(query), _empty_like(key), _empty_like(value)

        def backward(first: int, last: int) -> None:
            _attend_back(query, key, value, factor, first, last, tops, inverses, inner, grad, *results)

        workers.share_out(backward, n * heads, least)
        return results

    return y, (weights if with_weights else None), pullback


def _empty_like(heads: np.ndarray) -> np.ndarray:
    """An array of the same shape whose heads lie side by side, so that joining them is no copy."""
    n, count, length, size = heads.shape
    return np.empty((n, length, count, size), np.float32).transpose(0, 2, 1, 3)
