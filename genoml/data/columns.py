"""Reader of named columns of CSV and TSV files: text, numbers and sequences, in one pass."""

from __future__ import annotations

import csv
import io
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np

from genoml.data.missing import DIGITS, is_missing, number_of, present
from genoml.io.errors import FormatError, control_in, shown
from genoml.io.files import FilePath, Source
from genoml.sequence.alphabet import count_u_and_t, describe_alphabet
from genoml.sequence.codes import FlatCodes, flat_codes
from genoml.sequence.intervals import nearest

_ROWS_AT_ONCE = 2048
_LONGEST_FIELD = 1 << 24
_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons"}


class Column(NamedTuple):
    """A column to read. A sequence may be made of several, joined from left to right."""

    name: str
    kind: Literal["text", "number", "sequence"]


@dataclass
class Columns:
    """Columns read from a table.

    Attributes
    ----------
    path : str
        The file, for messages.
    numbers : dict of numpy.ndarray
        (n,) float64 each, NaN where a value is missing.
    text : dict of list of str
        Stripped of blanks at both ends.
    sequences : list of FlatCodes
        Of some thousand rows each.
    letters : Counter
        Sequences with the letter U, and those with T.
    """

    path: str
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    text: dict[str, list[str]] = field(default_factory=dict)
    sequences: list[FlatCodes] = field(default_factory=list)
    letters: Counter[str] = field(default_factory=Counter)
    _lines: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, row: int) -> int:
        """Number of the line on which a row ends, from 1."""
        return self._lines[row]

    def fail(self, row: int, column: str, what: str, got: str) -> NoReturn:
        """Raise FormatError for one value of a row."""
        raise FormatError(
            f"column {column!r} expects {what}, got {shown(got)!r}", path=self.path, line=self.line(row)
        )


def read_columns(
    path: FilePath, columns: Sequence[Column], *, header: Sequence[str] | None = None
) -> Columns:
    """Read some columns of a table.

    Commas, tabs or semicolons separate the fields, whichever finds the columns in the header; the suffix decides which
    is tried first. Fields may be quoted as in CSV, and blanks around them are removed. Blank lines, and lines before
    the header that begin with ``#``, are skipped.

    Parameters
    ----------
    path : str or os.PathLike
        Plain or compressed; ``"-"`` is standard input.
    columns : sequence of Column
        The columns to read, with their kinds.
    header : sequence of str, optional
        Names of the columns, for a file without a header line.

    Raises
    ------
    FormatError
        Naming line and column: for a column that is not there, rows of another width, an unclosed quote, a value that
        is no finite number, a letter that is no nucleotide, text that is not UTF-8, or no rows.
    """
    blocks = list(column_blocks(path, columns, _ROWS_AT_ONCE, header=header))
    return Columns(
        blocks[0].path,
        {name: np.concatenate([block.numbers[name] for block in blocks]) for name in blocks[0].numbers},
        {name: list(chain.from_iterable(block.text[name] for block in blocks)) for name in blocks[0].text},
        [flat for block in blocks for flat in block.sequences],
        sum((block.letters for block in blocks), Counter()),
        array("q", chain.from_iterable(block._lines for block in blocks)),
    )


def column_blocks(
    path: FilePath, columns: Sequence[Column], rows: int, *, header: Sequence[str] | None = None
) -> Iterator[Columns]:
    """Read some columns of a table as ``read_columns`` does, in blocks of so many rows."""
    source = Source(path)
    wanted = list(dict.fromkeys(column.name for column in columns))
    sequence = [column.name for column in columns if column.kind == "sequence"]
    with source.open() as stream, _long_fields():
        text = io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline="")
        fields = _rows(text, source.path, wanted, header)
        while chunk := list(islice(fields, rows)):
            lines, parts = zip(*chunk, strict=True)
            found = Columns(source.path, _lines=array("q", lines))
            values = dict(zip(wanted, zip(*parts, strict=True), strict=True))
            numbers, texts = ([c.name for c in columns if c.kind == kind] for kind in ("number", "text"))
            found.numbers = {name: _numbers(found, name, values[name]) for name in numbers}
            found.text = {name: _texts(found, name, values[name]) for name in texts}
            if sequence:
                found.sequences.append(_sequences(found, sequence, [values[name] for name in sequence]))
            yield found
        text.detach()


def column_names(path: FilePath, wanted: Sequence[str] = ()) -> list[str]:
    """Names of the columns of a table that has the wanted ones; errors as in ``read_columns``."""
    source = Source(path)
    with source.open() as stream:
        text = io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline="")
        names = _header(text, source.path, list(wanted), None)[1]
        text.detach()
    return names


@contextmanager
def _long_fields() -> Iterator[None]:
    """Raise the limit of csv's fields, 131,072 letters, which is global to all readers."""
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _rows(
    text: io.TextIOWrapper, path: str, wanted: list[str], header: Sequence[str] | None
) -> Iterator[tuple[int, list[str]]]:
    """The line number of each row, and its wanted fields, stripped."""
    skipped, names, delimiter, first = _header(text, path, wanted, header)
    places = [names.index(name) for name in wanted]
    reader = csv.reader(_from(first, text), delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 0
    try:
        for fields in reader:
            if not fields or fields == [""]:
                continue
            line = skipped + reader.line_num
            if len(fields) != len(names):
                raise FormatError(
                    f"has {len(fields)} field(s), but the header has {len(names)}", path=path, line=line,
                    fix=f"every line must have as many, separated by {_DELIMITERS[delimiter]}",
                )  # fmt: skip
            yield line, [fields[place].strip() for place in places]
        if not line:
            fix = "expects at least one below the header"
            raise FormatError("the table has no rows", path=path, line=skipped, fix=fix)
    except csv.Error as error:
        raise FormatError(
            f"malformed quotes, line ends or a field of more than 16 MB ({error})",
            path=path, line=skipped + max(1, reader.line_num), fix="save the table anew as CSV or TSV",
        ) from None  # fmt: skip


def _from(first: str, text: io.TextIOWrapper) -> Iterator[str]:
    if first:
        yield first
    yield from text


def _header(
    text: io.TextIOWrapper, path: str, wanted: list[str], header: Sequence[str] | None
) -> tuple[int, list[str], str, str]:
    """Number of lines before the first row, columns, delimiter, and the first row if it has been read."""
    order = dict.fromkeys([",", "\t", ";"] if ".csv" in path.lower() else ["\t", ",", ";"])
    best: list[str] = []
    number = 1
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        splits = {letter: _split(line, letter) for letter in order}
        if header is not None:
            if line.startswith("#"):
                continue
            delimiter = next(
                (d for d, names in splits.items() if len(names) == len(header)), next(iter(order))
            )
            _check_columns(list(header), wanted, path, None)
            return number - 1, list(header), delimiter, line
        for delimiter, names in splits.items():
            if set(wanted) <= set(names):
                _check_columns(names, wanted, path, number)
                return number, names, delimiter, ""
        best = max(splits.values(), key=lambda names: (len(set(wanted) & set(names)), len(names)))
        if not line.startswith("#"):
            _check_columns(best, wanted, path, number)
    raise FormatError(
        "there is no header" if header is None else "the table has no rows", path=path, line=number,
        fix=f"expects the columns {', '.join(wanted)}",
    )  # fmt: skip


def _split(line: str, delimiter: str) -> list[str]:
    line = line.removeprefix("#")
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except (csv.Error, StopIteration):
        return []


def _check_columns(names: list[str], wanted: list[str], path: str, line: int | None) -> None:
    for name in wanted:
        if name not in names:
            known = shown(", ".join(names))
            raise FormatError(
                f"expects a column {name!r}{nearest(name, names)}, got {known}", path=path, line=line
            )
        if names.count(name) > 1:
            raise FormatError(
                f"has {names.count(name)} columns {name!r}", path=path, line=line, fix="expects one"
            )


def _numbers(found: Columns, name: str, fields: Sequence[str]) -> np.ndarray:
    begin = len(found) - len(fields)
    values = ["nan" if is_missing(text) else text for text in fields]
    try:
        # float() would accept 1_0 and digits of other scripts
        if not set("".join(values)) - set("nan") <= DIGITS:
            raise ValueError
        numbers = np.array(list(map(float, values)), dtype=np.float64)
    except ValueError:
        numbers = np.array([number_of(text) for text in values])
    infinite = np.abs(numbers) > np.finfo(np.float32).max
    if infinite.any():
        row = int(np.argmax(infinite))
        found.fail(begin + row, name, "a finite number, or nothing or NA where there is none", fields[row])
    return numbers


def _texts(found: Columns, name: str, fields: Sequence[str]) -> list[str]:
    for row, text in enumerate(fields):
        try:
            text.encode()
        except UnicodeEncodeError:
            escaped = text.encode("utf-8", "surrogateescape").decode("latin-1")
            found.fail(len(found) - len(fields) + row, name, "text in UTF-8", escaped)
        if "\t" in text or control_in(text):
            what = "text without tabs, line ends and control characters"
            found.fail(len(found) - len(fields) + row, name, what, text)
    return [sys.intern(text) for text in fields]


def _sequences(found: Columns, names: Sequence[str], parts: Sequence[Sequence[str]]) -> FlatCodes:
    letters: list[Any] = ["".join(row) for row in zip(*parts, strict=True)]
    begin = len(found) - len(letters)
    for name, texts in zip(names, parts, strict=True):
        for row, text in enumerate(texts):
            if is_missing(text):
                found.fail(begin + row, name, f"a sequence{present(text)}", text)
    column = " + ".join(names)
    found.letters += count_u_and_t(letters)
    try:
        return flat_codes(letters)
    except ValueError:
        for row, sequence in enumerate(letters):
            try:
                flat_codes([sequence])
            except ValueError as error:
                _refuse_letters(found, begin + row, column, sequence, str(error))
        raise


def _refuse_letters(found: Columns, row: int, column: str, sequence: str, why: str) -> NoReturn:
    if "both T and U" in why:
        found.fail(row, column, "DNA (T) or RNA (U), not both in one sequence", sequence)
    position = next(i for i, letter in enumerate(sequence) if letter.upper() not in "ACGTURYSWKMBDHVN")
    got = f"{sequence[position]} at position {position}"
    found.fail(row, column, describe_alphabet("auto"), got)
