"""Parser of FASTQ, a block at a time: dnaio finds the records, array operations check letters and qualities.

dnaio checks neither, and its errors name no file and no record. A block with anything unusual is read again line by
line (:mod:`genoml.io.fastq_parser`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BufferedReader, BytesIO
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from dnaio import FastqReader
from dnaio.exceptions import FastqFormatError

from genoml.io.blocks import LineBlocks
from genoml.io.errors import (
    FormatError,
    all_legal,
    control_in,
    describe_control,
    describe_illegal,
    first_illegal,
    first_word,
    shown,
)
from genoml.io.qualities import Encoding, characters

#: Default of ``max_record_bp``: letters of the longest record.
MAX_READ_BP = 1 << 28
_LONGEST_HEADER = 1 << 24
_BLANK = ord(" ")
_NAME = attrgetter("name")
_SEQUENCE = attrgetter("sequence")
_QUALITIES = attrgetter("qualities")


class FastqParser:
    """Parser of one FASTQ file.

    Parameters
    ----------
    path : str
        For messages.
    encoding : {"phred33", "phred64", "solexa"}
        Encoding of the quality characters. It may be set while blocks are read.
    max_record_bp : int
        Longest record, in letters.
    """

    def __init__(self, path: str, encoding: Encoding, max_record_bp: int) -> None:
        self.path = path
        self.encoding = encoding
        self._max_bp = max_record_bp
        self._line = 1  # number of the line at which the next block begins

    def blocks(self, stream: BufferedReader) -> Iterator[FastqBlock]:
        """Yield the records of a stream in blocks; one by one from the first unusual block on."""
        source = LineBlocks(stream, 4)
        blocks = iter(source)
        for found in blocks:
            if found is None:
                self._refuse_long(source)
                continue
            lines, n_lines = found
            block = self._quick(lines, n_lines)
            if block is None:
                yield from self._slow(lines, source, blocks)
                return
            self._line += n_lines
            yield block

    def _refuse_long(self, source: LineBlocks) -> None:
        """Raise FormatError before a record without an end fills the memory."""
        if source.pending_bytes > 2 * self._max_bp + _LONGEST_HEADER or (
            source.pending_lines < 2 and source.pending_bytes > self._max_bp + _LONGEST_HEADER
        ):
            name = first_word(source.first_pending(200)[1:].decode("ascii", "replace"))
            raise FormatError(
                f"the record has more than {self._max_bp} letters, or its header has more than "
                f"{_LONGEST_HEADER}",
                path=self.path,
                line=self._line,
                record=name or None,
                fix="raise max_record_bp if it is meant to be so long",
            )

    def _quick(self, lines: bytes, n_lines: int) -> FastqBlock | None:
        """The records of a block of four-line records; None if it must be read line by line."""
        try:
            records = list(FastqReader(BytesIO(lines), buffer_size=len(lines) + 1))
        except FastqFormatError:
            return None
        block = FastqBlock(
            list(map(_NAME, records)), list(map(_SEQUENCE, records)), list(map(_QUALITIES, records))
        )
        names = "".join(block.names)
        blanks = names.count(" ") + names.count("\t")
        if not all(block.names) or control_in(names) or (blanks and any(map(str.isspace, block.names))):
            return None
        if len(lines) > self._max_bp and max(map(len, block.sequences), default=0) > self._max_bp:
            return None
        if not all_legal("".join(block.sequences).encode("ascii"), "nucleotide"):
            return None
        return block if self._are_qualities(block.encoded, lines, n_lines + blanks) else None

    def _are_qualities(self, encoded: list[str], lines: bytes, blanks: int) -> bool:
        """Whether all qualities of a block are characters of the encoding."""
        low, high = characters(self.encoding)
        found = np.frombuffer(lines, np.uint8)
        if low == _BLANK + 1 and np.count_nonzero(found <= _BLANK) == blanks and found.max() <= high:
            return (
                True  # all other lines are sound, and nothing but line ends and blanks in names is below "!"
            )
        found = np.frombuffer("".join(encoded).encode("ascii"), np.uint8)
        return not found.size or (bool(found.min() >= low) and bool(found.max() <= high))

    def _slow(
        self, lines: bytes, source: LineBlocks, blocks: Iterator[tuple[bytes, int] | None]
    ) -> Iterator[FastqBlock]:
        first = lines + source.single_lines()

        def remaining() -> Iterator[bytes]:
            yield from BytesIO(first)
            for more in blocks:
                if more is not None:
                    yield from BytesIO(more[0])
                elif source.pending_bytes > self._max_bp + _LONGEST_HEADER:
                    raise records.too_long()

        records = FastqLines(remaining(), self.path, self._line, lambda: self.encoding, self._max_bp)
        yield from records


_FOUR = "expects four lines a record: @name, sequence, +, qualities"


class FastqBlock(NamedTuple):
    """Records that were read together, as three lists of equal length; qualities as characters."""

    names: list[str]
    sequences: list[str]
    encoded: list[str]


class FastqLines:
    """Parse records that may be wrapped, one a block.

    A sequence ends at a line that starts with ``+``; then as many quality characters follow as there are letters, so
    that a line of qualities may start with ``@`` or ``+``.

    Parameters
    ----------
    lines : iterator of bytes
        With their line ends.
    path : str
        For messages.
    line : int
        1-based number of the first of them.
    encoding : callable
        Gives the encoding; it may become known while lines are read.
    max_record_bp : int
        Longest record, in letters.
    """

    def __init__(
        self,
        lines: Iterator[bytes],
        path: str,
        line: int,
        encoding: Callable[[], Encoding],
        max_record_bp: int,
    ) -> None:
        self._lines = lines
        self._path = path
        self._number = line - 1
        self._encoding = encoding
        self._max_bp = max_record_bp
        self._record: str | None = None
        self._header_line = line
        self._complete = True  # whether the last line had a line end

    def __iter__(self) -> Iterator[FastqBlock]:
        while (header := self._next()) is not None:
            if not header.startswith(b"@"):
                self._end_or_refuse(header)
                return
            name = self._name(header)
            sequence = self._sequence(header[1:])
            yield FastqBlock([name], [sequence.decode("ascii")], [self._qualities(len(sequence))])

    def _next(self) -> bytes | None:
        line = next(self._lines, None)
        if line is None:
            return None
        self._number += 1
        self._complete = line.endswith(b"\n")
        return line[:-1].removesuffix(b"\r") if self._complete else line.removesuffix(b"\r")

    def _error(self, what: str, fix: str, line: int | None = None) -> FormatError:
        return FormatError(what, path=self._path, line=line or self._number, record=self._record, fix=fix)

    def _truncated(self) -> FormatError:
        # the line that is missing, or the one that was cut
        return self._error("the file ends within a record", _FOUR, self._number + self._complete)

    def _end_or_refuse(self, line: bytes) -> None:
        """Accept blank lines up to the end of the file; raise for anything else in place of a header."""
        number = self._number
        rest: bytes | None = line
        while rest is not None and not rest.strip():
            rest = self._next()
        if rest is not None:
            text = shown(line.decode("ascii", "replace"))
            after = "" if self._record is None else "after this record, "
            raise self._error(f"{after}a line is expected to start with '@', got {text!r}", _FOUR, number)

    def _name(self, header: bytes) -> str:
        text = header[1:]
        self._header_line = self._number
        self._record = first_word(text.decode("utf-8", "replace")) or None
        if self._record is None:
            raise self._error("the header has no name", "write one after '@'")
        if not text.isascii():
            raise self._error("Non-ASCII characters in the header", "expects ASCII")
        if control := control_in(text.decode("ascii")):
            raise self._error(*describe_control(control))
        return text.decode("ascii")

    def _sequence(self, name: bytes) -> bytes:
        """The letters up to the ``+`` line."""
        parts: list[bytes] = []
        length = 0
        while (line := self._next()) is not None and not (parts and line.startswith(b"+")):
            position = first_illegal(line, "nucleotide")
            if position is not None:
                what, fix = describe_illegal(line[position], "nucleotide")
                raise self._error(f"{what} (column {position + 1})", fix)
            if parts and not line:
                raise self._error("a blank line within the sequence", "remove it")
            parts.append(line)
            length += len(line)
            if length > self._max_bp:
                raise self.too_long()
        if line is None:
            raise self._truncated()
        if len(line) > 1 and line[1:] != name:
            raise self._error("the name after '+' is not that of the header", "expects the same or none")
        return b"".join(parts)

    def too_long(self) -> FormatError:
        """The error for a record, or a header, that is too long."""
        return self._error(
            f"the record has more than {self._max_bp} letters",
            "raise max_record_bp if it is meant to be so long",
            self._header_line,
        )

    def _qualities(self, length: int) -> str:
        parts: list[bytes] = []
        found = 0
        while not parts or found < length:
            line = self._next()
            if line is None and length == 0:
                break  # a read without letters at the end of the file
            if line is None and not parts:
                raise self._truncated()
            if line is None or found + len(line) > length or (length and not line):
                raise self._unequal(found, line, length)
            self._check_characters(line)
            parts.append(line)
            found += len(line)
        return b"".join(parts).decode("ascii")

    def _unequal(self, found: int, line: bytes | None, length: int) -> FormatError:
        if line is None:
            return self._error(f"the file ends after {found} qualities for {length} letters", _FOUR)
        if found == 0:
            return self._error(f"{len(line)} qualities for {length} letters", _FOUR)
        # the line before was too short, if a record has four lines: this one is then the next record
        what = f"{found} qualities for {length} letters, and the next line has {len(line)} characters"
        return self._error(what, _FOUR, self._number - 1)

    def _check_characters(self, line: bytes) -> None:
        encoding = self._encoding()
        low, high = characters(encoding)
        rest = line.translate(None, bytes(range(low, high + 1)))
        if rest:
            bad = repr(chr(rest[0])) if rest[0] < 128 else f"byte 0x{rest[0]:02x}"
            raise self._error(
                f"{bad} is not a quality character of {encoding} (column {line.index(rest[:1]) + 1})",
                f"expects characters from {chr(low)!r} to {chr(high)!r} ({low} to {high})",
            )
