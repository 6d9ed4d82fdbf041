"""Attention by batched products that read queries, keys, values and weights where they lie, turned or not.

CuPy's own product of such views copies each operand that is not contiguous, the length x length weights among them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers
from genoml_cupy.launch import Kernels, Matrix
from genoml_cupy.twins._arguments import MOST, covered, elementwise, indices
from genoml_cupy.twins.softmax import softmax_gradient_rows, softmax_rows

#: Operands of a launch, and their structure, as in kernels/products.cu.
_MOST = 8
_OPERANDS = np.dtype(
    [("first", np.uint64, _MOST), ("example_step", np.int64, _MOST), ("head_step", np.int64, _MOST)]
)


def plain_attention_vjp(
    kernels: Kernels,
    query: Array,
    key: Array,
    value: Array,
    with_weights: bool = False,
    *,
    scale: float = 1.0,
    workers: Workers = ALONE,
) -> Any:
    """See genoml.ops.attention.plain_attention_vjp."""
    if not covered(query, key, value) or query.shape[:3] != value.shape[:3] or query.shape != key.shape:
        return NotImplemented
    n, heads, length, size = query.shape
    if n * heads * length >= MOST:
        return NotImplemented
    width, dtype = value.shape[3], query.dtype
    query, key, value = (_with_rows(kernels, array) for array in (query, key, value))
    weights = kernels.xp.empty((n, heads, length, length), dtype=dtype)
    y = _empty_joined(kernels, value)
    q, k, v, w, out = _matrices(kernels, query, key, value, weights, y)
    batch = n * heads
    kernels.product(length, length, size, q, k._replace(turned=True), w, batch=batch, alpha=scale)
    softmax_rows(kernels, weights, weights)
    kernels.product(length, width, length, w, v, out, batch=batch)

    def pullback(grad: Array) -> tuple[Array, Array, Array]:
        # y = W v, W = softmax(S), S = s q k^T, s the scale:
        # dv = W^T g, dW = g v^T, dS = W (dW - sum(dW W)), dq = s dS k, dk = s dS^T q
        grad = _with_rows(kernels, grad)
        grad_scores = kernels.xp.empty(weights.shape, dtype=dtype)
        results = [_empty_joined(kernels, array) for array in (query, key, value)]
        g, ds, dq, dk, dv = _matrices(kernels, grad, grad_scores, *results)
        kernels.product(length, width, length, w._replace(turned=True), g, dv, batch=batch)
        kernels.product(length, length, width, g, v._replace(turned=True), ds, batch=batch)  # dW
        softmax_gradient_rows(kernels, weights, grad_scores, grad_scores)
        kernels.product(length, size, length, ds, k, dq, batch=batch, alpha=scale)
        kernels.product(length, size, length, ds._replace(turned=True), q, dk, batch=batch, alpha=scale)
        return results[0], results[1], results[2]

    return y, (weights if with_weights else None), pullback


def _with_rows(kernels: Kernels, array: Array) -> Array:
    """The array, or a copy, whose last axis is contiguous and whose rows do not overlap: a matrix for cuBLAS."""
    size, (row, element) = array.dtype.itemsize, array.strides[2:]
    fits = element == size and row % size == 0 and row >= size * array.shape[3]
    return array if fits else kernels.xp.ascontiguousarray(array)


def _empty_joined(kernels: Kernels, like: Array) -> Array:
    """An array of this shape whose heads lie side by side, so that joining them is a view."""
    n, heads, length, size = like.shape
    return kernels.xp.empty((n, length, heads, size), dtype=like.dtype).transpose(0, 2, 1, 3)


def _matrices(kernels: Kernels, *arrays: Array) -> list[Matrix]:
    """The matrices of each array, (batch, heads, rows, columns), by their addresses, which one kernel writes down."""
    n, heads = arrays[0].shape[:2]
    table = np.zeros((), _OPERANDS)
    for i, array in enumerate(arrays):
        table["first"][i] = kernels.address(array)
        table["example_step"][i], table["head_step"][i] = array.strides[:2]
    found = kernels.xp.empty((len(arrays), n * heads), dtype="int64")
    sizes = indices(len(arrays), n, heads)
    kernels.launch(
        "products", "addresses", arrays[0].dtype, *elementwise(found.size), table[()], *sizes, found
    )  # fmt: skip
    return [
        Matrix(array, array.strides[2] // array.dtype.itemsize, addresses=found[i])
        for i, array in enumerate(arrays)
    ]
