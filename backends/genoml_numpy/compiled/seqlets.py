"""Similarities of seqlets: gapped words, cosines of sparse rows, and the continuous Jaccard similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from genoml.backend import Array
from genoml_numpy.compiled.signatures import BYTE, FLOAT, INT, NOTHING, PLACE, compiled, given, written

#: offsets that are compared side by side are a multiple of this
_LANES = 16


def jaccard(a: Array, b: Array, first: Array, second: Array, low: int = 0, high: int = 0) -> Any:
    """See genoml.ops.jaccard; covers float32."""
    if a.dtype != np.float32 or b.dtype != np.float32:
        return NotImplemented
    _, width, channels = a.shape
    wide = b.shape[1]
    count = high - low + 1
    lanes = -(-count // _LANES) * _LANES
    # position p of a meets p + low + lane of b, which stands at p + lane here
    padded = np.zeros((len(b), channels, width + lanes), np.float32)
    begin, end = max(0, low), min(wide, width + lanes + low)
    if end > begin:
        padded[:, :, begin - low : end - low] = b[:, begin:end].transpose(0, 2, 1)
    values, offsets = np.empty(len(first), np.float32), np.empty(len(first), np.int32)
    totals = (np.abs(x).sum(axis=(1, 2), dtype=np.float32) for x in (a, b))
    _jaccard(
        np.ascontiguousarray(a.transpose(0, 2, 1)),
        padded,
        *totals,
        np.ascontiguousarray(first, np.int64),
        np.ascontiguousarray(second, np.int64),
        low,
        count,
        values,
        offsets,
    )
    return values, offsets


@compiled(
    NOTHING,
    given(FLOAT, 3),
    given(FLOAT, 3),
    given(FLOAT, 1),
    given(FLOAT, 1),
    given(INT, 1),
    given(INT, 1),
    INT,
    INT,
    written(FLOAT, 1),
    written(PLACE, 1),
)
def _jaccard(
    a: Any,
    b: Any,
    total_a: Any,
    total_b: Any,
    first: Any,
    second: Any,
    low: Any,
    count: Any,
    values: Any,
    offsets: Any,
) -> None:
    """The best offset of each pair; a (n, C, width), b (m, C, width + lanes)."""
    channels, width = a.shape[1], a.shape[2]
    lanes = b.shape[2] - width
    signed = np.empty(lanes, np.float32)
    shared = np.empty(lanes, np.float32)
    for pair in range(first.shape[0]):
        i, j = first[pair], second[pair]
        signed[:] = 0.0
        shared[:] = 0.0
        for c in range(channels):
            for p in range(width):
                x = a[i, c, p]
                if x == 0:
                    continue
                bound = abs(x)
                sign = np.float32(1.0) if x > 0 else np.float32(-1.0)
                row = b[j, c, p : p + lanes]
                for lane in range(lanes):
                    t = row[lane]
                    t = t if t > -bound else -bound
                    t = t if t < bound else bound
                    signed[lane] += sign * t
                    shared[lane] += abs(t)
        best = np.float32(-2.0)
        where = 0
        total = total_a[i] + total_b[j]
        for lane in range(count):
            united = total - shared[lane]
            value = signed[lane] / united if united > 0 else np.float32(0.0)
            if value > best:
                best = value
                where = lane
        values[pair] = best
        offsets[pair] = np.int32(low + where)


@compiled(
    NOTHING,
    types.Array(INT, 2, "A", readonly=True),
    types.Array(BYTE, 2, "A", readonly=True),
    types.Array(FLOAT, 2, "A", readonly=True),
    types.Array(INT, 2, "A"),
    types.Array(FLOAT, 2, "A"),
)
def spell_words(place: Any, letter: Any, strength: Any, keys: Any, sums: Any) -> None:
    """See genoml.explain.discovery.words.spell_words: the same words in the same order."""
    positions = place.shape[1]
    most = keys.shape[1]
    for n in range(place.shape[0]):
        count = 0
        # how many there are at most: choices of 4, 5 and 6 letters
        size = 0
        for letters in range(4, 7):
            ways = 1
            for i in range(letters):
                ways = ways * (positions - i) // (i + 1)
            size += ways
        key = np.empty(size, np.int64)
        total = np.empty(size, np.float32)
        for letters in range(4, 7):
            if positions < letters:
                continue
            choice = np.arange(letters)
            while True:
                first = place[n, choice[0]]
                if choice[letters - 1] - choice[0] < 15 and place[n, choice[letters - 1]] - first < 15:
                    fits = True
                    value = np.float32(0.0)
                    own = 0
                    for i in range(letters):
                        at = choice[i]
                        if letter[n, at] > 3:
                            fits = False
                        value += strength[n, at]
                        own += (np.int64(letter[n, at]) + 1) * 5 ** (place[n, at] - first)
                    if fits and value != 0:
                        key[count] = own
                        total[count] = value
                        count += 1
                # the next choice in lexicographic order
                i = letters - 1
                while i >= 0 and choice[i] == positions - letters + i:
                    i -= 1
                if i < 0:
                    break
                choice[i] += 1
                for j in range(i + 1, letters):
                    choice[j] = choice[j - 1] + 1
        # the largest, and of those on the edge the first
        size = min(most, count)
        if size == 0:
            continue
        strength_of = np.abs(total[:count])
        edge = np.partition(strength_of, count - size)[count - size]
        spare = size
        for i in range(count):
            spare -= strength_of[i] > edge
        place_of = 0
        for i in range(count):
            if strength_of[i] > edge or (strength_of[i] == edge and spare > 0):
                spare -= strength_of[i] == edge
                keys[n, place_of] = key[i]
                sums[n, place_of] = total[i]
                place_of += 1


@compiled(
    NOTHING,
    given(INT, 1),
    given(INT, 1),
    given(FLOAT, 1),
    given(INT, 1),
    given(PLACE, 1),
    given(FLOAT, 1),
    written(FLOAT, 2),
)
def multiply_rows(at: Any, word: Any, value: Any, held: Any, holder: Any, weight: Any, out: Any) -> None:
    """See genoml.explain.discovery.words.multiply_rows."""
    for row in range(out.shape[0]):
        for entry in range(at[row], at[row + 1]):
            w = word[entry]
            if w < 0:
                continue
            factor = value[entry]
            for other in range(held[w], held[w + 1]):
                out[row, holder[other]] += factor * weight[other]
