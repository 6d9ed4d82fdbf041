"""Compiled loops over words of bases.

Shapes: codes (N, L), tables (T, 5^span, F), y and grad (N, positions, F), best and positions (N, F).
"""
# Numba takes the types from the signatures, so that the functions need no annotations.

from __future__ import annotations

from typing import Any

import numpy as np

from genoml_numpy.compiled.passes import moments_of
from genoml_numpy.compiled.signatures import BYTE, FLAG, FLOAT, INT, NOTHING, PLACE, compiled, given, written

_CODES = given(BYTE, 2)
_TABLES = given(FLOAT, 3)


@compiled(FLAG, given(FLOAT, 3), written(BYTE, 2))
def read_codes(x: Any, codes: Any) -> Any:
    """The codes of one-hot rows, 4 for a row of zeros; False if a row is neither."""
    for n in range(x.shape[0]):
        sound = True
        for position in range(x.shape[1]):
            a = x[n, position, 0]
            c = x[n, position, 1]
            g = x[n, position, 2]
            t = x[n, position, 3]
            total = a + c + g + t
            sound &= (a == 0) | (a == 1)
            sound &= (c == 0) | (c == 1)
            sound &= (g == 0) | (g == 1)
            sound &= (t == 0) | (t == 1)
            sound &= (total == 0) | (total == 1)
            code = 4 * (1 - total) + c + 2 * g + 3 * t
            codes[n, position] = np.uint8(code) if sound else np.uint8(4)
        if not sound:
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
        for position in range(count):
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
                more = (y[f] > top[f]) | (y[f] != y[f])  # a NaN stays
                top[f] = y[f] if more else top[f]
                place[f] = np.int32(position) if more else place[f]


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
