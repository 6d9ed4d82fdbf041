"""Conversion of BED, narrowPeak and broadPeak fields to intervals, with every field checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np

from genoml.io.errors import FormatError
from genoml.io.table import Table
from genoml.sequence.intervals import Intervals, nearest

#: How an interval of length 0, a point between bases, is treated.
ZeroLength: TypeAlias = Literal["error", "drop"]

#: The names of BED's columns.
BED = (
    "chromosome", "start", "end", "name", "score", "strand",
    "thickStart", "thickEnd", "itemRgb", "blockCount", "blockSizes", "blockStarts",
)  # fmt: skip
#: The names of narrowPeak's columns.
NARROWPEAK = (*BED[:6], "signalValue", "pValue", "qValue", "peak")
#: The names of broadPeak's columns.
BROADPEAK = NARROWPEAK[:9]
# without chromosome sizes: BAM, tabix and bigWig hold positions in 31 bits
_MAX_POSITION = (1 << 31) - 1


def intervals_of(
    tables: Iterable[Table], sizes: Mapping[str, int] | None, zero_length: ZeroLength
) -> Iterator[Intervals]:
    """Convert each table to intervals.

    Raises
    ------
    FormatError
        Naming the line, for a field that is not as the format says.
    """
    for table in tables:
        names, codes = _chromosomes(table)
        start, end = _coordinates(table, names, codes, sizes)
        points = start == end
        if zero_length == "error":
            table.require(
                ~points, None, "the interval has no length (start is end)",
                "leave it out, or read with zero_length='drop'",
            )  # fmt: skip
        strand, columns = _further(table, start, end)
        keep = ~points
        columns = {name: np.asarray(values)[keep] for name, values in columns.items()}
        yield Intervals.from_codes(names, codes[keep], start[keep], end[keep], strand[keep], columns)


def told_apart(tables: Iterable[Table], *, refuse: bool) -> Iterator[Table]:
    """Tables of BED with nine columns as broadPeak, if the file's name or its first lines say that they are.

    Raises
    ------
    FormatError
        If they are, with ``refuse``.
    """
    columns: tuple[str, ...] = ()
    for table in tables:
        if not columns:
            columns = BROADPEAK if len(table.columns) == 9 and _is_broadpeak(table) else table.columns
            if refuse and columns is BROADPEAK:
                table.fail(
                    0, None, "has the columns of broadPeak", "read it with columns=6, or bed_intervals"
                )
        yield replace(table, columns=columns)


def _is_broadpeak(table: Table) -> bool:
    """Whether columns 7 to 9 are numbers, and in most lines 7 and 8 are no part of the interval."""
    if table.path.lower().removesuffix(".gz").removesuffix(".zst").endswith(".broadpeak"):
        return True
    try:
        start, end, first, stop, _ = (table.floats(column, dot=True) for column in (1, 2, 6, 7, 8))
    except FormatError:
        return False
    is_part = (start <= first) & (first <= stop) & (stop <= end) & (first % 1 == 0) & (stop % 1 == 0)
    return bool(np.mean(is_part | np.isnan(first) | np.isnan(stop)) < 0.5)


def _chromosomes(table: Table) -> tuple[list[str], np.ndarray]:
    seen: dict[str, int] = {}
    codes = np.array([seen.setdefault(name, len(seen)) for name in table.text(0)], dtype=np.int64)
    blank = [any(letter.isspace() for letter in name) for name in seen]
    table.require(~np.array(blank)[codes], 0, "a name without blanks")
    return list(seen), codes


def _coordinates(
    table: Table, names: list[str], codes: np.ndarray, sizes: Mapping[str, int] | None
) -> tuple[np.ndarray, np.ndarray]:
    greatest = _MAX_POSITION if sizes is None else max([*sizes.values(), _MAX_POSITION])
    start = table.integers(1, greatest)
    end = table.integers(2, greatest)
    if not (start <= end).all():
        row = int(np.argmax(start > end))
        table.fail(row, None, f"the end ({end[row]}) is before the start ({start[row]})", "exchange them")
    if sizes is None:
        return start, end
    unknown = np.array([name not in sizes for name in names])[codes]
    if unknown.any():
        row = int(np.argmax(unknown))
        table.fail(row, 0, f"a chromosome of the genome{nearest(names[codes[row]], sizes)}")
    size = np.array([sizes[name] for name in names], dtype=np.int64)[codes]
    if (end > size).any():
        row = int(np.argmax(end > size))
        what = f"the end ({end[row]}) is past the end of {names[codes[row]]}, which has {size[row]} bp"
        table.fail(row, None, what, "is this the same assembly?")
    return start, end


def _further(table: Table, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """The strand, and the columns beyond the coordinates."""
    strand = np.full(len(table), ".", dtype="U1")
    columns: dict[str, Any] = {}
    present = {name: number for number, name in enumerate(table.columns)}
    if "name" in present:
        columns["name"] = np.array(table.text(3), dtype=object)
    if "score" in present:
        columns["score"] = table.floats(4, dot=True)
    if "strand" in present:
        texts = table.text(5)
        table.require(np.isin(texts, ["+", "-", "."]), 5, "+, - or .")
        strand = np.array(texts, dtype="U1")
    if "signalValue" in present:
        _peak_columns(table, end - start, columns)
    if "thickStart" in present:
        _thick_columns(table, start, end, columns)
    if "itemRgb" in present:
        columns["rgb"] = np.array(table.text(8), dtype=object)
        good = {text: _is_colour(text) for text in set(columns["rgb"])}
        table.require(np.array([good[text] for text in columns["rgb"]]), 8, "0, . or R,G,B of 0 to 255 each")
    if "blockCount" in present:
        count = table.integers(9, _MAX_POSITION, dot=True)
        columns["block_count"] = np.maximum(count, 0)
        columns["block_sizes"], columns["block_starts"] = check_blocks(table, count, end - start)
    return strand, columns


def _peak_columns(table: Table, length: np.ndarray, columns: dict[str, Any]) -> None:
    for number, name in ((6, "signal_value"), (7, "p_value"), (8, "q_value")):
        columns[name] = table.floats(number, dot=True)
    if "peak" in table.columns:
        columns["peak"] = table.integers(9, _MAX_POSITION, absent=True, dot=True)
        inside = columns["peak"] < length
        table.require(inside, 9, "an offset within the interval (end - start bp), or -1")


def _thick_columns(table: Table, start: np.ndarray, end: np.ndarray, columns: dict[str, Any]) -> None:
    greatest = max(int(end.max(initial=0)), _MAX_POSITION)
    first = table.integers(6, greatest, dot=True)
    first = columns["thick_start"] = np.where(first < 0, start, first)
    table.require((first >= start) & (first <= end), 6, "start to end")
    if "thickEnd" in table.columns:
        stop = table.integers(7, greatest, dot=True)
        stop = columns["thick_end"] = np.where(stop < 0, first, stop)
        table.require((stop >= first) & (stop <= end), 7, "thickStart to end")


def _is_colour(text: str) -> bool:
    parts = text.split(",")
    if text in ("0", "."):
        return True
    return len(parts) == 3 and all(
        part.isascii() and part.isdigit() and len(part) < 4 and int(part) < 256 for part in parts
    )


_MAX_DIGITS = 12


def check_blocks(table: Table, count: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check columns 11 and 12 (blockSizes, blockStarts) of a table.

    Each has ``count`` numbers, separated by commas; a comma may follow the last. The first block starts with
    the interval, the last ends with it, and each begins at or after the end of the one before. All three columns
    are ``.`` where no blocks are known.

    Parameters
    ----------
    count, length : numpy.ndarray
        (rows,) int64: the number of blocks, -1 for ``.``; and the interval's length in bp.

    Returns
    -------
    sizes, starts : numpy.ndarray
        (rows,) object arrays: the two columns' text.

    Raises
    ------
    FormatError
        Naming the line, if they do not.
    """
    table.require(count != 0, 9, "1 block or more")
    known = count > 0
    sizes, starts = (np.array(table.text(column), dtype=object) for column in (10, 11))
    for column, texts in ((10, sizes), (11, starts)):
        table.require(known | (texts == "."), column, "., as blockCount")
    # where none are known, one block in their place
    count = np.where(known, count, 1)
    size = _numbers(table, 10, np.where(known, sizes, "1"), count)
    start = _numbers(table, 11, np.where(known, starts, "0"), count)
    row = np.repeat(np.arange(len(table)), count)
    stop = np.cumsum(count)
    table.require(_all_of(size > 0, row, len(table)), 10, "blocks of 1 bp or more")
    table.require(start[stop - count] == 0, 11, "a first block that starts with the interval, at 0")
    in_order = np.ones(len(row), dtype=bool)
    in_order[1:] = (row[1:] != row[:-1]) | (start[1:] >= start[:-1] + size[:-1])
    table.require(_all_of(in_order, row, len(table)), 11, "blocks in order that do not overlap")
    ends = start[stop - 1] + size[stop - 1]
    table.require(~known | (ends == length), 11, "a last block that ends with the interval")
    return sizes, starts


def _numbers(table: Table, column: int, texts: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The numbers of a list column, all rows end to end."""
    fields = [text.removesuffix(",") for text in texts]
    good = np.array([_are_numbers(text) for text in fields], dtype=bool)
    table.require(good, column, "whole numbers in digits, separated by commas")
    n_numbers = np.array([text.count(",") + 1 for text in fields], dtype=np.int64)
    if (n_numbers != count).any():
        row = int(np.argmax(n_numbers != count))
        table.fail(row, column, f"{count[row]} numbers, as blockCount says")
    return np.array(",".join(fields).split(","), dtype=np.str_).astype(np.int64)


def _are_numbers(text: str) -> bool:
    parts = text.split(",")
    return text.isascii() and all(part.isdigit() and len(part) <= _MAX_DIGITS for part in parts)


def _all_of(good: np.ndarray, row: np.ndarray, rows: int) -> np.ndarray:
    return np.asarray(np.bincount(row[~good], minlength=rows) == 0)
