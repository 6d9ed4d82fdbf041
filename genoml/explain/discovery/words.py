"""Coarse similarity of seqlets: cosines of their gapped words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoml.backend import get_backend
from genoml.parallel.parts import Workers

# positions of a seqlet that are spelled, letters of a word, positions that a word may cover, words kept of a seqlet
STRONGEST = 20
LETTERS = (4, 5, 6)
SPAN = 15
MOST_WORDS = 500
# seqlets that are spelled at a time, and cosines that are held at a time
_SPELLED = 32
_COSINES = 1 << 22
# a gap is 0, a base 1 to 4
_DIGITS = 5 ** np.arange(SPAN, dtype=np.int64)


def twin(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """Numba's twin of a loop of discovery, from genoml_numpy.compiled, if Numba is installed."""
    return get_backend("numpy").twins.get(name, plain)


class Words(NamedTuple):
    """Words of seqlets as sparse rows of unit norm: entries ``at[row] : at[row + 1]`` are those of a row."""

    at: NDArray[np.int64]
    word: NDArray[np.int64]
    value: NDArray[np.float32]


def words(codes: NDArray[np.uint8], values: NDArray[np.float32], workers: Workers) -> tuple[Words, Words]:
    """Gapped words of seqlets, and those of their reverse complements, numbered alike.

    A word is 4 to 6 of the 20 strongest positions of a seqlet, within 15 positions: its bases and their distances.
    Its value is the sum of their contributions; the 500 with the largest absolute value are kept, and equal words of
    a seqlet are added up.

    Shapes
    ------
    codes, values : (n, width); code 4 is no base
    """
    size = np.where(codes < 4, np.abs(values), 0)
    place = np.sort(np.argsort(-size, axis=1, kind="stable")[:, :STRONGEST], axis=1)
    letter = np.take_along_axis(codes, place, 1)
    strength = np.where(letter < 4, np.take_along_axis(values, place, 1), 0).astype(np.float32)
    keys = np.full((len(codes), MOST_WORDS), -1, np.int64)
    sums = np.zeros((len(codes), MOST_WORDS), np.float32)
    spell = twin("spell_words", spell_words)

    def work(start: int, stop: int) -> None:
        own = slice(start, stop)
        spell(place[own], letter[own], strength[own], keys[own], sums[own])

    workers.share_out(work, len(codes), least=64)
    kept = keys >= 0
    known, number = np.unique(keys[kept], return_inverse=True)
    row = np.nonzero(kept)[0]
    forward = _rows(row, number, sums[kept], len(codes), len(known))
    turned = reversed_words(known)
    found = np.minimum(np.searchsorted(known, turned), len(known) - 1)
    partner = np.where(known[found] == turned, found, -1)[forward.word]
    return forward, Words(forward.at, partner, forward.value)


def _rows(
    row: NDArray[np.int64], word: NDArray[np.int64], value: NDArray[np.float32], n: int, count: int
) -> Words:
    """Sparse rows of unit norm, in which a word stands once."""
    order = np.argsort(row * count + word, kind="stable")
    row, word, value = row[order], word[order], value[order]
    new = np.ones(len(row), bool)
    new[1:] = (row[1:] != row[:-1]) | (word[1:] != word[:-1])
    first = np.flatnonzero(new)
    value = np.add.reduceat(value, first) if len(first) else value
    row, word = row[first], word[first]
    norm = np.sqrt(np.bincount(row, value.astype(np.float64) ** 2, minlength=n))
    value = (value / np.where(norm > 0, norm, 1)[row]).astype(np.float32)
    at = np.searchsorted(row, np.arange(n + 1))
    return Words(at, word, value)


def reversed_words(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keys of the reverse complements of words."""
    digits = keys[:, None] // _DIGITS % 5
    last = SPAN - 1 - np.argmax(digits[:, ::-1] > 0, axis=1)
    power = last[:, None] - np.arange(SPAN)
    other = np.where(digits > 0, 5 - digits, 0)
    keys = np.where(power >= 0, other * _DIGITS[np.maximum(power, 0)], 0).sum(axis=1)
    return np.asarray(keys, np.int64)


@cache
def _choices() -> NDArray[np.int64]:
    """All choices of 4, 5 and 6 of the strongest positions that may lie within a word, (6, choices); -1 for none."""
    chosen = [
        choice + (-1,) * (LETTERS[-1] - letters)
        for letters in LETTERS
        for choice in combinations(range(STRONGEST), letters)
        if choice[-1] - choice[0] < SPAN
    ]
    return np.array(chosen, np.int64).T


def spell_words(
    place: NDArray[np.int64],
    letter: NDArray[np.uint8],
    strength: NDArray[np.float32],
    keys: NDArray[np.int64],
    sums: NDArray[np.float32],
) -> None:
    """Write the words of seqlets; Numba's twin is in genoml_numpy.compiled.seqlets.

    Shapes
    ------
    place, letter, strength : (n, positions), by position; letter 4 is in no word
    keys, sums : (n, 500), written; -1 where there are fewer words
    """
    choices = _choices()
    choices = choices[:, choices.max(axis=0) < place.shape[1]]
    most = min(MOST_WORDS, choices.shape[1])
    if not most:
        return
    last = choices.max(axis=0)
    for start in range(0, len(place), _SPELLED):
        own = slice(start, start + _SPELLED)
        where = place[own].T
        # behind the last position stands 0, which is no letter; one that is no base spoils a word
        value = np.where(letter[own].T < 4, strength[own].T, np.float32(np.nan))
        value = np.concatenate([value, np.zeros_like(value[:1])])
        total = value[choices[0]]
        for at in choices[1:]:
            total += value[at]
        total[(where[last] - where[choices[0]] >= SPAN) | np.isnan(total)] = 0
        size = np.ascontiguousarray(np.abs(total.T))
        best = _largest(size, most)
        chosen = choices[:, best]
        rows = np.arange(best.shape[0])[:, None]
        letters = np.where(chosen >= 0, letter[own].astype(np.int64)[rows, chosen] + 1, 0)
        places = place[own][rows, chosen] - place[own][rows, chosen[0]]
        key = (letters * _DIGITS[np.clip(places, 0, SPAN - 1)]).sum(axis=0)
        found = total.T[rows, best]
        keys[own, :most] = np.where(found != 0, key, -1)
        sums[own, :most] = found


def nearest(
    forward: Words, backward: Words, k: int, workers: Workers
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
    """The k nearest other seqlets of each by the larger cosine of both strands, the nearest first, ties by number.

    Returns
    -------
    neighbours : (n, k)
    cosines : (n, k)
    turned : (n, k)
        Whether the cosine is that of the reverse complement.
    """
    n = len(forward.at) - 1
    order = np.argsort(forward.word, kind="stable")
    holder = np.repeat(np.arange(n), np.diff(forward.at))[order].astype(np.int32)
    weight = forward.value[order]
    count = int(forward.word.max(initial=-1)) + 1
    held = np.searchsorted(forward.word[order], np.arange(count + 1))
    neighbours = np.empty((n, k), np.int64)
    cosines = np.empty((n, k), np.float32)
    turned = np.empty((n, k), bool)
    multiply = twin("multiply_rows", multiply_rows)
    step = max(1, _COSINES // (n * (workers.count + 1)))

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, step):
            own = slice(first, min(first + step, stop))
            found = np.zeros((2, own.stop - own.start, n), np.float32)
            for rows, out in zip((forward, backward), found, strict=True):
                multiply(rows.at[own.start : own.stop + 1], rows.word, rows.value, held, holder, weight, out)
            best = np.maximum(found[0], found[1])
            best[np.arange(len(best)), np.arange(own.start, own.stop)] = -np.inf
            chosen = _largest(best, k)
            neighbours[own] = chosen
            cosines[own] = np.take_along_axis(best, chosen, 1)
            turned[own] = np.take_along_axis(found[1] > found[0], chosen, 1)

    workers.share_out(work, n, least=16)
    return neighbours, cosines, turned


def _largest(values: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Columns of the k largest of each row, the largest first, ties by column."""
    count = values.shape[1]
    edge = np.partition(values, count - k, axis=1)[:, count - k, None]
    # those above the edge, and of those on it the first: a running number that starts behind those above
    above, on = values > edge, values == edge
    kept = above | (on & (np.cumsum(on, axis=1) <= k - above.sum(axis=1, keepdims=True)))
    columns = np.nonzero(kept)[1].reshape(len(values), k)
    order = np.argsort(-np.take_along_axis(values, columns, 1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, 1)


def multiply_rows(
    at: NDArray[np.int64],
    word: NDArray[np.int64],
    value: NDArray[np.float32],
    held: NDArray[np.int64],
    holder: NDArray[np.int32],
    weight: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Add the products of sparse rows with all seqlets; Numba's twin is in genoml_numpy.compiled.seqlets.

    ``held[w] : held[w + 1]`` are the entries of ``holder`` and ``weight`` for word w; a word of -1 is held by none.
    """
    for row, (start, stop) in enumerate(zip(at[:-1].tolist(), at[1:].tolist(), strict=True)):
        own = np.arange(start, stop)[word[start:stop] >= 0]
        first, last = held[word[own]], held[word[own] + 1]
        sizes = last - first
        entries = np.arange(sizes.sum()) + np.repeat(first - np.cumsum(sizes) + sizes, sizes)
        products: NDArray[Any] = np.repeat(value[own], sizes) * weight[entries]
        out[row] += np.bincount(holder[entries], products, minlength=out.shape[1]).astype(np.float32)
