"""Hits of a motif scan by sums of bytes: eight filters in one 64-bit addition a word of bases.

A score is its filter's best minus what each base is short of the best. A window reaches the limit if it is short by at
most ``best - limit``. What a word of three bases is short by is tabulated as a byte, rounded down, in units of which a
filter has about 128 / words. So no hit is lost, and the few windows that pass are scored again in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from genoml.backend import Array
from genoml_numpy.compiled.bases import codes_of
from genoml_numpy.compiled.signatures import BYTE, FLOAT, INT, NOTHING, compiled, given, written
from genoml_numpy.twins.conv1d_hits import conv1d_hits as by_products

#: Bases a word; the fifth letter is a row of zeros.
_SPAN = 3
_WORDS = 5**_SPAN
#: Filters of a pass, a byte each, and the 64-bit numbers that hold them.
_LANES, _PACKED = 64, 8
#: Kernels of more words leave too few units for a byte.
_MOST_WORDS = 32
_EIGHT = types.uint64
_TOPS = np.uint64(0x8080808080808080)
#: Room for the rounding of float32 sums.
_ROUNDING = 1e-5


@compiled(NOTHING, given(FLOAT, 3), given(FLOAT, 1), INT, written(BYTE, 3))
def _tabulate(w: Any, limits: Any, begin: Any, short: Any) -> None:
    """short[t, word, f] = what the word at place t is short of its best; sums of T bytes are below 128 for candidates.

    Bytes end at one unit above the most that a candidate may be short by, so that no sum exceeds 255.
    """
    width, count = w.shape[0], short.shape[0]
    most = (128 - count) // (count - 1) if count > 1 else 126
    missing = np.zeros((count * _SPAN, 5))
    for f in range(_LANES):
        filter_ = begin + f
        left, size = -1.0, 0.0
        if filter_ < w.shape[2]:
            left = -np.float64(limits[filter_])
            for k in range(width):
                best, largest = 0.0, 0.0
                for base in range(4):
                    value = np.float64(w[k, base, filter_])
                    best, largest = max(best, value), max(largest, abs(value))
                for base in range(4):
                    missing[k, base] = best - w[k, base, filter_]
                missing[k, 4] = best
                left += best
                size += largest
            left += _ROUNDING * size
        unit = most / max(left, 1e-30)
        for t in range(count):
            start = 127 - most if t == 0 else 0
            for word in range(_WORDS):
                rest, lacking = word, 0.0
                for place in range(_SPAN - 1, -1, -1):
                    lacking += missing[t * _SPAN + place, rest % 5]
                    rest //= 5
                units = most + 1 if not left >= 0 else int(min(lacking * unit, most + 1.0))
                short[t, word, f] = np.uint8(start + units)


@compiled(
    INT,
    given(BYTE, 1),
    given(_EIGHT, 1),
    INT,
    given(FLOAT, 3),
    given(FLOAT, 1),
    INT,
    INT,
    written(INT, 1),
)
def _screen(
    codes: Any, short: Any, count: Any, w: Any, limits: Any, begin: Any, found: Any, places: Any
) -> Any:
    """Append the hits of 64 filters from ``begin`` on to ``places``, of which ``found`` are there; their number."""
    length, width, filters = codes.shape[0], w.shape[0], w.shape[2]
    one, size = np.uint64(1), np.uint64(_WORDS * _PACKED)
    spelled = np.empty(length - width + 1 + count * _SPAN, np.uint32)
    for position in range(spelled.shape[0]):
        word = 0
        for place in range(position, position + _SPAN):
            word = 5 * word + (codes[place] if place < length else 4)
        spelled[position] = _PACKED * word
    sums = np.empty(_PACKED, np.uint64)
    each = sums.view(np.uint8)
    for position in range(length - width + 1):
        a = b = c = d = e = f = g = h = np.uint64(0)
        first = np.uint64(0)
        for t in range(count):
            at = first + np.uint64(spelled[position + t * _SPAN])
            first += size
            a += short[at]
            b += short[at + one]
            c += short[at + one + one]
            d += short[at + np.uint64(3)]
            e += short[at + np.uint64(4)]
            f += short[at + np.uint64(5)]
            g += short[at + np.uint64(6)]
            h += short[at + np.uint64(7)]
        if (a & b & c & d & e & f & g & h) & _TOPS == _TOPS:
            continue
        sums[0], sums[1], sums[2], sums[3] = a, b, c, d
        sums[4], sums[5], sums[6], sums[7] = e, f, g, h
        for lane in range(min(_LANES, filters - begin)):
            if each[lane] < 128:
                score = np.float32(0)
                for k in range(width):
                    code = codes[position + k]
                    score += w[k, code, begin + lane] if code < 4 else np.float32(0)
                if score >= limits[begin + lane]:
                    places[found] = position * filters + begin + lane
                    found += 1
    return found


def conv1d_hits(x: Array, w: Array, limits: Array, most: int) -> Array:
    """See genoml.ops.conv1d.conv1d_hits; covers one-hot x, else NumPy's twin does."""
    codes = codes_of(x, w)
    width, _, filters = w.shape
    count = -(-width // _SPAN)
    if codes is None or limits.dtype != np.float32 or count > _MOST_WORDS or not np.isfinite(w).all():
        return by_products(x, w, limits, most)
    w, limits = np.ascontiguousarray(w), np.ascontiguousarray(limits)
    short = np.empty((count, _WORDS, _LANES), np.uint8)
    # only the pages that are written take memory
    places = np.empty((codes.shape[1] - width + 1) * filters, np.int64)
    found = 0
    for begin in range(0, filters, _LANES):
        _tabulate(w, limits, begin, short)
        found = _screen(codes[0], short.view(np.uint64).reshape(-1), count, w, limits, begin, found, places)
    return np.concatenate([[found], places[:found]])
