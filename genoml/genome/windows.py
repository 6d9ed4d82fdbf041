"""Windows of one length: side by side, sliding, centred on peaks, shifted at random."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from genoml.genome.intervals import MAX_COORDINATE_BP, Intervals
from genoml.random import host_generator

#: Point on which a window is centred.
Centre: TypeAlias = Literal["midpoint", "summit", "summit_or_midpoint"]


def tile(
    intervals: Intervals, length_bp: int, *, step_bp: int | None = None, keep_partial: bool = False
) -> Intervals:
    """Cut each interval into windows.

        start_k = start + k step,   end_k = start_k + length

    Parameters
    ----------
    length_bp : int
        Length of a window.
    step_bp : int, optional
        Distance from one start to the next; ``length_bp`` if None (side by side). Smaller steps overlap.
    keep_partial : bool
        Also keep the windows that the end of the interval cuts short, as ``bedtools makewindows`` does.
        False: only whole windows, hence none of an interval shorter than one.

    Raises
    ------
    ValueError
        If length or step is below 1.
    """
    step = length_bp if step_bp is None else step_bp
    _check_length(length_bp)
    if not 1 <= step <= MAX_COORDINATE_BP:
        raise ValueError(f"step_bp expects 1 to 2^40, got {step}")
    room = intervals.length_bp if keep_partial else intervals.length_bp - length_bp + 1
    count = np.maximum(-(-room // step), 0)
    rows = np.repeat(np.arange(len(intervals)), count)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    start = intervals.start[rows] + number * step
    return intervals.moved(rows, start, np.minimum(start + length_bp, intervals.end[rows]))


def centre(intervals: Intervals, length_bp: int, *, on: Centre = "midpoint") -> Intervals:
    """One window around the centre of each interval.

        start' = c - floor(length / 2),   c = start + floor((end - start) / 2)  or  start + peak

    A window of odd length has base ``c`` in its middle; one of even length as many bases before ``c`` as
    from it on. It may reach past an edge of the chromosome; see ``edges`` of :meth:`GenomeStore.fetch`.

    Parameters
    ----------
    length_bp : int
        Length of a window.
    on : {"midpoint", "summit", "summit_or_midpoint"}
        ``"summit"`` takes the column ``peak`` of a narrowPeak file, an offset from ``start``;
        ``"summit_or_midpoint"`` takes it where there is one, and the midpoint elsewhere.

    Raises
    ------
    ValueError
        If the length is below 1, or a summit is wanted where there is none (no column, or -1).
    """
    _check_length(length_bp)
    middle = intervals.start + intervals.length_bp // 2
    if on == "summit":
        middle = intervals.start + _peaks(intervals)
    elif on == "summit_or_midpoint" and "peak" in intervals.columns:
        peaks = intervals.columns["peak"]
        middle = np.where(peaks < 0, middle, intervals.start + peaks)
    elif on not in ("midpoint", "summit_or_midpoint"):
        raise ValueError(f"on expects 'midpoint', 'summit' or 'summit_or_midpoint', got {on!r}")
    start = middle - length_bp // 2
    return intervals.moved(np.arange(len(intervals)), start, start + length_bp)


def _peaks(intervals: Intervals) -> np.ndarray:
    if "peak" not in intervals.columns:
        raise ValueError("on='summit' expects intervals with a column 'peak', as narrowPeak has; got none")
    peaks = intervals.columns["peak"]
    absent = np.flatnonzero(peaks < 0)
    if absent.size:
        row = int(absent[0])
        raise ValueError(
            f"on='summit' expects a summit in every row, got -1 (none) in row {row} "
            f"({intervals.place(row)}); use on='midpoint', or leave such rows out"
        )
    return peaks


def jitter(intervals: Intervals, max_bp: int, *, seed: int = 0) -> Intervals:
    """Shift each interval by a random number of bp, uniform from ``-max_bp`` to ``max_bp``.

    The same intervals with the same seed are shifted alike.

    Raises
    ------
    ValueError
        If ``max_bp`` is negative, or a coordinate leaves the range of Intervals.
    """
    if not 0 <= max_bp <= MAX_COORDINATE_BP:
        raise ValueError(f"max_bp expects 0 to 2^40, got {max_bp}")
    rng = host_generator(seed, "jitter")
    shift = rng.integers(-max_bp, max_bp, size=len(intervals), endpoint=True)
    return intervals.moved(np.arange(len(intervals)), intervals.start + shift, intervals.end + shift)


def _check_length(length_bp: int) -> None:
    if not 1 <= length_bp <= MAX_COORDINATE_BP:
        raise ValueError(f"length_bp expects 1 to 2^40, got {length_bp}")
