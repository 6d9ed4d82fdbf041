"""Windows of one length: side by side, sliding, centred on peaks, shifted at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from genoml.genome.gather import row_blocks
from genoml.genome.overlaps import expect_intervals, subtract
from genoml.genome.store import GenomeStore
from genoml.random import host_generator
from genoml.sequence.codes import count_ambiguous
from genoml.sequence.intervals import MAX_COORDINATE_BP, Intervals, concat
from genoml.sequence.matched import gc_content

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
    expect_intervals("tile", intervals)
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
    expect_intervals("centre", intervals)
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
    expect_intervals("jitter", intervals)
    if not 0 <= max_bp <= MAX_COORDINATE_BP:
        raise ValueError(f"max_bp expects 0 to 2^40, got {max_bp}")
    rng = host_generator(seed, "jitter")
    return shifted(intervals, rng.integers(-max_bp, max_bp, size=len(intervals), endpoint=True))


def shifted(intervals: Intervals, offsets_bp: np.ndarray | int) -> Intervals:
    """Intervals moved by these numbers of bp towards the end of the chromosome."""
    every = np.arange(len(intervals))
    return intervals.moved(every, intervals.start + offsets_bp, intervals.end + offsets_bp)


def _check_length(length_bp: int) -> None:
    if not 1 <= length_bp <= MAX_COORDINATE_BP:
        raise ValueError(f"length_bp expects 1 to 2^40, got {length_bp}")


# bases per block, to bound memory
_BLOCK_BASES = 1 << 22
_ROUNDS = 200


def base_composition(store: GenomeStore, intervals: Intervals) -> tuple[np.ndarray, np.ndarray]:
    """GC content and fraction of ambiguous bases of each interval.

        gc = (G + C) / (A + C + G + T),   ambiguous = bases that are none of the four / length

    Returns
    -------
    gc, ambiguous : numpy.ndarray
        (n,) float64 each; ``gc`` is NaN where no base is one of the four.

    Raises
    ------
    ValueError
        As ``store.fetch`` with ``edges="error"``.
    """
    gc = np.zeros(len(intervals))
    ambiguous = np.zeros(len(intervals))
    for rows in row_blocks(intervals, _BLOCK_BASES):
        codes = store.fetch(intervals[rows])
        gc[rows] = gc_content(codes)
        ambiguous[rows] = count_ambiguous(codes, per_sequence=True) / intervals.length_bp[rows]
    return gc, ambiguous


def sample_windows(
    store: GenomeStore,
    count: int,
    length_bp: int | np.ndarray,
    *,
    chromosomes: Sequence[str] | None = None,
    avoid: Intervals | None = None,
    max_ambiguous: float = 0.0,
    strand: Literal["+", "-", ".", "random"] = ".",
    seed: int = 0,
) -> Intervals:
    """Draw windows uniformly from all that lie on the chromosomes and do not overlap ``avoid``.

    All possible starts are equally likely, and draws are independent: windows can overlap, or be equal. Windows with
    too many ambiguous bases (N) are drawn again.

    Parameters
    ----------
    count : int
        Number of windows.
    length_bp : int or array of int
        Length of all, or (count,) of each, such as ``positives.length_bp``.
    chromosomes : sequence of str, optional
        Those to draw from; all if None. For a test on held-out chromosomes, name the others.
    avoid : Intervals, optional
        Such as peaks and blacklist: ``concat([peaks, blacklist])``.
    max_ambiguous : float
        Greatest share of bases that are not A, C, G or T.
    strand : {"+", "-", ".", "random"}
        Of the windows; ``"random"`` draws ``+`` or ``-``.
    seed : int
        The same arguments with the same seed give the same windows.

    Returns
    -------
    Intervals
        (count,) in the order drawn, with columns ``gc`` and ``ambiguous`` as :func:`base_composition` gives
        them, by which :func:`~genoml.sequence.matched_sample` matches negatives to positives.

    Raises
    ------
    ValueError
        If a chromosome is unknown, no window fits, or hardly any has so few ambiguous bases.
    """
    lengths = _lengths(count, length_bp)
    if strand not in ("+", "-", ".", "random"):
        raise ValueError(f"strand expects '+', '-', '.' or 'random', got {strand!r}")
    parts, rows = [], []
    for length in np.unique(lengths).tolist():
        starts = _possible_starts(store, length, chromosomes, avoid)
        rng = host_generator(seed, "sample windows", length)
        rows.append(np.flatnonzero(lengths == length))
        parts.append(_accepted(store, starts, len(rows[-1]), length, max_ambiguous, rng))
    if not parts:
        return Intervals([], [], [], gc=np.zeros(0), ambiguous=np.zeros(0))
    windows = concat(parts)[np.argsort(np.concatenate(rows))]
    strands: str | np.ndarray = strand
    if strand == "random":
        strands = host_generator(seed, "strands of windows").choice(np.array(["+", "-"]), count)
    fields = (windows.names, windows.codes, windows.start, windows.end)
    return Intervals.from_codes(*fields, strands, windows.columns)


def _lengths(count: int, length_bp: int | np.ndarray) -> np.ndarray:
    if count < 0:
        raise ValueError(f"count expects 0 or more, got {count}")
    lengths = np.asarray(length_bp)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"length_bp expects integers up to 2^63 - 1, got an array of {lengths.dtype}")
    if lengths.shape not in ((), (count,)):
        raise ValueError(f"length_bp expects one length or {count}, got shape {lengths.shape}")
    if lengths.size and int(lengths.min()) < 1:
        raise ValueError(f"length_bp expects 1 or more, got {int(lengths.min())}")
    return np.broadcast_to(lengths, (count,))


def _accepted(
    store: GenomeStore,
    starts: Intervals,
    count: int,
    length_bp: int,
    max_ambiguous: float,
    rng: np.random.Generator,
) -> Intervals:
    """Draw until ``count`` windows have few enough ambiguous bases."""
    parts: list[Intervals] = []
    missing = count
    for _ in range(_ROUNDS):
        drawn = _draw(starts, missing, length_bp, rng)
        gc, ambiguous = base_composition(store, drawn)
        good = ambiguous <= max_ambiguous
        parts.append(drawn.with_columns(gc=gc, ambiguous=ambiguous)[good])
        missing -= int(good.sum())
        if not missing:
            return concat(parts)
    raise ValueError(
        f"in {_ROUNDS} rounds of draws {count - missing} of {count} windows of {length_bp} bp had at most "
        f"{max_ambiguous:g} ambiguous bases; raise max_ambiguous, shorten the windows or choose other chromosomes"
    )


def _possible_starts(
    store: GenomeStore, length_bp: int, chromosomes: Sequence[str] | None, avoid: Intervals | None
) -> Intervals:
    """The positions where windows may start, as intervals."""
    chosen = list(dict.fromkeys(store.names if chromosomes is None else chromosomes))
    sizes = {name: store.size_of(name) for name in chosen}
    room = {name: size - length_bp + 1 for name, size in sizes.items() if size >= length_bp}
    if not room:
        longest = max(sizes.values(), default=0)
        raise ValueError(f"length_bp expects at most {longest}, the longest chromosome, got {length_bp}")
    starts = Intervals(list(room), [0] * len(room), list(room.values()))
    if avoid is not None:
        # a window shares a base with [a, b) if it starts from a - length + 1 to b - 1
        widened = Intervals.from_codes(avoid.names, avoid.codes, avoid.start - length_bp + 1, avoid.end)
        starts = subtract(starts, widened)
    if not len(starts):
        raise ValueError(
            f"no window of {length_bp} bp fits between the intervals to avoid; choose a smaller one"
        )
    return starts


def _draw(starts: Intervals, count: int, length_bp: int, rng: np.random.Generator) -> Intervals:
    ends = np.cumsum(starts.length_bp)
    position = rng.integers(0, int(ends[-1]), size=count)
    row = np.searchsorted(ends, position, side="right")
    start = starts.end[row] - (ends[row] - position)
    return starts.moved(row, start, start + length_bp)
