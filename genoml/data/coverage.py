"""Coverage from bigWig files, in bins, as targets of genome windows. Needs the package pybigtools.

On a damaged file pybigtools may panic, which is no Exception, or end the process. So the file is checked first, and any
error of pybigtools becomes a FormatError.
"""

from __future__ import annotations

import importlib
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal, TypeAlias

import numpy as np

from genoml.genome.overlaps import expect_intervals
from genoml.io.errors import FormatError
from genoml.io.files import FilePath
from genoml.sequence.intervals import Intervals, nearest

#: Statistic over the bases of a bin.
Statistic: TypeAlias = Literal["mean", "sum", "max"]

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
    with _opened(path) as reader:
        with _refusing(path):
            lengths: dict[str, int] = reader.chroms()
        _check_chromosomes(path, intervals, lengths, sizes, allow_absent)
        chroms = intervals.chrom
        starts = intervals.start.tolist()
        ends = intervals.end.tolist()
        for row in np.lexsort((intervals.start, intervals.codes)).tolist():
            values = np.full(ends[row] - starts[row], missing)
            first = max(starts[row], 0)
            stop = min(ends[row], lengths.get(chroms[row], 0))
            if first < stop:
                with _refusing(path):
                    inside = reader.values(chroms[row], first, stop, fillna=None)
                values[first - starts[row] : stop - starts[row]] = np.where(np.isnan(inside), missing, inside)
            if intervals.strand[row] == "-":
                values = values[::-1]
            track[row] = _binned(values.reshape(bins, -1), reduce)
    return track


def _binned(values: np.ndarray, reduce: Callable[..., Any]) -> np.ndarray:
    """The statistic of each row; NaN, without NumPy's warning, if all its values are NaN."""
    empty = np.isnan(values).all(axis=1)
    reduced: np.ndarray = reduce(np.where(empty[:, None], 0.0, values), axis=1)
    return np.where(empty, np.nan, reduced)


def _check_chromosomes(
    path: str, intervals: Intervals, lengths: Mapping[str, int], sizes: Mapping[str, int] | None, absent: bool
) -> None:
    used = [intervals.names[code] for code in np.unique(intervals.codes)]
    unknown = [name for name in used if name not in lengths]
    if unknown and not (absent and len(unknown) < len(used)):
        raise FormatError(
            f"the bigWig file has no chromosome {', '.join(unknown[:5])}{nearest(unknown[0], lengths)}",
            path=path,
            fix="expects the names of the genome; allow_absent=True takes one for a chromosome without values",
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


@contextmanager
def _opened(path: str) -> Any:
    try:
        pybigtools = importlib.import_module("pybigtools")
    except ModuleNotFoundError as error:
        raise ImportError(
            "bigWig files need the package pybigtools, which is not installed: pip install 'genoml-xp[bigwig]'"
        ) from error
    check_bigwig(path)
    with open(path, "rb") as stream:
        with _refusing(path):
            # a stream, since pybigtools opens by name only files with the suffix .bw or .bigWig
            reader = pybigtools.open(stream)
        try:
            yield reader
        finally:
            reader.close()


@contextmanager
def _refusing(path: str) -> Any:
    """Convert any error of pybigtools, panics included, to FormatError."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        why = " ".join(str(error).split())
        raise FormatError(f"the bigWig file is damaged ({why})", path=path, fix=AGAIN) from None


#: The remedy for a file that is refused.
AGAIN = "expects a bigWig file: copy or download it again"

_MAGIC = 0x888FFC26
_NAMES_MAGIC = 0x78CA8C91
_INDEX_MAGIC = 0x2468ACE0
_HEADER = "IHHQQQHHQQIQ"
_NAMES = "IIIIQQ"
_INDEX = "IIQIIIIQII"
_LONGEST_NAME = 1 << 10
_LARGEST_BLOCK = 1 << 28


def check_bigwig(path: str) -> None:
    """Raise unless this is a bigWig file, not cut, with sizes and offsets inside the file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        If it is none, or damaged.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path}: this is a directory; expects a bigWig file")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file; check the path")
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        order = {_MAGIC.to_bytes(4, "little"): "<", _MAGIC.to_bytes(4, "big"): ">"}.get(stream.read(4))
        if order is None:
            raise FormatError("this is no bigWig file", path=path, fix=AGAIN)
        try:
            sound = _is_sound(stream, size, order)
        except struct.error:  # the file ends within a part
            sound = False
    if not sound:
        raise FormatError("the bigWig file is cut or damaged", path=path, fix=AGAIN)


def _is_sound(stream: BinaryIO, size: int, order: str) -> bool:
    header = _read(stream, order + _HEADER, 0)
    names_at, data_at, index_at = header[3:6]
    block_size = header[10]
    end = _read(stream, order + "I", size - 4)  # a file ends with the magic number too
    if end[0] != _MAGIC or max(names_at, data_at, index_at) >= size or block_size > _LARGEST_BLOCK:
        return False
    magic, _, key_size, value_size, count, _ = _read(stream, order + _NAMES, names_at)
    if magic != _NAMES_MAGIC or value_size != 8 or not 0 < key_size <= _LONGEST_NAME:
        return False
    index = _read(stream, order + _INDEX, index_at)
    if index[0] != _INDEX_MAGIC or count * (key_size + 8) > size or index[2] * 32 > size:
        return False
    return _blocks_are_inside(stream, size, order, index_at + struct.calcsize(order + _INDEX), index[2])


def _read(stream: BinaryIO, form: str, at: int) -> tuple[int, ...]:
    stream.seek(max(0, at))
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _blocks_are_inside(stream: BinaryIO, size: int, order: str, root: int, count: int) -> bool:
    """Whether every node of the index, and every block of values it points to, lies inside the file."""
    places = [root]
    seen = 0
    while places:
        at = places.pop()
        is_leaf, _, items = _read(stream, order + "BBH", at)
        seen += max(1, items)
        if is_leaf > 1 or seen > 2 * count + 2:  # a tree has fewer nodes than leaves; more means a cycle
            return False
        words = np.frombuffer(stream.read(items * (32 if is_leaf else 24)), f"{order}u4")
        if len(words) != items * (8 if is_leaf else 6):
            return False
        pairs = words.reshape(items, 8 if is_leaf else 6)[:, 4:].copy().view(f"{order}u8")
        if (pairs > size).any() or (pairs.sum(axis=1) > size).any():
            return False
        if not is_leaf:
            places += pairs[:, 0].tolist()
    return True
