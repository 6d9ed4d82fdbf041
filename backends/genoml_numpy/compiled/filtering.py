"""Compiled transforms of genoml_numpy.compiled.conv1d_three.

Arrays are (N, length, channels), transforms (6, groups, channels). A group is four outputs that are ``dilation`` rows
apart, and the six rows that they read. A sequence's groups are numbered so that neighbours read
neighbouring rows: group g begins at row 4 dilation (g // dilation) + g % dilation. A loop goes through a stretch of
neighbours and writes one array, so that it is compiled to vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core.types.containers import UniTuple

from genoml_numpy.compiled.signatures import FLAG, FLOAT, INT, NOTHING, compiled, given, written
from genoml_numpy.compiled.tiles import BLOCK, WIDE, multiply_narrow, multiply_wide

_FLAT = given(FLOAT, 1)
_ROWS = given(FLOAT, 3)
_ZERO, _TWO, _THREE, _FOUR, _FIVE = (np.float32(number) for number in (0, 2, 3, 4, 5))
_HALF, _QUARTER, _EIGHTH, _EIGHT = (np.float32(number) for number in (0.5, 0.25, 0.125, 8))
#: numbers of a stretch: each is read several times, so the rows of a group stay in the core's first cache
_STRETCH = 1024
#: groups that are transformed and multiplied together, in the core's second cache with the kernels
GROUPS = 2 * BLOCK


@compiled(UniTuple(INT, 3), INT, INT, INT, INT, INT)
def _stretch(group: Any, groups: Any, dilation: Any, most: Any, width: Any) -> Any:
    """Of a group of the batch: its sequence, its first row, and how many from it on are a stretch."""
    n, own = divmod(group, groups)
    size = min(groups - own, dilation - own % dilation, most, max(1, _STRETCH // width))
    return n, 4 * dilation * (own // dilation) + own % dilation, size


@compiled(NOTHING, _FLAT, INT, INT, written(FLOAT, 1))
def _copy(row: Any, start: Any, size: Any, out: Any) -> None:
    """out[:size] = row[start:start + size], with zeros before and after the row."""
    low, high = max(start, 0), min(start + size, row.shape[0])
    out[:size] = _ZERO
    if low < high:
        out[low - start : high - start] = row[low:high]


@compiled(NOTHING, *[_FLAT] * 6, written(FLOAT, 2), INT)
def _combine_six(d0: Any, d1: Any, d2: Any, d3: Any, d4: Any, d5: Any, v: Any, at: Any) -> None:
    """v[:, at:] = B d."""
    end = at + d0.shape[0]
    v0, v1, v2, v3, v4, v5 = (
        v[0, at:end],
        v[1, at:end],
        v[2, at:end],
        v[3, at:end],
        v[4, at:end],
        v[5, at:end],
    )
    for c in range(end - at):
        v0[c] = _TWO * (d0[c] + d4[c]) - _THREE * (d1[c] - d3[c]) - _FOUR * d2[c]
    for c in range(end - at):
        v1[c] = _TWO * (d4[c] - d1[c]) + d2[c] + _FIVE * d3[c]
    for c in range(end - at):
        v2[c] = _FIVE * d2[c] - d3[c] - _TWO * (d1[c] + d4[c])
    for c in range(end - at):
        v3[c] = _TWO * (d1[c] - d3[c]) + (d2[c] - d4[c])
    for c in range(end - at):
        v4[c] = (d1[c] - d3[c]) - _TWO * (d2[c] - d4[c])
    for c in range(end - at):
        v5[c] = _TWO * (d1[c] + d5[c]) - _THREE * (d2[c] - d4[c]) - _FOUR * d3[c]


@compiled(NOTHING, *[_FLAT] * 4, written(FLOAT, 2), INT)
def _combine_four(g0: Any, g1: Any, g2: Any, g3: Any, v: Any, at: Any) -> None:
    """v[:, at:] = A^T g."""
    end = at + g0.shape[0]
    v0, v1, v2, v3, v4, v5 = (
        v[0, at:end],
        v[1, at:end],
        v[2, at:end],
        v[3, at:end],
        v[4, at:end],
        v[5, at:end],
    )
    v0[:] = g0
    for c in range(end - at):
        v1[c] = (g0[c] + g2[c]) + (g1[c] + g3[c])
    for c in range(end - at):
        v2[c] = (g0[c] + g2[c]) - (g1[c] + g3[c])
    for c in range(end - at):
        v3[c] = g0[c] + _HALF * g1[c] + _QUARTER * g2[c] + _EIGHTH * g3[c]
    for c in range(end - at):
        v4[c] = g0[c] - _TWO * g1[c] + _FOUR * g2[c] - _EIGHT * g3[c]
    v5[:] = g3


@compiled(NOTHING, _ROWS, INT, INT, INT, INT, INT, FLAG, written(FLOAT, 3))
def _transform(
    x: Any, dilation: Any, before: Any, groups: Any, start: Any, count: Any, outputs: Any, v: Any
) -> None:
    """Transforms of the six rows that ``count`` groups from ``start`` on read; of the four outputs with ``outputs``.

    Rows are counted from ``before`` rows in front of x on. There, and behind each sequence, are zeros.
    """
    width, wide = x.shape[2], v.shape[2]
    out, s = v.reshape(6, v.shape[1] * wide), dilation * width
    most = count if wide == width else 1
    held = np.empty((6, max(_STRETCH, width)), np.float32)
    done = 0
    while done < count:
        n, first, size = _stretch(start + done, groups, dilation, min(count - done, most), width)
        row, at, a, many = x[n].reshape(-1), done * wide, (first - before) * width, size * width
        b = a + many
        if a < 0 or b + 5 * s > row.shape[0]:
            for j in range(6):
                _copy(row, a + j * s, many, held[j])
            d0, d1, d2, d3 = held[0, :many], held[1, :many], held[2, :many], held[3, :many]
            if outputs:
                _combine_four(d0, d1, d2, d3, out, at)
            else:
                _combine_six(d0, d1, d2, d3, held[4, :many], held[5, :many], out, at)
        else:
            r0, r1, r2, r3 = (
                row[a:b],
                row[a + s : b + s],
                row[a + 2 * s : b + 2 * s],
                row[a + 3 * s : b + 3 * s],
            )
            if outputs:
                _combine_four(r0, r1, r2, r3, out, at)
            else:
                _combine_six(r0, r1, r2, r3, row[a + 4 * s : b + 4 * s], row[a + 5 * s : b + 5 * s], out, at)
        done += size


@compiled(NOTHING, _ROWS, INT, INT, INT, INT, _FLAT, FLAG, INT, INT, written(FLOAT, 3))
def _restore(
    m: Any, dilation: Any, groups: Any, start: Any, count: Any, bias: Any, rectified: Any,
    size: Any, outputs: Any, y: Any,
) -> None:  # fmt: skip
    """The four outputs A m + bias of ``count`` groups from ``start`` on, or their rectified values.

    Of ``size`` neighbours, 1, 2 or 4, of the ``outputs`` of a sequence the largest is kept; more than 1 for dilation 1.
    """
    wide, width = m.shape[2], y.shape[2]
    given, size_y = m.reshape(6, m.shape[1] * wide), y.shape[1] * width
    most = count if wide == width else 1
    repeated = np.empty(max(_STRETCH, width), np.float32)
    for i in range(repeated.shape[0] // width):
        repeated[i * width : (i + 1) * width] = bias
    held = np.empty(repeated.shape[0], np.float32)
    done = 0
    while done < count:
        n, first, many = _stretch(start + done, groups, dilation, min(count - done, most), width)
        a, row = done * wide, y[n].reshape(-1)
        b = a + many * width
        m0, m1, m2 = given[0, a:b], given[1, a:b], given[2, a:b]
        m3, m4, m5 = given[3, a:b], given[4, a:b], given[5, a:b]
        for j in range(4):
            if j == 0:
                for c in range(b - a):
                    held[c] = m0[c] + (m1[c] + m2[c]) + (m3[c] + m4[c]) + repeated[c]
            elif j == 1:
                for c in range(b - a):
                    held[c] = (m1[c] - m2[c]) + _HALF * m3[c] - _TWO * m4[c] + repeated[c]
            elif j == 2:
                for c in range(b - a):
                    held[c] = (m1[c] + m2[c]) + _QUARTER * m3[c] + _FOUR * m4[c] + repeated[c]
            else:
                for c in range(b - a):
                    held[c] = (m1[c] - m2[c]) + _EIGHTH * m3[c] - _EIGHT * m4[c] + m5[c] + repeated[c]
            position = first + j * dilation
            at = position // size * width
            out = row[at : max(at, min(at + b - a, size_y))]
            if position % size == 0:
                for c in range(out.shape[0]):
                    out[c] = _ZERO if rectified and held[c] <= 0 else held[c]
            elif position < outputs:
                for c in range(out.shape[0]):
                    more = (held[c] > out[c]) | (held[c] != held[c])  # a NaN stays
                    out[c] = held[c] if more else out[c]
        done += many


@compiled(
    NOTHING, _ROWS, given(FLOAT, 4), INT, INT, INT, INT, INT, _FLAT, FLAG, INT, INT, written(FLOAT, 3)
)  # fmt: skip
def correlate(
    x: Any, kernels: Any, dilation: Any, before: Any, groups: Any, first: Any, last: Any, bias: Any,
    rectified: Any, size: Any, outputs: Any, y: Any,
) -> None:  # fmt: skip
    """Outputs of the groups ``first`` to ``last`` of the batch, with bias, or their rectified values; see ``_restore``.

    Shapes
    ------
    x : (N, L, C);  kernels : (6, panels, C, WIDE), see ``panels_of``;  bias : (F,);  y : (N, count, F)
    """
    v = np.zeros((6, GROUPS, x.shape[2]), np.float32)
    m = np.empty((6, GROUPS, kernels.shape[1] * WIDE), np.float32)
    for start in range(first, last, GROUPS):
        count = min(GROUPS, last - start)
        _transform(x, dilation, before, groups, start, count, False, v)
        for i in range(6):
            multiply_wide(v[i], 0, kernels[i], 0, kernels.shape[1], m[i])
        _restore(m, dilation, groups, start, count, bias, rectified, size, outputs, y)


@compiled(NOTHING, _ROWS, _ROWS, INT, INT, INT, written(FLOAT, 3))
def add_products(x: Any, grad: Any, dilation: Any, before: Any, groups: Any, total: Any) -> None:
    """total += (B x)^T (A^T g), the gradient of the transformed kernels.

    Shapes
    ------
    x : (N, L, C);  grad : (N, count, F);  total : (6, C or more, F or more), multiples of NARROW_ROWS and NARROW
    """
    c, f, last = total.shape[1], total.shape[2], x.shape[0] * groups
    v = np.zeros((6, GROUPS, c), np.float32)
    g = np.zeros((6, GROUPS, f), np.float32)
    for start in range(0, last, GROUPS):
        count = min(GROUPS, last - start)
        _transform(x, dilation, before, groups, start, count, False, v)
        _transform(grad, dilation, 0, groups, start, count, True, g)
        for i in range(6):
            multiply_narrow(v[i], 0, 1, c, c, g[i], 0, count, total[i], 0, f, True)
