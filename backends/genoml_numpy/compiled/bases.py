"""Convolution of one-hot sequences by tables of short words, without multiplications by 0 and 1.

With one-hot rows, sum_{k, c} w[k, c, f] x[l + k, c] is a sum of K numbers, one per base. The sums over ``span``
neighbouring bases are tabulated for each of the 5^span words (the fifth letter is a row of zeros), so that a position
takes K / span additions per filter instead of 4 K multiplications. The gradient of the kernels is summed by words in
the same way. Rows that are not one-hot are detected, and left to the NumPy twins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers
from genoml_numpy.compiled import words
from genoml_numpy.compiled.conv1d import algorithm_of, linear_vjp
from genoml_numpy.twins import conv1d as plain

#: The most numbers of a table, so that it stays in the core's cache.
_TABLE = 1 << 16
#: Least positions x filters: below it the tables cost more than they save.
_LEAST = 1 << 14


def _span(kernel_size: int, filters: int) -> int:
    """Letters per word: the most whose tables stay in the cache."""
    fits = [span for span in (1, 2, 3, 4) if 5**span * filters <= _TABLE]
    return min(max(fits, default=1), kernel_size)


def tables_of(w: np.ndarray, span: int) -> np.ndarray:
    """Tables of the kernels' sums, (words per kernel, 5^span, F): entry j of table t is for word j at place t."""
    k, _, f = w.shape
    count = -(-k // span)
    letters = np.zeros((count * span, 5, f), w.dtype)
    letters[:k, :4] = w
    tables = np.zeros((count, *(5,) * span, f), w.dtype)
    for place in range(span):
        shape = (count, *(5 if axis == place else 1 for axis in range(span)), f)
        tables += letters[place::span].reshape(shape)
    return tables.reshape(count, 5**span, f)


def kernels_of(tables: np.ndarray, kernel_size: int) -> np.ndarray:
    """The transpose of ``tables_of``: (words per kernel, 5^span, F) -> (K, 4, F)."""
    count, size, f = tables.shape
    span = next(s for s in range(1, 5) if 5**s == size)
    by_letter = tables.reshape(count, *(5,) * span, f)
    w = np.empty((count, span, 4, f), tables.dtype)
    for place in range(span):
        others = tuple(1 + axis for axis in range(span) if axis != place)
        w[:, place] = by_letter.sum(axis=others)[:, :4]
    return w.reshape(count * span, 4, f)[:kernel_size]


def codes_of(x: np.ndarray, w: np.ndarray) -> np.ndarray | None:
    """Base codes, 4 for a row of zeros; None if the tables do not cover the arguments."""
    n, length, c = x.shape
    k, _, f = w.shape
    if c != 4 or x.dtype != np.float32 or w.dtype != np.float32 or k < 2 or n * length * f < _LEAST:
        return None
    codes = np.empty((n, length), np.uint8)
    return codes if words.read_codes(np.ascontiguousarray(x), codes) else None


def conv1d_vjp(x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE) -> Any:
    """See genoml.ops.conv1d.conv1d_vjp; covers one-hot x and stride and dilation 1, else the others do."""
    codes = codes_of(x, w) if stride == dilation == 1 else None
    if codes is None:
        if (algorithm := algorithm_of(x, w, stride, dilation)) is not None:
            return linear_vjp(algorithm, x, w, dilation, workers)
        return plain.conv1d_vjp(x, w, stride, dilation, workers)
    k, _, f = w.shape
    n, length = codes.shape
    span = _span(k, f)
    y = np.empty((n, length - k + 1, f), np.float32)
    words.correlate(codes, tables_of(w, span), span, y)

    def pullback(
        grad: np.ndarray, need_x: bool = True, need_w: bool = True
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        # the tables have no derivative with respect to letters
        grad_x = plain.grad_x_of_few(grad, w) if need_x else None
        if not need_w:
            return grad_x, None
        sums = np.zeros((-(-k // span), 5**span, f), np.float32)
        words.add_up(codes, np.ascontiguousarray(grad, np.float32), span, sums)
        return grad_x, kernels_of(sums, k)

    return y, pullback


def conv1d_max(x: Array, w: Array, stride: int = 1, dilation: int = 1) -> Any:
    """See genoml.ops.conv1d.conv1d_max; covers what ``conv1d_vjp`` does."""
    codes = codes_of(x, w) if stride == dilation == 1 else None
    if codes is None:
        from genoml_numpy.twins.conv1d_max import conv1d_max as plain_max

        return plain_max(x, w, stride, dilation)
    k, _, f = w.shape
    n = len(codes)
    span = _span(k, f)
    best = np.empty((n, f), np.float32)
    positions = np.empty((n, f), np.int32)
    words.largest(codes, tables_of(w, span), span, codes.shape[1] - k + 1, best, positions)
    return best, positions.astype(np.intp)
