"""Attention some queries of one head at a time, so that their scores stay in the core's cache.

The standard version passes the length x length matrix of every head through memory some ten times, and keeps it for
the backward pass. Here it never exists: forward keeps the logarithm of each query's sum, from which backward makes
its weights again (FlashAttention, Dao et al. 2022, arXiv:2205.14135).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array

#: scores held at once
_HELD = 1 << 17


def plain_attention_vjp(query: Array, key: Array, value: Array) -> Any:
    """See genoml.nn.attend_plain.plain_attention_vjp."""
    (n, heads, length, _), dtype = query.shape, np.result_type(query, key, value)
    some = max(1, min(length, _HELD // max(length, 1)))
    y = np.empty((n, heads, length, value.shape[3]), dtype)
    logs = np.empty((n, heads, length, 1), dtype)
    places = [
        ((i, j), slice(start, min(start + some, length)))
        for i in range(n)
        for j in range(heads)
        for start in range(0, length, some)
    ]
    held = np.empty((some, length), dtype)
    for head, rows in places:
        out = y[head][rows]
        scores = np.matmul(query[head][rows], key[head].T, out=held[: len(out)])
        top = scores.max(axis=1, keepdims=True)
        scores -= top
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        np.matmul(scores, value[head], out=out)
        out /= total
        logs[head][rows] = top + np.log(total)

    def pullback(grad: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # as in the standard version, with W = exp(S - log sum) and sum_j(dW_ij W_ij) = g_i . y_i
        inner = np.sum(grad * y, axis=-1, keepdims=True)
        results = [np.zeros(array.shape, dtype) for array in (query, key, value)]
        d_query, d_key, d_value = results
        weights_held, scores_held = np.empty((2, some, length), dtype)
        for head, rows in places:
            q, g = query[head][rows], np.ascontiguousarray(grad[head][rows])
            weights = np.matmul(q, key[head].T, out=weights_held[: len(q)])
            weights -= logs[head][rows]
            np.exp(weights, out=weights)
            d_value[head] += weights.T @ g
            d_scores = np.matmul(g, value[head].T, out=scores_held[: len(q)])
            d_scores -= inner[head][rows]
            d_scores *= weights
            np.matmul(d_scores, key[head], out=d_query[head][rows])
            d_key[head] += d_scores.T @ q
        return d_query, d_key, d_value

    return y, pullback
