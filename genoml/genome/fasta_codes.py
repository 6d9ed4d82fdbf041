"""Reader of FASTA as base codes, in pieces of bounded size.

read_fasta holds a whole record in memory, which for a chromosome may be gigabases. This reader accepts the same
letters, a piece at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from genoml.io.errors import (
    FormatError,
    control_in,
    describe_control,
    describe_illegal,
    first_illegal,
    first_word,
    shown,
)
from genoml.io.fasta import expect_fasta
from genoml.io.files import Source
from genoml.sequence.alphabet import BYTE_TO_CODE, ILLEGAL_CODE
from genoml.sequence.strand import is_rna

_PIECE_BYTES = 1 << 22
_LONGEST = 1 << 20
_BLANKS = b" \t\r"


class Piece(NamedTuple):
    """A piece of a record: the first word of its header, base codes, one byte each, and whether it has a U so far."""

    name: str
    codes: bytes
    is_rna: bool


def fasta_codes(source: Source, *, piece_bytes: int = _PIECE_BYTES) -> Iterator[Piece]:
    """Yield the base codes of each record, in pieces.

    Raises
    ------
    FormatError
        Naming file, line and record: for text before the first header, a header without a name, a record
        without a sequence, a name that was there before, an illegal letter, T and U in one record, or damaged gzip.
    """
    expect_fasta(source)
    reader = _Reader(source.path)
    with source.open() as stream:
        rest = b""
        while piece := stream.read(piece_bytes):
            # keep blanks at the end for the next piece, which tells whether they end their line
            text = rest + piece
            body = text.rstrip(_BLANKS)
            rest = text[len(body) :]
            if len(rest) > _LONGEST:
                reader.fail("the line has more than 1 MB of blanks", "remove them")
            yield from reader.take(body)
    reader.finish()


class _Reader:
    """State of the reader: line, record, and whether it is in a header or in a sequence."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.line = 1
        self.record: str | None = None
        self.record_line = 1
        self.header: bytes | None = None  # the header so far; None outside of one
        self.line_start = True
        self.has_bases = True  # there is no record before the first header
        self.has_t = self.has_u = False
        self.names = set[str]()

    def fail(self, what: str, fix: str = "", line: int | None = None) -> NoReturn:
        raise FormatError(what, path=self.path, line=line or self.line, record=self.record, fix=fix)

    def take(self, piece: bytes) -> Iterator[Piece]:
        at = 0
        while at < len(piece):
            if self.header is not None:
                stop = piece.find(b"\n", at)
                self.header += piece[at : stop if stop >= 0 else len(piece)]
                at = stop + 1 if stop >= 0 else len(piece)
                if len(self.header) > _LONGEST:
                    self.fail("the header is longer than 1 MB", "is this FASTA?")
                if stop >= 0:
                    self._begin()
            elif self.line_start and piece.startswith(b">", at):
                self._require_bases()
                self.header = b""
                at += 1
            else:
                stop = piece.find(b"\n>", at) + 1 or len(piece)
                yield from self._codes(piece[at:stop])
                at = stop

    def finish(self) -> None:
        if self.header is not None:
            self._begin()
        self._require_bases()

    def _require_bases(self) -> None:
        if not self.has_bases:
            self.fail(
                "the record has no sequence", "add the sequence or remove the header", line=self.record_line
            )

    def _begin(self) -> None:
        """Begin the record whose header is whole."""
        header = self.header or b""
        self.header = None
        self.record = None
        self.record_line = self.line
        try:
            text = header.rstrip(_BLANKS).decode("utf-8")
        except UnicodeDecodeError as error:
            self.fail(f"the header is not UTF-8 text ({error.reason})", "save it as UTF-8")
        if control := control_in(text):
            self.fail(*describe_control(control))
        name = first_word(text)
        if not name:
            self.fail("the header has no name", "write one after '>'")
        if name in self.names:
            self.fail(f"the name {shown(name)!r} was there before", "expects each chromosome once")
        self.record = name
        self.names.add(name)
        self.line += 1
        self.line_start = True
        self.has_bases = self.has_t = self.has_u = False

    def _codes(self, text: bytes) -> Iterator[Piece]:
        """The base codes of lines, or parts of lines, of a sequence."""
        codes = text.translate(BYTE_TO_CODE["auto"], b"\n")
        if ILLEGAL_CODE in codes:
            joined = b"".join(line.rstrip(_BLANKS) for line in text.split(b"\n"))
            codes = joined.translate(BYTE_TO_CODE["auto"])
        if ILLEGAL_CODE in codes:
            self._refuse(text)
        if codes:
            if self.record is None:
                self.fail("text before the first '>'", "'>' starts a line")
            self.has_bases = True
            self._note_alphabet(text)
            yield Piece(self.record, codes, self.has_u)
        self.line += text.count(b"\n")
        self.line_start = text.endswith(b"\n")

    def _note_alphabet(self, text: bytes) -> None:
        """Keep whether the record has T or U; raise if both."""
        has_t = self.has_t or b"T" in text or b"t" in text
        has_u = self.has_u or is_rna(text)
        if has_t and has_u:
            known = self.has_t, self.has_u
            firsts = [re.search(letter, text) for letter in (b"[Tt]", b"[Uu]")]
            place = max(first.start() for first, old in zip(firsts, known, strict=True) if first and not old)
            line = self.line + text.count(b"\n", 0, place)
            self.fail("the record has both T and U", "write it as DNA or as RNA", line=line)
        self.has_t, self.has_u = has_t, has_u

    def _refuse(self, text: bytes) -> NoReturn:
        lines = [line.rstrip(_BLANKS) for line in text.split(b"\n")]
        places = (first_illegal(line, "nucleotide") for line in lines)
        number, column = next((row, place) for row, place in enumerate(places) if place is not None)
        if self.record is None:
            self.fail("text before the first '>'", "'>' starts a line", line=self.line + number)
        what, fix = describe_illegal(lines[number][column], "nucleotide")
        self.fail(what, fix, line=self.line + number)
