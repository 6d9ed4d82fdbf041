"""Coverage from bigWig files, in bins, as targets of genome windows. Needs the package pybigtools."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from genoml.genome.overlaps import expect_intervals
from genoml.io.bigwig import BigWig
from genoml.io.errors import FormatError
from genoml.io.files import FilePath
from genoml.sequence.intervals import Intervals, nearest

#: Statistic over the bases of a bin.
Statistic: TypeAlias = Literal["mean", "sum", "max"]

#: sums of as many values as a window has stay finite in float32
_GREATEST = 1e30
_REDUCE: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "mean": (np.mean, np.nanmean),
    "sum": (np.sum, np.nansum),
    "max": (np.max, np.nanmax),
}


def coverage(
    path: FilePath | Sequence[FilePath],
    intervals: Intervals,
    *,
    bins: int = 1,
    statistic: Statistic = "mean",
    missing: float = 0.0,
    sizes: Mapping[str, int] | None = None,
    allow_absent: bool = False,
) -> np.ndarray:
    """Read the values of a bigWig file over intervals, in bins of equal width.

        y[n, b] = statistic of v[i] over the bases i of bin b of interval n

    Bin 0 holds the first bases of the window as it is fetched: of an interval on strand ``-`` those at its end.

    Parameters
    ----------
    path : str, os.PathLike, or a sequence of them
        One file, or one for each task.
    intervals : Intervals
        Such as the windows of a data set. The length of each is a multiple of ``bins``.
    bins : int
        Bins in an interval.
    statistic : {"mean", "sum", "max"}
        Statistic over the bases of a bin.
    missing : float
        Value of a base that the file has no value for, or that is beyond an end of its chromosome. NaN: such bases are
        ignored, and a bin without any value is NaN, a missing label.
    sizes : mapping of str to int, optional
        Length of each chromosome, such as ``store.sizes``; it is an error if the file's differ.
    allow_absent : bool
        Treat a chromosome that the file does not have as one without values, instead of raising an error.

    Returns
    -------
    numpy.ndarray
        (n, bins) float32; (n, tasks, bins) for a sequence of paths.

    Raises
    ------
    ImportError
        Without pybigtools.
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For what is no bigWig file, or is damaged; for chromosomes that are not in it or differ in size, which it names.
    ValueError
        For options out of range, or lengths that are no multiple of ``bins``.

    References
    ----------
    Kent et al. (2010), BigWig and BigBed, doi:10.1093/bioinformatics/btq351. Values are those of single bases, not of
    the file's zoom levels.
    """
    expect_intervals("coverage", intervals)
    if statistic not in _REDUCE:
        raise ValueError(f"statistic expects one of {', '.join(_REDUCE)}, got {statistic!r}")
    if np.isinf(missing):
        raise ValueError(f"missing expects a finite number or NaN, got {missing}")
    _check_bins(intervals, bins)
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    if not paths:
        raise ValueError("coverage expects at least one bigWig file, got none")
    tracks = [
        _track(os.fspath(file), intervals, bins, statistic, missing, sizes, allow_absent) for file in paths
    ]
    return tracks[0] if isinstance(path, str | os.PathLike) else np.stack(tracks, axis=1)


def _check_bins(intervals: Intervals, bins: int) -> None:
    if bins < 1:
        raise ValueError(f"bins expects 1 or more, got {bins}")
    uneven = intervals.length_bp % bins != 0
    if uneven.any():
        row = int(np.argmax(uneven))
        raise ValueError(
            f"intervals expect lengths that {bins} bins divide evenly, got {int(intervals.length_bp[row])} bp "
            f"({intervals.place(row)})"
        )


def _track(
    path: str,
    intervals: Intervals,
    bins: int,
    statistic: Statistic,
    missing: float,
    sizes: Mapping[str, int] | None,
    allow_absent: bool,
) -> np.ndarray:
    """Values (n, bins) float32 of one file, read in genomic order, the order of the file."""
    track = np.full((len(intervals), bins), missing, dtype=np.float32)
    reduce = _REDUCE[statistic][bool(np.isnan(missing))]
    with BigWig(path) as file:
        check_chromosomes(file, intervals, sizes, absent=allow_absent)
        for row, values in base_values(file, intervals, missing):
            track[row] = _binned(values.reshape(bins, -1), reduce)
    return track


def base_values(file: BigWig, intervals: Intervals, missing: float) -> Iterator[tuple[int, np.ndarray]]:
    """Each row and the values of its bases, float64, in genomic order, the order of the file.

    Those of a row on strand ``-`` are turned; ``missing`` stands for bases without a value, or off the chromosome. A
    value that is infinite, or nearly, is a FormatError.
    """
    starts, ends, strands = (column.tolist() for column in (intervals.start, intervals.end, intervals.strand))
    chroms = intervals.chrom
    for row in np.lexsort((intervals.start, intervals.codes)).tolist():
        start, end = starts[row], ends[row]
        values = np.full(end - start, missing)
        first = max(start, 0)
        stop = min(end, file.sizes.get(chroms[row], 0))
        if first < stop:
            inside = file.values(chroms[row], first, stop)
            if np.nanmax(np.abs(inside), initial=0.0) > _GREATEST:
                raise FormatError(
                    f"a value of {inside[np.nanargmax(np.abs(inside))]:g} in {intervals.place(row)}", path=file.path,
                    fix=f"expects numbers up to {_GREATEST:g}",
                )  # fmt: skip
            values[first - start : stop - start] = np.where(np.isnan(inside), missing, inside)
        yield row, values[::-1] if strands[row] == "-" else values


def _binned(values: np.ndarray, reduce: Callable[..., Any]) -> np.ndarray:
    """The statistic of each row; NaN, without NumPy's warning, if all its values are NaN."""
    empty = np.isnan(values).all(axis=1)
    reduced: np.ndarray = reduce(np.where(empty[:, None], 0.0, values), axis=1)
    return np.where(empty, np.nan, reduced)


def check_chromosomes(
    file: BigWig, intervals: Intervals, sizes: Mapping[str, int] | None, *, absent: bool = False
) -> None:
    """Raise FormatError unless a file has the chromosomes of the intervals, in the sizes of the genome.

    With ``absent`` one chromosome of the intervals is enough.
    """
    path, lengths = file.path, file.sizes
    used = [intervals.names[code] for code in np.unique(intervals.codes)]
    unknown = [name for name in used if name not in lengths]
    if unknown and not (absent and len(unknown) < len(used)):
        raise FormatError(
            f"the bigWig file has no chromosome {', '.join(unknown[:5])}{nearest(unknown[0], lengths)}",
            path=path,
            fix="expects the names of the genome; leave out the regions of chromosomes without values",
        )
    differing = [
        name for name in lengths if sizes is not None and sizes.get(name, lengths[name]) != lengths[name]
    ]
    if differing and sizes is not None:
        shown = ", ".join(f"{name} ({lengths[name]} bp, not {sizes[name]})" for name in differing[:5])
        raise FormatError(
            f"{len(differing)} chromosome(s) differ from the genome's in size: {shown}", path=path,
            fix="is this the same assembly?",
        )  # fmt: skip
