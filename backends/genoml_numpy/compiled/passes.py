"""Compiled loops of genoml_numpy.compiled.rectify.

Shapes: x and out (N, L, C); y, winner, g and grad (N, windows, C), and centred too, or empty without a mean; the
others (C,). Without pooling all are rows (R, C), and nothing is kept but x and y.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml_numpy.compiled.signatures import BYTE, FLOAT, INT, NOTHING, compiled, given, written

_ROW = given(FLOAT, 1)
_ROWS = given(FLOAT, 3)
_MATRIX = given(FLOAT, 2)
#: Rows of a partial sum, which keeps digits.
PARTIAL_ROWS = 256
#: Partial sums that are added up before they are added to the total.
_PARTIAL_SUMS = 64


@compiled(NOTHING, _MATRIX, written(FLOAT, 1))
def add_rows(rows: Any, total: Any) -> None:
    """total[c] += sum_r rows[r, c]."""
    partial, several = np.zeros((2, total.shape[0]), np.float32)
    for start in range(0, rows.shape[0], PARTIAL_ROWS):
        partial[:] = 0.0
        for r in range(start, min(start + PARTIAL_ROWS, rows.shape[0])):
            row = rows[r]
            for c in range(total.shape[0]):
                partial[c] += row[c]
        several += partial
        if start // PARTIAL_ROWS % _PARTIAL_SUMS == _PARTIAL_SUMS - 1:
            total += several
            several[:] = 0.0
    total += several


@compiled(NOTHING, given(FLOAT, 2), _ROW, written(FLOAT, 1))
def add_squares(rows: Any, mean: Any, total: Any) -> None:
    """total[c] += sum_r (rows[r, c] - mean[c])^2."""
    partial = np.zeros(total.shape[0], np.float32)
    for start in range(0, rows.shape[0], PARTIAL_ROWS):
        partial[:] = 0.0
        for r in range(start, min(start + PARTIAL_ROWS, rows.shape[0])):
            for c in range(total.shape[0]):
                centred = rows[r, c] - mean[c]
                partial[c] += centred * centred
        for c in range(total.shape[0]):
            total[c] += partial[c]


@compiled(NOTHING, given(FLOAT, 2), written(FLOAT, 3))
def moments_of(rows: Any, moments: Any) -> None:
    """Of each PARTIAL_ROWS rows the first, the sum of what they exceed it by, and of squares around their mean.

    A mean far from 0 keeps its digits. ``moments`` is (blocks, 3, C).
    """
    for block in range(moments.shape[0]):
        start, own = block * PARTIAL_ROWS, moments[block]
        stop = min(start + PARTIAL_ROWS, rows.shape[0])
        first, total, squares = own[0], own[1], own[2]
        first[:] = rows[start]
        total[:] = 0.0
        squares[:] = 0.0
        for r in range(start, stop):
            row = rows[r]
            for c in range(row.shape[0]):
                total[c] += row[c] - first[c]
        mean = first + total / np.float32(stop - start)
        for r in range(start, stop):
            row = rows[r]
            for c in range(row.shape[0]):
                centred = row[c] - mean[c]
                squares[c] += centred * centred


@compiled(NOTHING, _ROWS, written(FLOAT, 4))
def moments_of_each(rows: Any, moments: Any) -> None:
    """``moments_of`` for every sequence."""
    for n in range(rows.shape[0]):
        moments_of(rows[n], moments[n])


@compiled(NOTHING, _MATRIX, _ROW, _ROW, _ROW, written(FLOAT, 2))
def rectify_rows(x: Any, mean: Any, scale: Any, shift: Any, y: Any) -> None:
    """y = max((x - mean) scale + shift, 0); a NaN stays."""
    for r in range(x.shape[0]):
        row, out = x[r], y[r]
        for c in range(row.shape[0]):
            z = (row[c] - mean[c]) * scale[c] + shift[c]
            out[c] = np.float32(0.0) if z <= 0 else z


@compiled(NOTHING, _MATRIX, _MATRIX, _MATRIX, _ROW, written(FLOAT, 2), written(FLOAT, 2))
def add_row_gradients(grad: Any, y: Any, x: Any, mean: Any, g: Any, sums: Any) -> None:
    """g = grad where y > 0; sums[0] += sum g, sums[1] += sum g (x - mean)."""
    channels = g.shape[1]
    first, second = np.zeros((2, channels), np.float32)
    for start in range(0, g.shape[0], PARTIAL_ROWS):
        first[:] = 0.0
        second[:] = 0.0
        for r in range(start, min(start + PARTIAL_ROWS, g.shape[0])):
            row, value, read, out = grad[r], y[r], x[r], g[r]
            for c in range(channels):
                own = row[c] if value[c] > 0 else np.float32(0.0)
                out[c] = own
                first[c] += own
                second[c] += own * (read[c] - mean[c])
        sums[0] += first
        sums[1] += second


@compiled(NOTHING, _MATRIX, _MATRIX, _ROW, _ROW, _ROW, _ROW, written(FLOAT, 2))
def less_mean(x: Any, g: Any, mean: Any, factor: Any, slope: Any, constant: Any, out: Any) -> None:
    """out = factor g - slope (x - mean) - constant."""
    for r in range(x.shape[0]):
        row, own, to = x[r], g[r], out[r]
        for c in range(row.shape[0]):
            to[c] = own[c] * factor[c] - slope[c] * (row[c] - mean[c]) - constant[c]


@compiled(NOTHING, _ROWS, _ROW, _ROW, _ROW, INT, written(FLOAT, 3), written(BYTE, 3), written(FLOAT, 3))
def rectify(x: Any, mean: Any, scale: Any, shift: Any, size: Any, y: Any, winner: Any, centred: Any) -> None:
    """y, the row of each window's maximum, and its x - mean; a negative scale reverses the order."""
    channels = x.shape[2]
    best = np.empty(channels, np.float32)
    place = np.empty(channels, np.int32)
    sign = np.sign(scale)
    for n in range(x.shape[0]):
        for window in range(y.shape[1]):
            start = window * size
            first = x[n, start]
            for c in range(channels):
                best[c] = first[c] * sign[c]
                place[c] = 0
            for k in range(1, min(size, x.shape[1] - start)):
                row = x[n, start + k]
                for c in range(channels):
                    value = row[c] * sign[c]
                    more = (value > best[c]) | (value != value)  # a NaN stays
                    best[c] = value if more else best[c]
                    place[c] = np.int32(k) if more else place[c]
            out, where = y[n, window], winner[n, window]
            for c in range(channels):
                best[c] = best[c] * sign[c] - mean[c]
                z = best[c] * scale[c] + shift[c]
                out[c] = np.float32(0.0) if z <= 0 else z
            for c in range(channels):
                where[c] = np.uint8(place[c])
            if centred.shape[0] > 0:
                kept = centred[n, window]
                for c in range(channels):
                    kept[c] = best[c]


@compiled(NOTHING, _ROWS, _ROWS, _ROWS, written(FLOAT, 3), written(FLOAT, 2))
def add_gradients(grad: Any, y: Any, centred: Any, g: Any, sums: Any) -> None:
    """g = grad where y > 0; sums[0] += sum g, sums[1] += sum g centred."""
    channels = g.shape[2]
    partial = np.zeros((2, channels), np.float32)
    for n in range(g.shape[0]):
        partial[:] = 0.0
        for window in range(g.shape[1]):
            row = grad[n, window]
            value = y[n, window]
            out = g[n, window]
            for c in range(channels):
                out[c] = row[c] if value[c] > 0 else np.float32(0.0)
                partial[0, c] += out[c]
            if centred.shape[0] > 0:
                kept = centred[n, window]
                for c in range(channels):
                    partial[1, c] += out[c] * kept[c]
        for c in range(channels):
            sums[0, c] += partial[0, c]
            sums[1, c] += partial[1, c]


@compiled(NOTHING, _ROWS, given(BYTE, 3), _ROW, INT, written(FLOAT, 3))
def spread(g: Any, winner: Any, factor: Any, size: Any, out: Any) -> None:
    """out = factor g at the winners, zeros elsewhere."""
    for n in range(out.shape[0]):
        for position in range(out.shape[1]):
            window, k = position // size, np.uint8(position % size)
            row = out[n, position]
            if window >= g.shape[1]:
                row[:] = 0.0
                continue
            own, where = g[n, window], winner[n, window]
            for c in range(row.shape[0]):
                row[c] = own[c] * factor[c] if where[c] == k else np.float32(0.0)


@compiled(NOTHING, _ROWS, _ROWS, given(BYTE, 3), _ROW, _ROW, _ROW, _ROW, INT, written(FLOAT, 3))
def spread_less_mean(
    x: Any, g: Any, winner: Any, mean: Any, factor: Any, slope: Any, constant: Any, size: Any, out: Any
) -> None:
    """out = factor g at the winners, minus slope (x - mean) + constant everywhere."""
    for n in range(out.shape[0]):
        for position in range(out.shape[1]):
            window, k = position // size, np.uint8(position % size)
            row, read = out[n, position], x[n, position]
            for c in range(row.shape[0]):
                row[c] = -slope[c] * (read[c] - mean[c]) - constant[c]
            if window < g.shape[1]:
                own, where = g[n, window], winner[n, window]
                for c in range(row.shape[0]):
                    row[c] += own[c] * factor[c] if where[c] == k else np.float32(0.0)
