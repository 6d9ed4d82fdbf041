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
from genoml.ops.arrays import pad_axis
from genoml.parallel import ALONE, Workers
from genoml_numpy.compiled import words
from genoml_numpy.compiled.conv1d import algorithm_of, linear_vjp
from genoml_numpy.compiled.conv1d_tiles import conv1d_tiles
from genoml_numpy.twins import conv1d as plain
from genoml_numpy.twins.conv1d_tiles import tile_size

#: The most numbers of a table, so that it stays in the core's cache.
_TABLE = 1 << 16
#: Least positions x filters: below it the tables cost more than they save.
_LEAST = 1 << 14
#: Least positions x filters of a thread: 0.2 ms, where handing it over takes 0.03, or more while others compute.
_SHARED = 1 << 19


def span_of(kernel_size: int, filters: int) -> int:
    """Letters per word: the most whose tables stay in the cache."""
    fits = [span for span in (1, 2, 3, 4) if 5**span * filters <= _TABLE]
    return min(max(fits, default=1), kernel_size)


def tables_of(w: np.ndarray, span: int) -> np.ndarray:
    """Tables of the kernels' sums, (words per kernel, 5^span, F): entry j of table t is for word j at place t."""
    k, _, f = w.shape
    count = -(-k // span)
    letters = np.zeros((count * span, 5, f), w.dtype)
    letters[:k, :4] = w
    letters = letters.reshape(count, span, 1, 5, f)
    tables: np.ndarray = letters[:, 0, 0]
    for place in range(1, span):
        tables = (tables[:, :, None] + letters[:, place]).reshape(count, -1, f)
    return tables


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


def _covered(x: np.ndarray, w: np.ndarray) -> bool:
    return x.shape[2] == 4 and x.dtype == w.dtype == np.float32 and len(w) > 1


def codes_of(x: np.ndarray, w: np.ndarray, padding: tuple[int, int] = (0, 0)) -> np.ndarray | None:
    """Base codes, 4 for a row of zeros, as around x; None if the tables do not cover the arguments."""
    if not _covered(x, w) or x.shape[0] * x.shape[1] * w.shape[2] < _LEAST:
        return None
    codes = np.empty(x.shape[:2], np.uint8)
    if not words.read_codes(np.ascontiguousarray(x).view(np.uint32), codes):
        return None
    padded: np.ndarray = pad_axis(codes, *padding, 4)
    return padded


def gradients(
    codes: np.ndarray, w: np.ndarray, span: int, grad: np.ndarray, need_x: bool, need_w: bool
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """dL/dx and dL/dw, None where not needed."""
    k, _, f = w.shape
    # the tables have no derivative with respect to letters
    grad_x = plain.grad_x_of_few(grad, w) if need_x else None
    if not need_w:
        return grad_x, None
    sums = np.zeros((-(-k // span), 5**span, f), np.float32)
    words.add_up(codes, np.ascontiguousarray(grad, np.float32), span, sums)
    return grad_x, kernels_of(sums, k)


def conv1d_vjp(x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE) -> Any:
    """See genoml.ops.conv1d.conv1d_vjp; covers one-hot x and stride and dilation 1, else the others do."""
    codes = codes_of(x, w) if stride == dilation == 1 else None
    if codes is None:
        if (algorithm := algorithm_of(x, w, stride, dilation)) is not None:
            return linear_vjp(algorithm, x, w, dilation, workers)
        size = tile_size(x.shape[1], *w.shape) if stride == dilation == 1 and len(x) else None
        if size is not None and x.dtype == w.dtype == np.float32:
            return conv1d_tiles(x, w, size)
        return plain.conv1d_vjp(x, w, stride, dilation, workers)
    k, _, f = w.shape
    n, length = codes.shape
    span = span_of(k, f)
    y = np.empty((n, length - k + 1, f), np.float32)
    words.correlate(codes, tables_of(w, span), span, y)

    def pullback(
        grad: np.ndarray, need_x: bool = True, need_w: bool = True
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        return gradients(codes, w, span, grad, need_x, need_w)

    return y, pullback


def conv1d_max(
    x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE
) -> tuple[Array, Array]:
    """See genoml.ops.conv1d.conv1d_max; covers what ``conv1d_vjp`` does, and small ones, where it is faster too."""
    n, length, _ = x.shape
    k, _, f = w.shape
    best = np.empty((n, f), np.float32)
    positions = np.empty((n, f), np.int32)
    covered = [stride == dilation == 1 and _covered(x, w) and n > 0]
    if covered[0]:
        span = span_of(k, f)
        tables = tables_of(w, span)
        bits = np.ascontiguousarray(x).view(np.uint32)

        def work(start: int, stop: int) -> None:
            codes = np.empty((stop - start, length), np.uint8)
            covered.append(words.read_codes(bits[start:stop], codes))
            if covered[-1]:
                words.largest(codes, tables, span, length - k + 1, best[start:stop], positions[start:stop])

        workers.share_out(work, n, least=_SHARED // (length * f) + 1)
    if not all(covered):
        from genoml_numpy.twins.conv1d_max import conv1d_max as plain_max

        found: tuple[Array, Array] = plain_max(x, w, stride, dilation)
        return found
    return best, positions.astype(np.intp)


def conv1d_max_grad_w(
    x: Array, positions: Array, grad: Array, kernel_size: int, stride: int = 1, dilation: int = 1
) -> Any:
    """See genoml.ops.conv1d.conv1d_max_grad_w; covers float32 and dilation 1."""
    if dilation != 1 or x.dtype != np.float32 or grad.dtype != np.float32:
        return NotImplemented
    f, c = grad.shape[1], x.shape[2]
    sums = np.zeros((f, kernel_size * c), np.float32)
    arrays = np.ascontiguousarray(x), positions.astype(np.int32), np.ascontiguousarray(grad)
    words.add_windows(*arrays, kernel_size, stride, sums)
    return sums.reshape(f, kernel_size, c).transpose(1, 2, 0)
