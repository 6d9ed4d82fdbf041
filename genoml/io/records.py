"""Records of FASTA or FASTQ, whichever a file is, and back to bytes: what commands stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from genoml.io.errors import FormatError
from genoml.io.fasta import expect_fasta, fasta_bytes, fasta_records
from genoml.io.fastq import fastq_blocks
from genoml.io.files import Path, Source


class Record(NamedTuple):
    """One sequence of FASTA or FASTQ.

    Attributes
    ----------
    name : str
        The whole header line.
    sequence : str
        Its letters.
    encoded : str or None
        The quality characters of FASTQ, as they stand in the file.
    """

    name: str
    sequence: str
    encoded: str | None = None

    @property
    def id(self) -> str:
        """The first word of the name."""
        return self.name.split(maxsplit=1)[0]


def read_records(path: Path) -> Iterator[Record]:
    """Read FASTA or FASTQ, told apart by the first character, with the quality characters of FASTQ.

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
    if source.start.startswith(b"@"):
        return (Record(*fields) for block, _ in fastq_blocks(source) for fields in zip(*block, strict=True))
    expect_fasta(source)
    return (Record(*record) for record in fasta_records(source, "nucleotide"))


def record_bytes(record: Record) -> bytes:
    """One record of the format that it came from: FASTQ, if it has qualities."""
    if record.encoded is None:
        return fasta_bytes(record.name, record.sequence)
    return f"@{record.name}\n{record.sequence}\n+\n{record.encoded}\n".encode()


@contextmanager
def errors_in(path: Path, name: str) -> Iterator[None]:
    """Give a ValueError of what is done with a record the file and the record's name, as a FormatError."""
    try:
        yield
    except ValueError as error:
        what = str(error).replace("sequence 0", "the sequence")
        place = "standard input" if path == "-" else str(path)
        raise FormatError(what, path=place, record=name.split(maxsplit=1)[0]) from error
