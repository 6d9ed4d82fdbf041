"""Records of FASTA or FASTQ, whichever a file is, and back to bytes: what commands stream."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import TypeAlias

from genoml.io.errors import FormatError, check_letters
from genoml.io.fasta import FastaRecord, as_records, expect_fasta, fasta_bytes, fasta_records
from genoml.io.fastq import FastqRecord, fastq_blocks, fastq_records
from genoml.io.files import FilePath, Source
from genoml.sequence.codes import flat_codes

#: One sequence of a file, with qualities if it is FASTQ.
Record: TypeAlias = FastaRecord | FastqRecord


def holds_fastq(source: Source) -> bool:
    """Whether the content is FASTQ, by its first character.

    Raises
    ------
    FormatError
        If it is not FASTA either.
    """
    if source.start.startswith(b"@"):
        return True
    expect_fasta(source)
    return False


def read_sequences(path: FilePath, *, letters: str | None = "nucleotide") -> Iterator[FastaRecord]:
    """Read names and sequences from FASTA or FASTQ, told apart by their first character.

    Parameters
    ----------
    path : str or os.PathLike
        Plain or compressed; ``"-"`` is standard input.
    letters : {"nucleotide", "protein", None}
        As in :func:`read_fasta`; FASTQ is always nucleotide.

    Returns
    -------
    iterator of FastaRecord
        Qualities are checked (any printable character is one) and left out.

    Raises
    ------
    FormatError
        As :func:`read_fasta` and :func:`read_fastq`; at the call, if the file is neither.
    """
    kind = check_letters(letters)
    source = Source(path)
    if holds_fastq(source):
        return chain.from_iterable(as_records(*block[:2]) for block, _ in fastq_blocks(source))
    return fasta_records(source, kind)


def read_records(path: FilePath) -> Iterator[Record]:
    """Read FASTA or FASTQ, told apart by the first character, with the qualities of FASTQ as characters.

    Parameters
    ----------
    path : str or os.PathLike
        Plain or compressed; ``"-"`` is standard input.

    Raises
    ------
    FormatError, OSError
        As :func:`read_fasta` and :func:`read_fastq`.
    """
    source = Source(path)
    return fastq_records(source) if holds_fastq(source) else fasta_records(source, "nucleotide")


def name_with(record: Record, ending: str) -> str:
    """The whole name of a record, with an ending to its first word, the id."""
    return record.name.replace(record.id, record.id + ending, 1)


def record_bytes(record: Record) -> bytes:
    """One record of ``read_records`` in the format that it came from."""
    if isinstance(record, FastaRecord):
        return fasta_bytes(record.name, record.sequence)
    return f"@{record.name}\n{record.sequence}\n+\n{record.scores}\n".encode()


@contextmanager
def errors_in(path: FilePath, record: Record) -> Iterator[None]:
    """Give a ValueError of what is done with a record the file and the record's id, as a FormatError."""
    try:
        yield
    except ValueError as error:
        what = str(error).replace("sequence 0", "the sequence")
        place = "standard input" if path == "-" else str(path)
        number = _number_of(path, record)
        line = line_of_record(path, number) if number else None
        raise FormatError(what, path=place, line=line, record=record.id) from error


def line_of_record(path: FilePath, number: int) -> int | None:
    """Line of the header of a record, by its number from 1, found anew; None for a stream, which cannot be reread."""
    if not os.path.isfile(path):
        return None
    with Source(path).open() as stream:
        return next(islice(_header_lines(stream), number - 1, None), None)


def _header_lines(stream: Iterable[bytes]) -> Iterator[int]:
    """Line of each header of FASTA or FASTQ that is sound so far."""
    letters = missing = 0
    part = "header"  # then the sequence and, of FASTQ, the qualities
    for number, line in enumerate(stream, 1):
        text = line.rstrip(b"\r\n")
        if part == "qualities":
            missing -= len(text)
            part = "qualities" if missing > 0 else "header"
        elif text.startswith(b">") or (part == "header" and text.strip()):
            yield number
            letters, part = 0, "sequence"
        elif part == "sequence" and text.startswith(b"+"):
            missing, part = letters, "qualities"
        elif part == "sequence":
            letters += len(text.strip())


def _number_of(path: FilePath, record: Record) -> int:
    """Number of the first record with this name and sequence, found anew; 0 in a stream."""
    if not os.path.isfile(path):
        return 0
    wanted = record.name, record.sequence
    found = (
        number for number, each in enumerate(read_records(path), 1) if (each.name, each.sequence) == wanted
    )
    return next(found, 0)


def record_batches(
    records: Iterable[FastaRecord], *, most_bp: int = 1 << 20, most_records: int = 4096
) -> Iterator[list[FastaRecord]]:
    """Yield lists of records, in order; a record longer than ``most_bp`` ends the list that it is in."""
    batch: list[FastaRecord] = []
    size_bp = 0
    for record in records:
        batch.append(record)
        size_bp += len(record.sequence)
        if size_bp >= most_bp or len(batch) >= most_records:
            yield batch
            batch, size_bp = [], 0
    if batch:
        yield batch


@contextmanager
def errors_in_batch(path: str, batch: list[FastaRecord]) -> Iterator[None]:
    """Give a ValueError about one sequence of a batch the file and that record's id, as a FormatError."""
    try:
        yield
    except ValueError:
        for record in batch:
            with errors_in(path, record):
                flat_codes([record.sequence])
        raise
