"""Attention tile by tile, so that scores stay in the core's cache.

The standard version passes the length x length matrix of every head through memory about ten times, and keeps it for
the backward pass. Here it is never stored, unless it is requested: forward keeps each query's sum, from which backward
computes the weights again (FlashAttention, Dao et al. 2022, arXiv:2205.14135). Scores known to be small need no shift
by their maximum, which saves two passes of five.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers

#: Queries and keys of a tile.
_QUERIES, _KEYS = 256, 256
#: Least scores per thread.
_LEAST = 1 << 18
#: A small score: its exponential, and the sum of a million of them, do not overflow in float32.
_SMALL = 60.0


class _Head(NamedTuple):
    """Arrays of one head of one example, (length, size) each."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray


def plain_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    with_weights: bool = False,
    *,
    scale: float = 1.0,
    workers: Workers = ALONE,
) -> Any:
    """See genoml.ops.attention.plain_attention_vjp."""
    query = query * scale
    n, heads, length, _ = query.shape
    dtype = np.result_type(query, key, value)
    y = np.empty((n, heads, length, value.shape[3]), dtype)
    #: each query's largest score, or 0 where all are small; 1 / sum of exp(score - top)
    tops, inverses = np.zeros((2, n, heads, length, 1), dtype)
    weights = np.empty((n, heads, length, length), dtype) if with_weights else None
    least = least_heads(length)

    def forward(first: int, last: int) -> None:
        for i in range(first, last):
            at = divmod(i, heads)
            head = _Head(query[at], key[at], value[at])
            tops[at] = _largest_scores(head)
            _attend(head, tops[at], inverses[at], y[at], None if weights is None else weights[at])

    workers.share_out(forward, n * heads, least)

    def pullback(grad: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inner = np.sum(grad * y, axis=-1, keepdims=True)
        results = tuple(np.zeros(array.shape, dtype) for array in (query, key, value))

        def backward(first: int, last: int) -> None:
            for i in range(first, last):
                at = divmod(i, heads)
                head = _Head(query[at], key[at], value[at])
                into = _Head(*(array[at] for array in results))
                known, inverse = (None, inverses[at]) if weights is None else (weights[at], None)
                _attend_back(head, tops[at], inverse, known, grad[at], inner[at], into)

        workers.share_out(backward, n * heads, least)
        d_query, d_key, d_value = results
        d_query *= scale
        return d_query, d_key, d_value

    return y, weights, pullback


def least_heads(length: int) -> int:
    """The least number of heads that are worth a thread."""
    return max(1, _LEAST // max(length * length, 1))


def _ranges(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))


def _exponentials(head: _Head, top: np.ndarray, rows: slice, columns: slice, out: np.ndarray) -> np.ndarray:
    """exp(score - top) for a tile."""
    scores = np.matmul(head.query[rows], head.key[columns].T, out=out)
    if top.any():
        scores -= top[rows]
        np.minimum(scores, 0.0, out=scores)  # inf, where a score overflowed
    np.exp(scores, out=scores)
    return scores


def _largest_scores(head: _Head) -> Any:
    """The largest score of each query (length, 1), or 0 if no score of the head can be large: |q . k| <= |q| |k|."""
    norms = [np.sqrt(np.max(np.sum(array * array, axis=1), initial=0.0)) for array in head[:2]]
    if norms[0] * norms[1] <= _SMALL:
        return 0.0
    tiles = (np.max(head.query @ head.key[columns].T, axis=1) for columns in _ranges(len(head.key), _KEYS))
    largest = np.finfo(head.query.dtype).max
    return np.clip(np.maximum.reduce(list(tiles)), -largest, largest)[:, None]


def _attend(
    head: _Head, top: np.ndarray, inverse: np.ndarray, y: np.ndarray, weights: np.ndarray | None
) -> None:
    """Compute y = W v and the inverse sums, and the weights if an array is given for them."""
    length = len(head.query)
    held = np.empty((_QUERIES, _KEYS), y.dtype)
    ones = np.ones((length, 1), y.dtype)
    for rows in _ranges(length, _QUERIES):
        out, total = y[rows], inverse[rows]
        for columns in _ranges(length, _KEYS):
            tile = (
                held[: len(out), : columns.stop - columns.start]
                if weights is None
                else weights[rows, columns]
            )
            scores = _exponentials(head, top, rows, columns, tile)
            if columns.start == 0:
                np.matmul(scores, head.value[columns], out=out)
                np.matmul(scores, ones[columns], out=total)
            else:
                out += scores @ head.value[columns]
                total += scores @ ones[columns]
        np.divide(1.0, total, out=total)
        out *= total
        if weights is not None:
            weights[rows] *= total


def _attend_back(
    head: _Head,
    top: np.ndarray,
    inverse: np.ndarray | None,
    weights: np.ndarray | None,
    grad: np.ndarray,
    inner: np.ndarray,
    into: _Head,
) -> None:
    """Add the gradients of one head, from its weights or, if they were not kept, its inverse sums.

    As in the standard version, with sum_j(dW_ij W_ij) = g_i . y_i. With W = E / t, E being the exponentials and t a
    query's sum, dv = E^T (g / t) and dS = E ((g / t) v^T - g . y / t), so that only g is divided; the difference is one
    product with one more column on each side, -g . y / t and ones.
    """
    length = len(head.query)
    held = np.empty((2, _QUERIES, _KEYS), grad.dtype)
    columns_of_v = np.concatenate([head.value, np.ones((length, 1), grad.dtype)], axis=1)
    rows_of_g = np.concatenate([grad, -inner], axis=1)
    if inverse is not None:
        rows_of_g *= inverse
    for rows, columns in product(_ranges(length, _QUERIES), _ranges(length, _KEYS)):
        shape = (slice(0, rows.stop - rows.start), slice(0, columns.stop - columns.start))
        known = (
            _exponentials(head, top, rows, columns, held[0][shape])
            if weights is None
            else weights[rows, columns]
        )
        into.value[columns] += known.T @ rows_of_g[rows, :-1]
        d_scores = np.matmul(rows_of_g[rows], columns_of_v[columns].T, out=held[1][shape])
        d_scores *= known
        into.query[rows] += d_scores @ head.key[columns]
        into.key[columns] += d_scores.T @ head.query[rows]
