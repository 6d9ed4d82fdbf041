"""FASTA: names and sequences.

Read here line by line rather than with dnaio: its FASTA reader gives no line number for a record, and drops
lines that start with ``#`` and control characters at line ends, so that some damaged files read as sound.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from genoml.io.errors import FormatError, shown
from genoml.io.files import Path, Source, write_whole
from genoml.io.letters import Letters, check_letters, describe_illegal, first_illegal

_BLANKS = b" \t\r\n"


class FastaRecord(NamedTuple):
    """One sequence.

    Attributes
    ----------
    name : str
        The whole header line, without ``>``.
    sequence : str
        Its letters as they stand in the file, lines joined.
    """

    name: str
    sequence: str

    @property
    def id(self) -> str:
        """The first word of the name."""
        return self.name.split(maxsplit=1)[0]


def read_fasta(path: Path, *, letters: str | None = "nucleotide") -> Iterator[FastaRecord]:
    """Read a FASTA file, plain or gzipped, record by record.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input.
    letters : {"nucleotide", "protein", None}
        What each letter is checked against: A C G T U and the IUPAC codes, in upper or lower case; A to Z
        and ``*``; or nothing.

    Returns
    -------
    iterator of FastaRecord
        Lazy: one record is held at a time. Blank lines, and blanks at line ends, are passed over.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        At the call.
    FormatError
        At the call, if the file is empty or does not start with ``>``; while reading, for a header without a
        name, a record without a sequence, an illegal letter (a gap is one) or a damaged gzip stream. It
        carries ``.path``, ``.line`` and ``.record``.
    """
    kind = check_letters(letters)
    source = Source(path)
    expect_fasta(source)
    return fasta_records(source, kind)


def expect_fasta(source: Source) -> None:
    """Raise FormatError unless the content starts with ``>``."""
    if source.start.startswith(b">"):
        return
    line = source.start.split(b"\n", 1)[0]
    if line.startswith(b"@"):
        what, fix = "expects FASTA, but this looks like FASTQ", "use read_fastq or read_sequences"
    else:
        text = shown(line.decode("ascii", "replace").strip())
        what, fix = f"text before the first '>': {text!r}", "expects FASTA, whose records start with '>'"
    raise FormatError(what, path=source.path, line=_first_text_line(source), fix=fix)


def _first_text_line(source: Source) -> int:
    with source.open() as stream, source.damage_reported():
        return next((number for number, line in enumerate(stream, 1) if line.strip(_BLANKS)), 1)


def fasta_records(source: Source, letters: Letters | None) -> Iterator[FastaRecord]:
    """Yield the records of content that is known to start with ``>``."""
    header, header_line, lines = b"", 0, list[bytes]()
    with source.open() as stream, source.damage_reported():
        for number, line in enumerate(stream, 1):
            if line.startswith(b">"):
                if header_line:
                    yield _record(source.path, header, header_line, lines, letters)
                header, header_line, lines = line, number, []
                continue
            lines.append(line.rstrip(_BLANKS))
            if lines[-1] and not header_line:
                raise FormatError(
                    "text before the first '>'", path=source.path, line=number, fix="'>' starts a line"
                )
        yield _record(source.path, header, header_line, lines, letters)


def _record(
    path: str, header: bytes, header_line: int, lines: list[bytes], letters: Letters | None
) -> FastaRecord:
    name = _name(path, header, header_line)
    data = lines[0] if len(lines) == 1 else b"".join(lines)
    if not data:
        raise FormatError(
            "the record has no sequence",
            path=path,
            line=header_line,
            record=name.split()[0],
            fix="add the sequence or remove the header",
        )
    position = first_illegal(data, letters)
    if position is not None and letters is not None:
        below, column = 0, position
        while column >= len(lines[below]):
            column -= len(lines[below])
            below += 1
        line = header_line + 1 + below
        what, fix = describe_illegal(data[position], letters)
        raise FormatError(
            f"{what} (column {column + 1})", path=path, line=line, record=name.split()[0], fix=fix
        )
    return FastaRecord(name, data.decode("ascii" if letters else "latin-1"))


def _name(path: str, header: bytes, line: int) -> str:
    try:
        name = header[1:].decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise FormatError(
            f"the header is not UTF-8 text ({error.reason})", path=path, line=line, fix="save it as UTF-8"
        ) from None
    if not name:
        raise FormatError("the header has no name", path=path, line=line, fix="write one after '>'")
    if "\r" in name:
        what, fix = describe_illegal(ord("\r"), "nucleotide")
        raise FormatError(what, path=path, line=line, fix=fix)
    return name


def write_fasta(path: Path, records: Iterable[tuple[str, str]], *, width: int = 80) -> None:
    """Write a FASTA file, whole or not at all; gzipped if the path ends in ``.gz``.

    Parameters
    ----------
    path : str or os.PathLike
        Replaced in one step once everything is written; if a record is refused it is left as it was.
    records : iterable of (name, sequence)
        Such as FastaRecord.
    width : int
        Letters on a line; 0 puts each sequence on one.

    Raises
    ------
    ValueError
        For a name or sequence that would not read back: empty, or with a line break; white space or ``>``
        in a sequence.
    """
    if width < 0:
        raise ValueError(f"width expects 0 or more, got {width}")
    with write_whole(path) as stream:
        for number, (name, sequence) in enumerate(records):
            check_name(name, number)
            if ">" in sequence or sequence.split() != [sequence]:
                raise ValueError(
                    f"record {number} ({shown(name)}) expects a sequence without white space or '>', "
                    f"got {shown(sequence)!r}"
                )
            step = width or len(sequence)
            lines = [sequence[start : start + step] for start in range(0, len(sequence), step)]
            stream.write("\n".join([f">{name}", *lines, ""]).encode())


def check_name(name: str, number: int) -> None:
    """Raise ValueError for a record name that would not read back.

    Raises
    ------
    ValueError
        If it is empty, starts or ends with white space, or has a line break.
    """
    if not name or name.strip() != name or "\n" in name or "\r" in name:
        raise ValueError(f"record {number}: a name expects one line of text, got {shown(name)!r}")
