"""Convolution by tiles in the frequency domain, see genoml_numpy.twins.conv1d_tiles, with products that are compiled.

There each frequency has products of its own, for which BLAS packs both operands, and sums of arrays between them, which
pass through memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml_numpy.compiled import frequencies
from genoml_numpy.compiled.tiles import NARROW, NARROW_ROWS, padded
from genoml_numpy.twins.conv1d_tiles import transforms

#: channels of a transform are a multiple of it: they are columns of one product, and rows of another
_WHOLE = max(NARROW, NARROW_ROWS)


def conv1d_tiles(x: np.ndarray, w: np.ndarray, size: int) -> tuple[np.ndarray, Any]:
    """Convolution with tiles of ``size`` rows, stride and dilation 1, in float32: y and its pullback."""
    x, (n, length, c), (k, _, f) = np.ascontiguousarray(x), x.shape, w.shape
    step, count = size - k + 1, length - k + 1
    tiles = -(-count // step)
    forward, inverse = transforms(size, np.dtype(np.float32))

    def transform(rows: np.ndarray, used: int) -> np.ndarray:
        shape = size, padded(n * tiles, NARROW_ROWS), padded(rows.shape[2], _WHOLE)
        out = np.empty(shape, np.float32)
        frequencies.to_frequencies(np.ascontiguousarray(rows), forward, step, tiles, used, out)
        return out

    def multiplied(of_rows: np.ndarray, kernels: np.ndarray, conjugate: bool) -> np.ndarray:
        out = np.empty((*of_rows.shape[:2], padded(kernels.shape[2], _WHOLE)), np.float32)
        frequencies.multiply_frequencies(of_rows, _kernels(kernels, forward, conjugate), out)
        return out

    of_x = transform(x, size)
    y = np.empty((n, count, f), np.float32)
    outputs = np.zeros((padded(step, NARROW_ROWS), size), np.float32)
    outputs[:step] = inverse[:step]
    frequencies.from_frequencies(multiplied(of_x, w, True), outputs, step, tiles, step, y)

    def pullback(
        grad: np.ndarray, need_x: bool = True, need_w: bool = True
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        # Y = X conj(W), so dW = X conj(G) and dX = G W
        g = transform(np.asarray(grad, np.float32), step)
        grad_x = grad_w = None
        if need_w:
            total = np.empty((size, of_x.shape[2], g.shape[2]), np.float32)
            frequencies.multiply_transposed(of_x, g, total)
            rows = (inverse[:k] @ total.reshape(size, -1)).reshape(k, *total.shape[1:])
            grad_w = np.ascontiguousarray(rows[:, :c, :f])
        if need_x:
            grad_x = np.empty((n, length, c), np.float32)
            back = multiplied(g, w.transpose(0, 2, 1), False)
            frequencies.from_frequencies(back, inverse, step, tiles, size, grad_x)
        return grad_x, grad_w

    return y, pullback


def _kernels(w: np.ndarray, forward: np.ndarray, conjugate: bool) -> np.ndarray:
    """The transforms of kernels (K, C, F) as ``multiply_frequencies`` reads them, with W or conj(W)."""
    k, c, f = w.shape
    size = len(forward)
    of_w = (forward[:, :k] @ np.ascontiguousarray(w).reshape(k, c * f)).reshape(size, c, f)
    panels = padded(f, _WHOLE) // NARROW
    out = np.empty((2 + 3 * (size // 2 - 1), panels, padded(c, _WHOLE), NARROW), np.float32)
    frequencies.pack_kernels(of_w, conjugate, out)
    return out
