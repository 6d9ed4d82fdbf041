"""Parser of tab-separated lines, a block at a time with array operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, NoReturn

import numpy as np

from genoml.io.errors import FormatError, control_in, shown
from genoml.io.files import Source

# large enough for array operations; a pipe may give less
_BLOCK_BYTES = 1 << 21
#: bytes of a line, at most
LONGEST_LINE = 1 << 24
_TAB, _NEWLINE = 9, 10
# bytes of plain text: printable ASCII, tab, line feed, and bytes of UTF-8 sequences
_TEXT = bytes([_TAB, _NEWLINE, *range(32, 127), *range(128, 256)])
# the most digits of a number: all such numbers fit 64 bits without a sign
_MAX_DIGITS = 19
_NUMBER = b"0123456789+-.eE\n"


@dataclass(frozen=True)
class Table:
    """A table of consecutive data lines of a file.

    Attributes
    ----------
    path : str
        The file, for messages.
    columns : tuple of str
        Names of the columns.
    data : numpy.ndarray
        The bytes of these lines only, uint8.
    first, stop : numpy.ndarray
        (rows, columns) int64: start and end of each field in ``data``.
    lines : numpy.ndarray
        (rows,) int64: the 1-based number of each line in its file.
    """

    path: str
    columns: tuple[str, ...]
    data: np.ndarray
    first: np.ndarray
    stop: np.ndarray
    lines: np.ndarray

    def __len__(self) -> int:
        return len(self.lines)

    def text(self, column: int) -> list[str]:
        """The fields of a column."""
        return self._cells[column :: len(self.columns)]

    @cached_property
    def _cells(self) -> list[str]:
        """Every field, line after line, split by one pass in C."""
        return self.data.tobytes().decode("utf-8")[:-1].replace("\t", "\n").split("\n")

    def fail(self, row: int, column: int | None, what: str, fix: str = "") -> NoReturn:
        """Raise FormatError for a row, or for one of its fields, with the text of the field."""
        if column is not None:
            field = self.data[self.first[row, column] : self.stop[row, column]].tobytes()
            got = shown(field.decode("utf-8", "replace"))
            what = f"column {column + 1} ({self.columns[column]}) expects {what}, got {got!r}"
        raise FormatError(what, path=self.path, line=int(self.lines[row]), fix=fix)

    def require(self, good: np.ndarray, column: int | None, what: str, fix: str = "") -> None:
        """Raise FormatError for the first row where ``good`` is false."""
        if not good.all():
            self.fail(int(np.argmin(good)), column, what, fix)

    def integers(self, column: int, maximum: int, *, absent: bool = False, dot: bool = False) -> np.ndarray:
        """The integers of a column: only digits, from 0 to ``maximum``; with ``absent`` also -1; -1 for a ``dot``.

        Raises
        ------
        FormatError
            For a sign, a blank, a point, an exponent, a digit beyond ASCII, or a number too great.
        """
        first, stop = self.first[:, column], self.stop[:, column]
        skip = np.zeros(len(self), dtype=bool)
        if absent:
            skip = stop - first == 2
            skip &= (self.data[first] == ord("-")) & (self.data[np.minimum(first + 1, stop - 1)] == ord("1"))
        if dot:
            skip |= (stop - first == 1) & (self.data[first] == ord("."))
        width = np.where(skip, 0, stop - first)
        value = np.zeros(len(self), dtype=np.uint64)
        good = width <= _MAX_DIGITS
        for place in range(min(int(width.max(initial=0)), _MAX_DIGITS), 0, -1):
            has = width >= place
            digit = self.data[np.where(has, stop - place, 0)] - np.uint8(ord("0"))
            good &= ~has | (digit <= 9)
            value = np.where(has, value * np.uint64(10) + digit, value)
        what = (
            f"a whole number, in digits alone, from 0 to {maximum}"
            + (" or ." if dot else "")
            + (", or -1" if absent else "")
        )
        self.require(good & (value <= maximum), column, what)
        return np.where(skip, -1, value.astype(np.int64))

    def floats(self, column: int, *, dot: bool = False) -> np.ndarray:
        """The numbers of a column as float64: finite; with ``dot``, ``.`` is a missing value and becomes NaN.

        Raises
        ------
        FormatError
            For anything that is no finite decimal number.
        """
        texts = self.text(column)
        missing = np.zeros(len(texts), dtype=bool)
        fields = texts
        if dot and "." in texts:
            missing = np.array([text == "." for text in texts])
            fields = ["0" if text == "." else text for text in texts]
        what = "a finite number" + (" or ." if dot else "")
        try:
            if "\n".join(fields).encode().translate(None, _NUMBER):
                raise ValueError
            values = np.array(list(map(float, fields)))
        except ValueError:
            values = np.zeros(len(fields))
            self.require(np.array([_is_number(field) for field in fields]), column, what)
        self.require(np.isfinite(values), column, what)
        return np.where(missing, np.nan, values)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return not text.encode().translate(None, _NUMBER)


def table_blocks(source: Source, columns: dict[int, tuple[str, ...]], expected: str) -> Iterator[Table]:
    """Read tab-separated lines in blocks.

    Blank lines, comments (``#``) and the ``track`` and ``browser`` lines of genome browsers are skipped; lines may end
    in CRLF. All other lines must have as many columns as the first of them.

    Parameters
    ----------
    columns : dict
        Names of the columns, for each permitted number of columns.
    expected : str
        The permitted numbers of columns, in words.

    Raises
    ------
    FormatError
        For another number of columns, an empty field, control characters, text that is not UTF-8, a line
        longer than 16 MB, or a file without data lines.
    """
    before = 0
    names = None
    with source.open() as stream:
        for block in whole_lines(stream, source.path):
            table = parse_table(block, source.path, before, columns if names is None else names, expected)
            if table is not None:
                names = table.columns
                yield table
            before += block.count(b"\n")
    if names is None:
        raise FormatError(
            "the file has no data lines",
            path=source.path,
            line=max(1, before),
            fix=f"expects lines of {expected}",
        )


def whole_lines(stream: BinaryIO, path: str, before: int = 0) -> Iterator[bytes]:
    """Blocks of whole lines, after ``before`` lines that were read."""
    rest = b""
    while chunk := stream.read1(_BLOCK_BYTES):  # type: ignore[attr-defined]
        end = chunk.rfind(b"\n") + 1
        if end:
            yield rest + chunk[:end]
            before += chunk.count(b"\n")
            rest = b""
        rest += chunk[end:]
        if len(rest) > LONGEST_LINE:
            raise FormatError("the line is longer than 16 MB", path=path, line=before + 1)
    if rest:
        yield rest


def parse_table(
    block: bytes,
    path: str,
    lines_before: int,
    columns: dict[int, tuple[str, ...]] | tuple[str, ...],
    expected: str,
) -> Table | None:
    """Parse whole lines; None if none of them is a data line.

    Parameters are those of :func:`table_blocks`; ``columns`` is a tuple once their number is known.
    """
    data = _plain_text(block if block.endswith(b"\n") else block + b"\n", path, lines_before)
    array, lines = _data_lines(data)
    if not len(lines):
        return None
    return _fields(path, array, lines + lines_before + 1, columns, expected)


def _plain_text(block: bytes, path: str, lines_before: int) -> bytes:
    """The block with CRLF as LF; raises FormatError if it is not text."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    at = -1
    strange = block.translate(None, _TEXT)
    if strange:
        at = block.index(strange[:1])
        what = f"control character {strange[:1]!r} in the text"
        if strange[:1] == b"\r":
            what = "a carriage return within a line"
    elif not block.isascii():
        try:
            text = block.decode("utf-8")
        except UnicodeDecodeError as error:
            at = error.start
            what = f"the text is not UTF-8 ({error.reason})"
        else:
            control = control_in(text.replace("\n", ""))
            if control:
                at = block.index(control.encode())
                what = f"control character {control!r} in the text"
    if at >= 0:
        line = lines_before + block.count(b"\n", 0, at) + 1
        raise FormatError(what, path=path, line=line, fix="save the file as plain text")
    return block


def _data_lines(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of the data lines, and the number of each line from 0."""
    array = np.frombuffer(data, np.uint8)
    stop = np.flatnonzero(array == _NEWLINE)
    first = np.append(0, stop[:-1] + 1)
    letter = array[first]
    keep = (letter != _NEWLINE) & (letter != ord("#"))
    for row in np.flatnonzero(keep & np.isin(letter, np.frombuffer(b" \ttb", np.uint8))).tolist():
        line = data[first[row] : stop[row]]
        track = line.startswith((b"track ", b"browser ")) or line in (b"track", b"browser")
        keep[row] = not (track or line.isspace())
    if not keep.all():
        array = array[np.repeat(keep, stop - first + 1)]
    return array, np.flatnonzero(keep)


def _fields(
    path: str,
    array: np.ndarray,
    lines: np.ndarray,
    columns: dict[int, tuple[str, ...]] | tuple[str, ...],
    expected: str,
) -> Table:
    end = np.flatnonzero(array == _NEWLINE)
    begin = np.append(0, end[:-1] + 1)
    tabs = np.flatnonzero(array == _TAB)
    before = np.searchsorted(tabs, begin)
    count = np.diff(np.append(before, len(tabs))) + 1
    names = columns if isinstance(columns, tuple) else columns.get(int(count[0]), ())
    if not names:
        line = array[begin[0] : end[0]].tobytes()
        _refuse_columns(path, line, int(lines[0]), int(count[0]), expected)
    wrong = np.flatnonzero(count != len(names))
    if wrong.size:
        row = int(wrong[0])
        raise FormatError(
            f"has {count[row]} column(s), but the lines before have {len(names)}",
            path=path,
            line=int(lines[row]),
            fix="every line must have as many, separated by tabs",
        )
    inner = tabs.reshape(len(lines), len(names) - 1)
    first = np.concatenate([begin[:, None], inner + 1], axis=1)
    stop = np.concatenate([inner, end[:, None]], axis=1)
    table = Table(path, names, array, first, stop, lines)
    for column in range(len(names)):
        table.require(first[:, column] < stop[:, column], column, "a value")
    return table


def _refuse_columns(path: str, line: bytes, number: int, count: int, expected: str) -> NoReturn:
    fix = f"expects {expected}, separated by tabs"
    if count == 1 and len(line.split()) > 1:
        fix += "; these look separated by blanks: convert them, for example with tr -s ' ' '\\t'"
    raise FormatError(f"has {count} column(s)", path=path, line=number, fix=fix)
