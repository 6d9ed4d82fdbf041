"""Reading and writing of FASTA: names and sequences.

The file is parsed here and not with dnaio, whose FASTA reader gives no line numbers and drops lines that start with
``#`` and control characters at line ends, so that some damaged files would pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import NamedTuple

from genoml.io.errors import FormatError, LetterKind, check_letters, control_in, first_word, shown
from genoml.io.fasta_parser import MAX_SEQUENCE_BP, FastaBlock, FastaParser
from genoml.io.files import FilePath, Source, write_whole

#: the begin of a line of BED, or of a header that browsers read
_BED = re.compile(rb"\S+\t\d+\t\d+(\t|\r?$)|(track|browser) ")


class FastaRecord(NamedTuple):
    """One sequence of a FASTA file.

    Attributes
    ----------
    name : str
        The whole header line, without ``>``.
    sequence : str
        Its letters as in the file, with lines joined.
    """

    name: str
    sequence: str

    @property
    def id(self) -> str:
        """The first word of the name."""
        return first_word(self.name)


def read_fasta(
    path: FilePath, *, letters: str | None = "nucleotide", max_record_bp: int = MAX_SEQUENCE_BP
) -> Iterator[FastaRecord]:
    """Read a FASTA file, plain or compressed with gzip, bgzip or zstd, record by record.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input, which like a pipe is read as it comes.
    letters : {"nucleotide", "protein", None}
        Accepted letters: A C G T U and the IUPAC codes, in upper or lower case; A to Z and ``*``; or any.
    max_record_bp : int
        A longer record is an error, found before it fills the memory. The default is 2**30 letters (wheat's
        longest chromosome has 0.85 x 10^9), of which reading takes about twice as many bytes.

    Returns
    -------
    iterator of FastaRecord
        Lazy: one record, or one block of short ones, is in memory at a time. Blank lines, and blanks at line ends, are
        ignored.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        At the call.
    FormatError
        At the call, if the file is empty or does not start with ``>``; while reading, for a header without a
        name, a record without a sequence, an illegal letter (a gap is one), a record that is too long, or a
        compressed stream that is cut or corrupt. It carries ``.path``, ``.line`` and ``.record``.
    """
    kind = check_letters(letters)
    source = Source(path)
    expect_fasta(source)
    return fasta_records(source, kind, max_record_bp)


def expect_fasta(source: Source) -> None:
    """Raise FormatError unless the content starts with ``>``."""
    if source.start.startswith(b">"):
        return
    line = source.start.split(b"\n", 1)[0]
    if line.startswith(b"@"):
        what, fix = "expects FASTA, but this looks like FASTQ", "use read_fastq or read_sequences"
    elif _BED.match(line):
        what = "expects FASTA, but this looks like BED"
        fix = "genoml fetch GENOME.fa FILE.bed > FILE.fa writes its sequences"
    else:
        text = shown(line.decode("ascii", "replace").strip())
        what, fix = f"text before the first '>': {text!r}", "expects FASTA, whose records start with '>'"
    raise FormatError(what, path=source.path, line=source.start_line, fix=fix)


def fasta_records(
    source: Source, letters: LetterKind | None, max_record_bp: int = MAX_SEQUENCE_BP
) -> Iterator[FastaRecord]:
    """The records of a source that starts with ``>``."""
    return chain.from_iterable(as_records(*block) for block in _blocks(source, letters, max_record_bp))


def _blocks(source: Source, letters: LetterKind | None, max_record_bp: int) -> Iterator[FastaBlock]:
    with source.open() as stream:
        yield from FastaParser(source.path, letters, max_record_bp).blocks(stream)


def as_records(names: list[str], sequences: list[str]) -> Iterator[FastaRecord]:
    """Records from two lists, twice as fast as by their constructor."""
    return map(tuple.__new__, repeat(FastaRecord), zip(names, sequences, strict=True))


def write_fasta(path: FilePath, records: Iterable[tuple[str, str]], *, width: int = 80) -> None:
    """Write a FASTA file; compressed if the path ends in ``.gz`` or ``.zst``. A failed write leaves no file.

    Parameters
    ----------
    path : str or os.PathLike
        Written atomically: if a record is refused, an older file stays unchanged.
    records : iterable of (name, sequence)
        Such as FastaRecord.
    width : int
        Letters on a line; 0 puts each sequence on one.

    Raises
    ------
    ValueError
        For a name or sequence that could not be read back: empty, or with a line break; white space or ``>``
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
            stream.write(fasta_bytes(name, sequence, width=width))


def fasta_bytes(name: str, sequence: str, *, width: int = 80) -> bytes:
    """One FASTA record with ``width`` letters per line; 0: all on one line."""
    step = width or max(len(sequence), 1)
    lines = [sequence[start : start + step] for start in range(0, len(sequence), step)]
    return "\n".join([f">{name}", *lines, ""]).encode()


def check_name(name: str, number: int) -> None:
    """Raise ValueError for a record name that could not be read back.

    Raises
    ------
    ValueError
        If it is empty, starts or ends with white space, or has a line break or control character.
    """
    if not name or name.strip() != name or control_in(name):
        raise ValueError(f"record {number}: a name expects one line of text, got {shown(name)!r}")
