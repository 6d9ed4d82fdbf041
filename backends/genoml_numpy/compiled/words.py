"""Compiled loops over words of bases.

Shapes: codes (N, L), tables (T, 5^span, F), y and grad (N, positions, F), best and positions (N, F).
"""
# Numba takes the types from the signatures, so that the functions need no annotations.

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from genoml_numpy.compiled.passes import moments_of
from genoml_numpy.compiled.signatures import BYTE, FLAG, FLOAT, INT, NOTHING, PLACE, compiled, given, written

_CODES = given(BYTE, 2)
_TABLES = given(FLOAT, 3)


@compiled(FLAG, given(types.uint32, 3), written(BYTE, 2))
def read_codes(bits: Any, codes: Any) -> Any:
    """The codes of one-hot rows, 4 for a row of zeros, by the bits of their float32; False if a row is neither.

    Of the bits of 0 and 1 the 30th alone tells which it is. -0 has another bit and is not read.
    """
    one, last = np.uint32(0x3F800000), np.uint32(29)
    for n in range(bits.shape[0]):
        wrong = np.uint32(0)
        for position in range(bits.shape[1]):
            a, c, g, t = bits[n, position]
            is_a, is_c = (a >> last) & 1, (c >> last) & 1
            is_g, is_t = (g >> last) & 1, (t >> last) & 1
            wrong |= np.uint32(a ^ one * is_a) | np.uint32(c ^ one * is_c)
            wrong |= np.uint32(g ^ one * is_g) | np.uint32(t ^ one * is_t)
            wrong |= np.uint32(is_a + is_c + is_g + is_t) >> np.uint32(1)
            codes[n, position] = np.uint8(4 - 4 * is_a - 3 * is_c - 2 * is_g - is_t)
        if wrong:
            return False
    return True


@compiled(NOTHING, _CODES, INT, INT, written(PLACE, 1))
def _spell(codes: Any, n: Any, span: Any, found: Any) -> None:
    """The number of the word that begins at each position; rows of zeros follow the end."""
    length = codes.shape[1]
    for position in range(length):
        word = 0
        for place in range(span):
            word = 5 * word + (codes[n, position + place] if position + place < length else 4)
        found[position] = word


@compiled(NOTHING, _TABLES, given(PLACE, 1), INT, INT, written(FLOAT, 1))
def _look_up(tables: Any, spelled: Any, position: Any, span: Any, y: Any) -> None:
    """y[f] = sum_t tables[t, word at position + t span, f]; several tables per pass, to write y less often."""
    count = tables.shape[0]
    first = tables[0, spelled[position]]
    t = 1
    if count >= 3:
        second = tables[1, spelled[position + span]]
        third = tables[2, spelled[position + 2 * span]]
        for f in range(y.shape[0]):
            y[f] = first[f] + second[f] + third[f]
        t = 3
    else:
        for f in range(y.shape[0]):
            y[f] = first[f]
    while t + 1 < count:
        first = tables[t, spelled[position + t * span]]
        second = tables[t + 1, spelled[position + (t + 1) * span]]
        for f in range(y.shape[0]):
            y[f] += first[f] + second[f]
        t += 2
    if t < count:
        first = tables[t, spelled[position + t * span]]
        for f in range(y.shape[0]):
            y[f] += first[f]


@compiled(NOTHING, _CODES, _TABLES, INT, written(FLOAT, 3))
def correlate(codes: Any, tables: Any, span: Any, y: Any) -> None:
    """The correlation of all sequences."""
    spelled = np.empty(codes.shape[1], np.int32)
    for n in range(codes.shape[0]):
        _spell(codes, n, span, spelled)
        for position in range(y.shape[1]):
            _look_up(tables, spelled, position, span, y[n, position])


@compiled(NOTHING, _CODES, _TABLES, INT, written(FLOAT, 3), written(FLOAT, 4))
def correlate_moments(codes: Any, tables: Any, span: Any, y: Any, moments: Any) -> None:
    """The correlation of all sequences, and the moments of each, see ``moments_of``, while it is in the cache."""
    spelled = np.empty(codes.shape[1], np.int32)
    for n in range(codes.shape[0]):
        _spell(codes, n, span, spelled)
        for position in range(y.shape[1]):
            _look_up(tables, spelled, position, span, y[n, position])
        moments_of(y[n], moments[n])


@compiled(NOTHING, _CODES, _TABLES, INT, given(FLOAT, 1), INT, INT, written(FLOAT, 3))
def pool(codes: Any, tables: Any, span: Any, shift: Any, size: Any, count: Any, y: Any) -> None:
    """The largest of ``size`` positions, of ``count``, plus shift, rectified."""
    spelled = np.empty(codes.shape[1], np.int32)
    row = np.empty(y.shape[2], np.float32)
    for n in range(codes.shape[0]):
        _spell(codes, n, span, spelled)
        for window in range(y.shape[1]):
            out, start = y[n, window], window * size
            _look_up(tables, spelled, start, span, out)
            for position in range(start + 1, min(start + size, count)):
                _look_up(tables, spelled, position, span, row)
                for f in range(row.shape[0]):
                    more = (row[f] > out[f]) | (row[f] != row[f])  # a NaN stays
                    out[f] = row[f] if more else out[f]
            for f in range(row.shape[0]):
                z = out[f] + shift[f]
                out[f] = np.float32(0.0) if z <= 0 else z


@compiled(NOTHING, _TABLES, given(PLACE, 1), INT, INT, written(FLOAT, 1), written(PLACE, 1))
def _largest_of_two(tables: Any, spelled: Any, span: Any, count: Any, top: Any, place: Any) -> None:
    """``largest`` of one sequence with two tables; two positions per pass, since top is read where it was written."""
    for position in range(0, count - 1, 2):
        first, second = tables[0, spelled[position]], tables[1, spelled[position + span]]
        third, fourth = tables[0, spelled[position + 1]], tables[1, spelled[position + 1 + span]]
        for f in range(top.shape[0]):
            best, at = top[f], place[f]
            y = first[f] + second[f]
            more = (y > best) | (y != y)  # a NaN stays
            best = y if more else best
            at = np.int32(position) if more else at
            y = third[f] + fourth[f]
            more = (y > best) | (y != y)
            top[f] = y if more else best
            place[f] = np.int32(position + 1) if more else at


@compiled(NOTHING, _CODES, _TABLES, INT, INT, written(FLOAT, 2), written(PLACE, 2))
def largest(codes: Any, tables: Any, span: Any, count: Any, best: Any, positions: Any) -> None:
    """The maximum of the correlation over ``count`` positions, and its first position.

    The sums of ``_look_up`` are repeated here, two tables per pass: a call for each position would double the time.
    """
    words, filters = tables.shape[0], tables.shape[2]
    spelled = np.empty(codes.shape[1], np.int32)
    y = np.empty(filters, np.float32)
    for n in range(codes.shape[0]):
        _spell(codes, n, span, spelled)
        top, place = best[n], positions[n]
        for f in range(filters):
            top[f] = -np.inf
            place[f] = 0
        begin = 0
        if words == 2:
            _largest_of_two(tables, spelled, span, count, top, place)
            begin = count - count % 2
        for position in range(begin, count):
            t = words % 2
            if t == 1:
                first = tables[0, spelled[position]]
                for f in range(filters):
                    y[f] = first[f]
            else:
                first = tables[0, spelled[position]]
                second = tables[1, spelled[position + span]]
                for f in range(filters):
                    y[f] = first[f] + second[f]
                t = 2
            while t < words:
                first = tables[t, spelled[position + t * span]]
                second = tables[t + 1, spelled[position + (t + 1) * span]]
                for f in range(filters):
                    y[f] += first[f] + second[f]
                t += 2
            for f in range(filters):
                more = (y[f] > top[f]) | (y[f] != y[f])
                top[f] = y[f] if more else top[f]
                place[f] = np.int32(position) if more else place[f]


@compiled(NOTHING, given(FLOAT, 3), given(PLACE, 2), given(FLOAT, 2), INT, INT, written(FLOAT, 2))
def add_windows(x: Any, positions: Any, grad: Any, kernel_size: Any, stride: Any, sums: Any) -> None:
    """sums[f, (k, c)] += grad[n, f] x[n, positions[n, f] stride + k, c]."""
    width = kernel_size * x.shape[2]
    for n in range(x.shape[0]):
        row = x[n].reshape(x.shape[1] * x.shape[2])
        for f in range(grad.shape[1]):
            begin = positions[n, f] * stride * x.shape[2]
            window, total, g = row[begin : begin + width], sums[f], grad[n, f]
            for j in range(width):
                total[j] += g * window[j]


@compiled(NOTHING, _CODES, given(FLOAT, 3), INT, written(FLOAT, 3))
def add_up(codes: Any, grad: Any, span: Any, sums: Any) -> None:
    """sums[t, word, f] += grad[n, l, f] for the word at l + t span: the transpose of the correlation."""
    spelled = np.empty(codes.shape[1], np.int32)
    for n in range(codes.shape[0]):
        _spell(codes, n, span, spelled)
        for t in range(sums.shape[0]):
            table = sums[t]
            for position in range(grad.shape[1]):
                row = table[spelled[position + t * span]]
                added = grad[n, position]
                for f in range(row.shape[0]):
                    row[f] += added[f]
