"""Overlaps of intervals, and their intersection, union and difference, by sorting and binary search.

Intervals are half-open, so that those which only touch do not overlap. Strands are ignored.
"""

from __future__ import annotations

import numpy as np

from genoml.sequence.intervals import MAX_COORDINATE_BP, Intervals

# sums of chromosome lengths beyond this would come near the end of int64
_MAX_TOTAL_BP = 2.0**62


def expect_intervals(function: str, given: object) -> None:
    """Raise TypeError unless the intervals are Intervals: the name of a file, say."""
    if not isinstance(given, Intervals):
        got = repr(given) if isinstance(given, str) else type(given).__name__
        raise TypeError(f"{function} expects intervals, such as read_bed(path) gives, got {got}")


def overlap_pairs(a: Intervals, b: Intervals) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of rows that share a base.

    Returns
    -------
    rows_a, rows_b : numpy.ndarray
        (pairs,) int64 each, ordered by row of ``a``, then of ``b``.

    Raises
    ------
    ValueError
        If the chromosome names differ only by a leading ``chr``.
    """
    linear_a, linear_b = _linear(a, b)
    a_start, a_end = linear_a
    b_start, b_end = linear_b
    # if two overlap, either b starts within a, or a starts within b and after its start: never both
    order = np.argsort(b_start, kind="stable")
    rows_a, place = _expand(*_between(b_start[order], a_start, a_end, "left"))
    rows_b = order[place]
    order = np.argsort(a_start, kind="stable")
    more_b, place = _expand(*_between(a_start[order], b_start, b_end, "right"))
    rows_a = np.concatenate([rows_a, order[place]])
    rows_b = np.concatenate([rows_b, more_b])
    order = np.lexsort((rows_b, rows_a))
    return rows_a[order], rows_b[order]


def count_overlaps(a: Intervals, b: Intervals) -> np.ndarray:
    """Number of rows of ``b`` that overlap each row of ``a``: (n,) int64.

    Raises
    ------
    ValueError
        As :func:`overlap_pairs`.
    """
    linear_a, linear_b = _linear(a, b)
    a_start, a_end = linear_a
    b_start, b_end = linear_b
    n_started = np.searchsorted(np.sort(b_start), a_end, side="left")
    n_ended = np.searchsorted(np.sort(b_end), a_start, side="right")
    return np.asarray(n_started - n_ended)


def overlaps_any(a: Intervals, b: Intervals) -> np.ndarray:
    """Whether each row of ``a`` overlaps any row of ``b``: (n,) bool. As ``bedtools intersect -u``."""
    return np.asarray(count_overlaps(a, b) > 0)


def exclude(a: Intervals, b: Intervals) -> Intervals:
    """The rows of ``a`` that do not overlap ``b``, such as a blacklist. As ``bedtools intersect -v``."""
    return a[~overlaps_any(a, b)]


def intersect(a: Intervals, b: Intervals) -> Intervals:
    """The shared bases of every overlapping pair, as rows of ``a`` cut to them. As ``bedtools intersect``."""
    rows_a, rows_b = overlap_pairs(a, b)
    start = np.maximum(a.start[rows_a], b.start[rows_b])
    return a.moved(rows_a, start, np.minimum(a.end[rows_a], b.end[rows_b]))


def merge(intervals: Intervals, *, distance_bp: int = 0) -> Intervals:
    """Join rows that overlap, touch, or lie at most ``distance_bp`` apart. As ``bedtools merge -d``.

    Returns
    -------
    Intervals
        By chromosome (in the order of ``intervals.names``) and start, without strand, with a column
        ``count`` of the rows that each was joined from.

    Raises
    ------
    ValueError
        If the distance is negative.
    """
    expect_intervals("merge", intervals)
    if not 0 <= distance_bp <= MAX_COORDINATE_BP:
        raise ValueError(f"distance_bp expects 0 to 2^40, got {distance_bp}")
    rows = np.lexsort((intervals.start, intervals.codes))
    codes = intervals.codes[rows]
    start = intervals.start[rows]
    end = intervals.end[rows]
    line_start, line_end = _linear(intervals)[0]
    furthest = np.maximum.accumulate(line_end[rows])
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (codes[1:] != codes[:-1]) | (line_start[rows][1:] - distance_bp > furthest[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(rows))[: len(first)] - 1
    merged_end = furthest[last] - (line_end[rows] - end)[last]  # from the line back to the chromosome
    columns = {"count": last - first + 1}
    return Intervals.from_codes(intervals.names, codes[first], start[first], merged_end, ".", columns)


def subtract(a: Intervals, b: Intervals) -> Intervals:
    """The parts of the rows of ``a`` that no row of ``b`` covers. As ``bedtools subtract``.

    Raises
    ------
    ValueError
        As :func:`overlap_pairs`.
    """
    holes = merge(b)
    linear_a, linear_holes = _linear(a, holes)
    a_start, a_end = linear_a
    hole_start, hole_end = linear_holes
    order = np.argsort(hole_start, kind="stable")
    first = np.searchsorted(hole_end[order], a_start, side="right")
    stop = np.searchsorted(hole_start[order], a_end, side="left")
    count = np.maximum(stop - first, 0) + 1  # k holes leave k + 1 parts of a row, some empty
    rows = np.repeat(np.arange(len(a)), count)
    part = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    starts = a.start[rows]
    ends = a.end[rows]
    after = part > 0
    before = part < count[rows] - 1
    starts[after] = holes.end[order][(first[rows] + part - 1)[after]]
    ends[before] = holes.start[order][(first[rows] + part)[before]]
    nonempty = starts < ends
    return a.moved(rows[nonempty], starts[nonempty], ends[nonempty])


def _linear(*sets: Intervals) -> list[tuple[np.ndarray, np.ndarray]]:
    """Starts and ends of each set on one line, with the chromosomes one after another and gaps between."""
    for intervals in sets:
        expect_intervals("an overlap", intervals)
    index: dict[str, int] = {}
    for intervals in sets:
        for name in intervals.names:
            index.setdefault(name, len(index))
    if len(sets) == 2:
        _refuse_other_naming(*sets)
    tables = [np.array([index[name] for name in part.names] + [0], dtype=np.int64) for part in sets]
    codes = [table[part.codes] for table, part in zip(tables, sets, strict=True)]
    low = np.zeros(len(index) + 1, dtype=np.int64)
    high = np.zeros(len(index) + 1, dtype=np.int64)
    for code, part in zip(codes, sets, strict=True):
        np.minimum.at(low, code, part.start)
        np.maximum.at(high, code, part.end)
    span = high - low + 1
    if float(span.sum(dtype=np.float64)) > _MAX_TOTAL_BP:
        raise ValueError("the chromosomes together are expected to stay below 2^62 bp, got more")
    shift = np.cumsum(span) - span - low
    return [
        (part.start + shift[code], part.end + shift[code]) for code, part in zip(codes, sets, strict=True)
    ]


def _refuse_other_naming(a: Intervals, b: Intervals) -> None:
    """Raise if one set names its chromosomes chr1 and the other 1: they would silently never overlap."""
    first = {a.names[code] for code in np.unique(a.codes)}
    second = {b.names[code] for code in np.unique(b.codes)}
    bare = {name.removeprefix("chr") for name in first} & {name.removeprefix("chr") for name in second}
    if bare and not first & second:
        example = min(bare)
        mine = next(name for name in first if name.removeprefix("chr") == example)
        theirs = next(name for name in second if name.removeprefix("chr") == example)
        raise ValueError(
            f"the two sets share no chromosome name: one has {mine!r}, the other {theirs!r}; rename one of them"
        )


def _between(
    sorted_values: np.ndarray, start: np.ndarray, end: np.ndarray, side: str
) -> tuple[np.ndarray, np.ndarray]:
    first = np.searchsorted(sorted_values, start, side=side)  # type: ignore[call-overload]
    return first, np.searchsorted(sorted_values, end, side="left")


def _expand(first: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of a row and an index in its range first to stop: (rows, indices), flat."""
    count = stop - first
    rows = np.repeat(np.arange(len(first)), count)
    return rows, np.arange(len(rows)) + np.repeat(first - (np.cumsum(count) - count), count)
