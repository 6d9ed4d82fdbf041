"""Checks of the blocks (exons) of BED lines: their sizes and starts must fit together and fill the interval."""

from __future__ import annotations

import numpy as np

from genoml.io.table import Table

_MAX_DIGITS = 12


def check_blocks(table: Table, count: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check columns 11 and 12 (blockSizes, blockStarts) of a table.

    Each has ``count`` numbers, separated by commas; a comma may follow the last. The first block starts with
    the interval, the last ends with it, and each begins at or after the end of the one before.

    Parameters
    ----------
    count, length : numpy.ndarray
        (rows,) int64: the number of blocks, and the interval's length in bp.

    Returns
    -------
    sizes, starts : numpy.ndarray
        (rows,) object arrays: the two columns' text.

    Raises
    ------
    FormatError
        Naming the line, if they do not.
    """
    table.require(count > 0, 9, "1 block or more")
    size = _numbers(table, 10, count)
    start = _numbers(table, 11, count)
    row = np.repeat(np.arange(len(table)), count)
    stop = np.cumsum(count)
    table.require(_all_of(size > 0, row, len(table)), 10, "blocks of 1 bp or more")
    table.require(start[stop - count] == 0, 11, "a first block that starts with the interval, at 0")
    in_order = np.ones(len(row), dtype=bool)
    in_order[1:] = (row[1:] != row[:-1]) | (start[1:] >= start[:-1] + size[:-1])
    table.require(_all_of(in_order, row, len(table)), 11, "blocks in order that do not overlap")
    ends = start[stop - 1] + size[stop - 1]
    table.require(ends == length, 11, "a last block that ends with the interval")
    return np.array(table.text(10), dtype=object), np.array(table.text(11), dtype=object)


def _numbers(table: Table, column: int, count: np.ndarray) -> np.ndarray:
    """The numbers of a list column, all rows end to end."""
    fields = [text.removesuffix(",") for text in table.text(column)]
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
