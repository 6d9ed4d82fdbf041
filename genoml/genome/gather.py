"""Copying of windows out of one long array of codes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.intervals import Intervals
from genoml.sequence.strand import reverse_complement

Bounds = tuple[np.ndarray, np.ndarray]


def gather(
    codes: np.ndarray, start: np.ndarray, length: int, bounds: Bounds, reverse: np.ndarray
) -> np.ndarray:
    """Copy windows of one length, with padding beyond the bounds; reverse-complement some.

    Parameters
    ----------
    codes : numpy.ndarray
        (bases,) uint8.
    start : numpy.ndarray
        (n,) int64, where each window begins in ``codes``.
    bounds : pair of numpy.ndarray
        (n,) int64 each: the part of ``codes`` that the window may hold bases of.
    reverse : numpy.ndarray
        (n,) bool.

    Returns
    -------
    numpy.ndarray
        (n, length) uint8.
    """
    inside = (start >= bounds[0]) & (start + length <= bounds[1])
    out: np.ndarray
    if inside.all() and len(start):
        # rows of a view with one window per base: NumPy copies each in one piece
        out = sliding_window_view(codes, length)[start]
    else:
        out = np.empty((len(start), length), dtype=np.uint8)
        if inside.any():
            out[inside] = sliding_window_view(codes, length)[start[inside]]
    edge = np.flatnonzero(~inside)
    if edge.size:
        parts = gather_each(
            codes, start[edge], np.full(edge.size, length), (bounds[0][edge], bounds[1][edge])
        )
        out[edge] = np.stack(parts)
    if reverse.any():
        out[reverse] = reverse_complement(out[reverse])
    return out


def gather_each(
    codes: np.ndarray,
    start: np.ndarray,
    length: np.ndarray,
    bounds: Bounds,
    reverse: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Copy windows of any lengths, one array each; otherwise as :func:`gather`."""
    low = np.maximum(start, bounds[0])
    high = np.minimum(start + length, bounds[1])
    windows = []
    for row, (first, stop) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        window = np.full(int(length[row]), PAD_CODE, dtype=np.uint8)
        shift = first - int(start[row])
        window[shift : shift + stop - first] = codes[first:stop]
        windows.append(reverse_complement(window) if reverse is not None and reverse[row] else window)
    return windows


def row_blocks(intervals: Intervals, bases: int) -> Iterator[slice]:
    """Slices of consecutive rows with about ``bases`` bases each, and at least one row, to bound memory."""
    block = np.cumsum(intervals.length_bp) // bases
    cuts = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(intervals)]
    return (slice(first, stop) for first, stop in pairwise(cuts) if stop > first)
