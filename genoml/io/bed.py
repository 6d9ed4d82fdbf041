"""BED, narrowPeak and broadPeak: intervals of a genome in tab-separated lines.

Coordinates are 0-based and half-open. BED has 3 to 9 columns, or all 12; narrowPeak has 10 of its own, and broadPeak
the first 9 of them.
Other libraries accept malformed lines, so the files are parsed here.

References
----------
The Browser Extensible Data (BED) format, version 1.0 (GA4GH, 2022), https://samtools.github.io/hts-specs/.
narrowPeak and broadPeak: https://genome.ucsc.edu/FAQ/FAQformat.html#format12 and #format13. Deviations: a score is any
finite number, since peak callers write more than 1000; ``.`` stands for a score, signal, p, q, summit, thick part or
blocks that are not there; fields are separated by tabs alone; chromosome names have any printable characters but
blanks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from genoml.io.bed_columns import BED, NARROWPEAK, ZeroLength, intervals_of, told_apart
from genoml.io.files import FilePath, Source, write_whole
from genoml.io.table import parse_table, table_blocks
from genoml.sequence.intervals import Intervals, concat

_BED_WIDTHS = {count: BED[:count] for count in (*range(3, 10), 12)}
_MOST_COLUMNS = 256
_ROWS_AT_ONCE = 1 << 16


def read_bed(
    path: FilePath,
    *,
    columns: int | None = None,
    sizes: Mapping[str, int] | None = None,
    zero_length: ZeroLength = "error",
) -> Intervals:
    """Read a BED file, plain or gzipped.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input.
    columns : int, optional
        Number of BED columns: 3 to 9, or 12. Further columns are ignored (of broadPeak, which is ``bed6+3``, with
        ``columns=6``). None: all are BED's.
    sizes : mapping of str to int, optional
        Length in bp of each chromosome, such as ``store.sizes``: an unknown chromosome, or an end past its
        end, is an error. Without them no coordinate may be beyond 2^31 - 1.
    zero_length : {"error", "drop"}
        BED permits ``start == end``, a point between two bases (an insertion). It has no bases, so that it is an error,
        or is left out.

    Returns
    -------
    Intervals
        In the file's order; with the columns that the file has: ``name``, ``score`` (NaN for ``.``),
        ``thick_start``, ``thick_end``, ``rgb``, ``block_count`` (0 for ``.``), ``block_sizes``, ``block_starts``.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For an empty file, a changing number of columns, coordinates that are not whole numbers in digits or
        lie outside, ``end < start``, a strand other than ``+ - .``, thick parts or blocks that do not fit
        their interval, the columns of broadPeak, or damaged gzip. It carries ``.path`` and ``.line``.
    """
    return concat(bed_intervals(path, kind="bed", columns=columns, sizes=sizes, zero_length=zero_length))


def read_narrowpeak(path: FilePath, *, sizes: Mapping[str, int] | None = None) -> Intervals:
    """Read a narrowPeak file (ENCODE, MACS), plain or gzipped.

    Parameters
    ----------
    path, sizes
        As in :func:`read_bed`.

    Returns
    -------
    Intervals
        With columns ``name``, ``score``, ``signal_value``, ``p_value`` and ``q_value`` (-log10, -1: none;
        NaN for ``.``), and ``peak``, the summit's offset from ``start`` in bp (-1: none).

    Raises
    ------
    FileNotFoundError, IsADirectoryError, FormatError
        As :func:`read_bed`; also for a summit outside its interval.
    """
    return concat(bed_intervals(path, kind="narrowpeak", sizes=sizes))


def bed_intervals(
    path: FilePath,
    *,
    kind: Literal["bed", "narrowpeak", "auto"] = "auto",
    columns: int | None = None,
    sizes: Mapping[str, int] | None = None,
    zero_length: ZeroLength = "error",
) -> Iterator[Intervals]:
    """Read BED, narrowPeak or broadPeak in blocks of lines.

    ``"auto"`` reads 10 columns as narrowPeak. It reads 9 as broadPeak if the file is called so, or if 7 to 9 are
    numbers and most of 7 and 8 are no part of their interval, as a thick part is.

    Parameters and errors are those of :func:`read_bed`.
    """
    if columns is not None and columns not in _BED_WIDTHS:
        raise ValueError(f"columns expects 3 to 9, or 12, got {columns}")
    if zero_length not in ("error", "drop"):
        raise ValueError(f"zero_length expects 'error' or 'drop', got {zero_length!r}")
    widths: dict[int, tuple[str, ...]] = {}
    expected = "10 columns (narrowPeak)"
    if kind != "narrowpeak":
        widths, expected = _bed_widths(columns)
    if kind == "narrowpeak" or (kind == "auto" and columns is None):
        widths[10] = NARROWPEAK
    if kind == "auto":
        expected += ", or 10 (narrowPeak)"
    tables = table_blocks(Source(path), widths, expected)
    if 9 in widths and columns is None:
        tables = told_apart(tables, refuse=kind == "bed")
    return intervals_of(tables, sizes, zero_length)


def _bed_widths(columns: int | None) -> tuple[dict[int, tuple[str, ...]], str]:
    if columns is None:
        return dict(_BED_WIDTHS), "3 to 9 or 12 columns (BED)"
    further = tuple(f"column {number}" for number in range(columns + 1, _MOST_COLUMNS + 1))
    names = BED[:columns] + further
    return {count: names[:count] for count in range(columns, len(names) + 1)}, f"at least {columns} columns"


def write_bed(path: FilePath, intervals: Intervals, *, columns: int | None = None) -> None:
    """Write a BED file; gzipped if the path ends in ``.gz``. A failed write leaves no file.

    Parameters
    ----------
    columns : int, optional
        3 to 9, or 12. Missing ones are filled: name ``.``, score 0, no thick part, colour 0. None: as many as the
        intervals need.

    Raises
    ------
    ValueError
        If a line could not be read back: a negative start, a name with a tab, blocks that do not fit ...; a FormatError
        gives the line. An older file then stays.
    """
    if columns is None:
        present = {*intervals.columns, "strand"} if (intervals.strand != ".").any() else {*intervals.columns}
        columns = next((count for name, count in _REACHES_TO.items() if name in present), 3)
    if columns not in _BED_WIDTHS or (columns == 12 and "block_count" not in intervals.columns):
        raise ValueError(f"columns expects 3 to 9, or 12 for intervals with blocks, got {columns}")
    _write(path, intervals, BED[:columns])


def write_narrowpeak(path: FilePath, intervals: Intervals) -> None:
    """Write a narrowPeak file; gzipped if the path ends in ``.gz``. A failed write leaves no file.

    Columns that the intervals lack are filled: name ``.``, score and signal 0, p, q and peak -1.

    Raises
    ------
    ValueError
        As :func:`write_bed`.
    """
    _write(path, intervals, NARROWPEAK)


# how many columns BED needs for each column of Intervals, the most first
_REACHES_TO = {
    "block_count": 12, "rgb": 9, "thick_end": 8, "thick_start": 7, "strand": 6, "score": 5, "name": 4,
}  # fmt: skip
# for each column of a file beyond the strand: the column of Intervals, and the default where it has none
_FIELDS: dict[str, tuple[str, object]] = {
    "name": ("name", "."),
    "score": ("score", 0),
    "itemRgb": ("rgb", "0"),
    "blockCount": ("block_count", 0),
    "blockSizes": ("block_sizes", ""),
    "blockStarts": ("block_starts", ""),
    "signalValue": ("signal_value", 0),
    "pValue": ("p_value", -1),
    "qValue": ("q_value", -1),
    "peak": ("peak", -1),
}


def _write(path: FilePath, intervals: Intervals, names: tuple[str, ...]) -> None:
    with write_whole(path) as stream:
        for first in range(0, len(intervals), _ROWS_AT_ONCE):
            part = intervals[first : first + _ROWS_AT_ONCE]
            fields = [_texts(part, name) for name in names]
            lines = "".join("\t".join(row) + "\n" for row in zip(*fields, strict=True))
            data = lines.encode("utf-8", "surrogatepass")
            # check that the lines can be read back, before the file gets its name
            table = parse_table(data, "the intervals to write", first, names, "")
            read = sum(map(len, intervals_of([] if table is None else [table], None, "error")))
            if read != len(part):
                raise ValueError(f"{path}: a chromosome expects a name without '#' or a line break")
            stream.write(data)


def _texts(intervals: Intervals, name: str) -> list[str]:
    """The fields of one column as text."""
    if name == "chromosome":
        return [str(value) for value in intervals.chrom]
    if name in ("start", "end"):
        return list(map(str, getattr(intervals, name).tolist()))
    if name == "strand":
        return [str(value) for value in intervals.strand]
    if name in ("thickStart", "thickEnd"):
        column = {"thickStart": "thick_start", "thickEnd": "thick_end"}[name]
        return list(map(str, intervals.columns.get(column, intervals.start).tolist()))
    column, default = _FIELDS[name]
    values = intervals.columns[column].tolist() if column in intervals.columns else [default] * len(intervals)
    if name == "blockCount":
        return [str(value) if value else "." for value in values]
    return list(map(_text, values))


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "."
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
