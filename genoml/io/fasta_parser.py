"""Parser of FASTA: a block of lines at a time in C, and line by line where anything is unusual.

Both give the same records; only the second reports errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from typing import NamedTuple

from genoml.io.blocks import BLOCK_BYTES, count_lines
from genoml.io.errors import (
    FormatError,
    LetterKind,
    all_legal,
    control_in,
    describe_control,
    describe_illegal,
    first_illegal,
    first_word,
)

#: Default of ``max_record_bp``: letters of the longest record.
MAX_SEQUENCE_BP = 1 << 30
_LONGEST_HEADER = 1 << 24
_BLANKS = b" \t\r\n"
_TEXT_BLANKS = " \t\r\n"


class FastaBlock(NamedTuple):
    """Records that were read together, as two lists of equal length."""

    names: list[str]
    sequences: list[str]


class FastaParser:
    """Parser of one FASTA file.

    Parameters
    ----------
    path : str
        For messages.
    letters : {"nucleotide", "protein", None}
        Accepted letters; None accepts all.
    max_record_bp : int
        Longest record, in letters.
    """

    def __init__(self, path: str, letters: LetterKind | None, max_record_bp: int) -> None:
        self._path = path
        self._letters = letters
        self._max_bp = max_record_bp
        self._charset = "ascii" if letters else "latin-1"
        self._line = 1  # number of the line at which the next block begins
        self._column = 0  # bytes of that line that were read before
        self._header_line = 0  # of the record that is being read; 0 before the first
        self._name = ""
        self._pieces: list[str] = []
        self._length = 0

    def blocks(self, stream: BufferedReader) -> Iterator[FastaBlock]:
        """Yield the records of a stream that starts with a header."""
        for lines in self._whole_lines(stream):
            block = self._quick(lines)
            if block is None:
                for name, sequence in self._slow(lines):
                    yield FastaBlock([name], [sequence])
            elif block.names:
                yield block
        yield FastaBlock([self._name], [self._finished()])

    def _whole_lines(self, stream: BufferedReader) -> Iterator[bytes]:
        """Yield blocks of whole lines; a sequence line longer than a block is cut."""
        left = b""
        while chunk := stream.read1(BLOCK_BYTES):
            data = left + chunk
            end = data.rfind(b"\n") + 1
            if not end and (self._column or not data.startswith(b">")):
                end = len(data.rstrip(_BLANKS))  # blanks may turn out to end the line
            left = data[end:]
            if len(left) > _LONGEST_HEADER:
                what = "blanks in a row" if left.isspace() else "bytes of header"
                raise FormatError(
                    f"more than {_LONGEST_HEADER} {what}", path=self._path, line=self._line, fix="shorten it"
                )
            if end:
                yield data[:end]
        if left:
            yield left

    def _quick(self, lines: bytes) -> FastaBlock | None:
        """The records that end in a block; None, with no change of state, if it must be read line by line."""
        if not lines.isascii():
            return None
        text = lines.decode("ascii")
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        parts = text.split("\n>")
        continued = bool(self._column) or not text.startswith(">")
        first = parts.pop(0).replace("\n", "") if continued else None
        if not continued:
            parts[0] = parts[0][1:]
        if first and not self._header_line:
            return None
        fields = [part.partition("\n") for part in parts]
        names = [header.strip(_TEXT_BLANKS) for header, _, _ in fields]
        sequences = [body.replace("\n", "") for _, _, body in fields]
        joined = "".join([first or "", *sequences])
        if not all(names) or not all(sequences[:-1]) or not self._are_plain(names, joined):
            return None
        return self._take(lines, first, names, sequences)

    def _are_plain(self, names: list[str], joined: str) -> bool:
        if control_in("".join(names)):
            return False
        if self._letters is None:
            return not any(blank in joined for blank in "\t\r ")
        return all_legal(joined.encode("ascii"), self._letters)

    def _take(
        self, lines: bytes, first: str | None, names: list[str], sequences: list[str]
    ) -> FastaBlock | None:
        """Accept a sound block and return its finished records; the last record stays open."""
        too_long = self._length + len(first or "") > self._max_bp
        if too_long or any(len(sequence) > self._max_bp for sequence in sequences):
            return None
        if first:
            self._pieces.append(first)
            self._length += len(first)
        done = FastaBlock([], [])
        if names:
            if self._header_line:
                done = FastaBlock([self._name, *names[:-1]], [self._finished(), *sequences[:-1]])
            else:
                done = FastaBlock(names[:-1], sequences[:-1])
            last = lines.rfind(b"\n>") + 1
            self._open(names[-1], self._line + count_lines(lines[:last]), [sequences[-1]])
        self._move_on(lines)
        return done

    def _open(self, name: str, line: int, pieces: list[str]) -> None:
        self._name = name
        self._header_line = line
        self._pieces = pieces
        self._length = sum(map(len, pieces))

    def _move_on(self, lines: bytes) -> None:
        self._line += count_lines(lines)
        self._column = 0 if lines.endswith(b"\n") else self._column + len(lines)

    def _finished(self) -> str:
        if not self._length:
            raise self._error(
                "the record has no sequence", self._header_line, "add the sequence or remove the header"
            )
        sequence = "".join(self._pieces)
        self._pieces = []
        return sequence

    def _error(self, what: str, line: int, fix: str) -> FormatError:
        record = first_word(self._name) if self._header_line else None
        return FormatError(what, path=self._path, line=line, record=record, fix=fix)

    def _slow(self, lines: bytes) -> Iterator[tuple[str, str]]:
        """Read a block line by line; raise FormatError at the first line that is wrong."""
        number = self._line
        column = self._column
        for line in lines.split(b"\n"):
            if line.startswith(b">") and not column:
                if self._header_line:
                    yield self._name, self._finished()
                self._open(_name(self._path, line, number), number, [])
            else:
                self._append(line.rstrip(_BLANKS), number, column)
            number += 1
            column = 0
        self._move_on(lines)

    def _append(self, line: bytes, number: int, column: int) -> None:
        if not line:
            return
        if not self._header_line:
            raise self._error("text before the first '>'", number, "'>' starts a line")
        position = first_illegal(line, self._letters)
        if position is not None and self._letters is not None:
            what, fix = describe_illegal(line[position], self._letters)
            raise self._error(f"{what} (column {column + position + 1})", number, fix)
        self._pieces.append(line.decode(self._charset))
        self._length += len(line)
        if self._length > self._max_bp:
            raise self._error(
                f"the record has more than {self._max_bp} letters",
                self._header_line,
                "raise max_record_bp if it is meant to be so long",
            )


def _name(path: str, header: bytes, line: int) -> str:
    try:
        name = header[1:].decode("utf-8").strip(_TEXT_BLANKS)
    except UnicodeDecodeError as error:
        raise FormatError(
            f"the header is not UTF-8 text ({error.reason})", path=path, line=line, fix="save it as UTF-8"
        ) from None
    if control := control_in(name):
        what, fix = describe_control(control)
        raise FormatError(what, path=path, line=line, fix=fix)
    name = name.strip()
    if not name:
        raise FormatError("the header has no name", path=path, line=line, fix="write one after '>'")
    return name
