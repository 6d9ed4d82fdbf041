"""Convolution without matrices of its own: tiles of outputs stay in the registers over all taps and channels.

A tile is some positions by one or two vectors of filters. It reads its rows where they are, ``dilation`` apart, and
the kernels packed side by side, from the core's caches. BLAS has a product for each tap, whose sums pass through
memory, and packs its operands at every call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.parallel import Workers
from genoml_numpy.compiled.signatures import FLOAT, INT, NOTHING, compiled, given, written
from genoml_numpy.compiled.tiles import (
    LONG_ROWS,
    NARROW,
    NARROW_ROWS,
    ROWS,
    WIDE,
    long_tile,
    narrow_tile,
    panels_of,
    wide_tile,
)

#: positions of a block, whose sums stay in the first cache; a multiple of the rows of all tiles
_BLOCK = 96
#: products that are added up one after another
_CHAIN = 256
#: positions whose products are summed before they are added to the gradient of the kernels, which keeps digits
_POSITIONS = 128
#: channels in and out are multiples of it, and a sequence has so many outputs, whatever the processor's vectors
_WHOLE = 16
#: outputs below which packing the kernels costs what the tiles save
_FEWEST = 128
_ROWS = given(FLOAT, 3)


@compiled(
    NOTHING, _ROWS, given(FLOAT, 3), INT, given(FLOAT, 1), FLOAT, INT, INT, INT, written(FLOAT, 3)
)  # fmt: skip
def _correlate_blocks(
    x: Any, panels: Any, dilation: Any, bias: Any, least: Any, blocks: Any, first: Any, last: Any, y: Any
) -> None:
    """y[n, t] = max(bias + sum_k x[n, t + k dilation] w[k], least), for some of the ``blocks`` of each sequence."""
    (_, length, c), (_, count, f) = x.shape, y.shape
    size = panels.shape[1]
    flat = dilation == 1  # all that a position reads is side by side
    chain = _CHAIN if flat else max(_CHAIN // c, 1) * c
    sums = np.empty((min(2 * _BLOCK, count) + NARROW_ROWS, WIDE), np.float32)
    for number in range(first, last):
        n, own = divmod(number, blocks)
        start, stop = own * _BLOCK, count if own == blocks - 1 else (own + 1) * _BLOCK
        for panel in range(panels.shape[0]):
            narrow = f - panel * WIDE <= NARROW
            rows = NARROW_ROWS if narrow else LONG_ROWS
            for begin in range(0, size, chain):
                span, k = min(chain, size - begin), begin // c
                taps, inner = (1, span) if flat else (span // c, c)
                w_at, add = (panel * size + begin) * WIDE, begin > 0
                for row in range(0, stop - start, rows):
                    # the last tile begins early, rather than be shorter
                    at = start + min(row, stop - start - rows)
                    x_at, to = (n * length + at + k * dilation) * c + begin % c, row * WIDE
                    if narrow:
                        narrow_tile(
                            x, x_at, c, 1, panels, w_at, WIDE, sums, to, WIDE, inner, add, taps, dilation * c
                        )  # fmt: skip
                    else:
                        long_tile(
                            x, x_at, c, 1, panels, w_at, WIDE, sums, to, WIDE, inner, add, taps, dilation * c
                        )  # fmt: skip
            whole, early = start + (stop - start) // rows * rows, (start - stop) % rows
            left, right = panel * WIDE, min(f, (panel + 1) * WIDE)
            added = bias[left:right]
            for at in range(start, stop):
                total, out = sums[at - start + (early if at >= whole else 0)], y[n, at, left:right]
                for j in range(right - left):
                    z = total[j] + added[j]
                    out[j] = least if z <= least else z


@compiled(NOTHING, _ROWS, _ROWS, INT, INT, INT, written(FLOAT, 3))
def _add_gradients(x: Any, grad: Any, dilation: Any, first: Any, last: Any, grad_w: Any) -> None:
    """grad_w[k] += sum_{n, t} x[n, t + k dilation]^T grad[n, t], for some groups of NARROW_ROWS channels."""
    (_, length, c), (_, count, f) = x.shape, grad.shape
    groups = c // NARROW_ROWS
    for n in range(x.shape[0]):
        for start in range(0, count, _POSITIONS):
            inner = min(_POSITIONS, count - start)
            for number in range(first, last):
                k, group = divmod(number, groups)
                x_at = (n * length + start + k * dilation) * c + group * NARROW_ROWS
                for column in range(0, f, WIDE):
                    g_at, at = (n * count + start) * f + column, number * NARROW_ROWS * f + column
                    if f - column <= NARROW:
                        narrow_tile(x, x_at, 1, c, grad, g_at, f, grad_w, at, f, inner, True, 1, 0)
                    else:
                        for row in range(0, NARROW_ROWS, ROWS):
                            to = at + row * f
                            wide_tile(x, x_at + row, 1, c, grad, g_at, f, grad_w, to, f, inner, True, 1, 0)


def covers(x: np.ndarray, w: np.ndarray, stride: int, dilation: int) -> bool:
    """Whether it is quicker than BLAS: channels in whole vectors, and outputs enough for packing the kernels."""
    if stride != 1 or x.dtype != np.float32 or w.dtype != np.float32:
        return False
    count = x.shape[1] - (len(w) - 1) * dilation
    whole = all(channels % _WHOLE == 0 for channels in w.shape[1:])
    return whole and count >= _WHOLE and len(x) * count >= _FEWEST


def correlate(
    x: np.ndarray,
    w: np.ndarray,
    dilation: int,
    before: int,
    count: int,
    workers: Workers,
    bias: np.ndarray | None = None,
    rectified: bool = False,
) -> np.ndarray:
    """``count`` outputs of each sequence, which begins with ``before`` rows of zeros; bias and ReLU if wanted."""
    n, length, c = x.shape
    k, _, f = w.shape
    if before:
        around = np.zeros((n, count + (k - 1) * dilation, c), np.float32)
        around[:, before : before + length] = x
        x = around
    y = np.empty((n, count, f), np.float32)
    added = np.zeros(f, np.float32) if bias is None else np.ascontiguousarray(bias)
    least = np.float32(0.0 if rectified else -np.inf)
    panels, blocks = panels_of(w.reshape(k * c, f)), max(count // _BLOCK, 1)

    def work(first: int, last: int) -> None:
        _correlate_blocks(x, panels, dilation, added, least, blocks, first, last, y)

    workers.share_out(work, n * blocks)
    return y


def gradient_of_kernels(
    x: np.ndarray, grad: np.ndarray, k: int, dilation: int, workers: Workers
) -> np.ndarray:
    """dL/dw (K, C, F) of rows (N, L, C), for the outputs' gradient (N, count, F)."""
    c, f = x.shape[2], grad.shape[2]
    grad_w = np.zeros((k, c, f), np.float32)

    def work(first: int, last: int) -> None:
        _add_gradients(x, grad, dilation, first, last, grad_w)

    workers.share_out(work, k * c // NARROW_ROWS)
    return grad_w
