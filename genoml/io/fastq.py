"""FASTQ: names, sequences and Phred qualities (Sanger encoding, offset 33).

References
----------
Cock et al. (2010), doi:10.1093/nar/gkp1137.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from dnaio import FastqReader, SequenceRecord
from dnaio.exceptions import FastqFormatError

from genoml.io.errors import FormatError, shown
from genoml.io.fasta import FastaRecord, check_name, expect_fasta, fasta_records
from genoml.io.files import Path, Source, write_whole
from genoml.io.letters import check_letters, describe_illegal, first_illegal

_OFFSET = 33
_GREATEST = 126 - _OFFSET
_QUALITY_CHARACTERS = bytes(range(_OFFSET, 127))


class FastqRecord(NamedTuple):
    """One read.

    Attributes
    ----------
    name : str
        The whole header line, without ``@``.
    sequence : str
        Its letters; may be empty (a read trimmed to nothing).
    qualities : numpy.ndarray
        (length,) uint8 Phred scores: Q = -10 log10(probability that the base is wrong).
    """

    name: str
    sequence: str
    qualities: np.ndarray

    @property
    def id(self) -> str:
        """The first word of the name."""
        return self.name.split(maxsplit=1)[0]


def read_fastq(path: Path) -> Iterator[FastqRecord]:
    """Read a FASTQ file of four-line records, plain or gzipped, record by record.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input.

    Returns
    -------
    iterator of FastqRecord
        Lazy: a buffer of the file is held at a time.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        At the call.
    FormatError
        At the call, if the file is empty or does not start with ``@``; while reading, for a malformed or
        truncated record, sequence and qualities of different length, a letter that is no nucleotide, a
        quality character outside ``!`` to ``~`` (33 to 126), or a damaged gzip stream.
    """
    source = Source(path)
    _expect_fastq(source)
    return _fastq_records(source)


def _expect_fastq(source: Source) -> None:
    if source.start.startswith(b"@"):
        return
    if source.start.startswith(b">"):
        what, fix = "expects FASTQ, but this looks like FASTA", "use read_fasta or read_sequences"
    else:
        line = shown(source.start.split(b"\n", 1)[0].decode("ascii", "replace").strip())
        what, fix = f"expects '@' at the start of a record, got {line!r}", "expects FASTQ"
    raise FormatError(what, path=source.path, line=1, fix=fix)


def _fastq_records(source: Source) -> Iterator[FastqRecord]:
    for record in _checked(source):
        qualities = np.frombuffer(record.qualities_as_bytes(), np.uint8) - np.uint8(_OFFSET)
        yield FastqRecord(record.name, record.sequence, qualities)


def _checked(source: Source) -> Iterator[SequenceRecord]:
    """Yield dnaio's records, with letters and qualities checked, which dnaio leaves to its caller."""
    n_read = 0
    with source.open() as stream, source.damage_reported():
        try:
            for record in FastqReader(stream):
                _check_record(source.path, record, 4 * n_read + 1)
                n_read += 1
                yield record
        except FastqFormatError as error:
            if not _only_blank_lines_from(source, 4 * n_read):
                raise _as_format_error(source, error) from error


def _only_blank_lines_from(source: Source, line: int) -> bool:
    with source.open() as stream:
        return not any(text.strip() for text in islice(stream, line, None))


def _as_format_error(source: Source, error: FastqFormatError) -> FormatError:
    what = " ".join(error.message.split()).rstrip(".")
    if what.startswith("Premature end of file"):
        what = "the file ends within a record"
    line, fix = error.line, "expects four lines a record, not wrapped: @name, sequence, +, qualities"
    with source.open() as stream:
        if line is None:  # dnaio looks for bytes beyond ASCII in a whole buffer, and does not say where
            line, fix = next(n for n, text in enumerate(stream) if not text.isascii()), "expects ASCII"
            stream.seek(0)
        header = next(islice(stream, 4 * (line // 4), None), b"")
    name = header[1:].decode("utf-8", "replace").split(maxsplit=1) if header.startswith(b"@") else []
    return FormatError(what, path=source.path, line=line + 1, record=name[0] if name else None, fix=fix)


def _check_record(path: str, record: SequenceRecord, line: int) -> None:
    if not record.name.strip():
        raise FormatError("the header has no name", path=path, line=line, fix="write one after '@'")
    identifier = record.name.split()[0]
    sequence = record.sequence.encode("ascii")
    position = first_illegal(sequence, "nucleotide")
    if position is not None:
        what, fix = describe_illegal(sequence[position], "nucleotide")
        raise FormatError(
            f"{what} (column {position + 1})", path=path, line=line + 1, record=identifier, fix=fix
        )
    qualities = record.qualities_as_bytes()
    rest = qualities.translate(None, _QUALITY_CHARACTERS)
    if rest:
        raise FormatError(
            f"{chr(rest[0])!r} is not a quality character (column {qualities.index(rest[:1]) + 1})",
            path=path,
            line=line + 3,
            record=identifier,
            fix="expects characters from '!' to '~' (33 to 126)",
        )


def write_fastq(path: Path, records: Iterable[tuple[str, str, np.ndarray]]) -> None:
    """Write a FASTQ file, whole or not at all; gzipped if the path ends in ``.gz``.

    Parameters
    ----------
    path : str or os.PathLike
        Replaced in one step once everything is written; if a record is refused it is left as it was.
    records : iterable of (name, sequence, qualities)
        Such as FastqRecord; qualities are Phred scores 0..93, one a letter.

    Raises
    ------
    ValueError
        For a name, letter or quality that would not read back, or lengths that differ.
    """
    with write_whole(path) as stream:
        for number, (name, sequence, qualities) in enumerate(records):
            check_name(name, number)
            what = f"record {number} ({shown(name)})"
            data = sequence.encode("ascii", "replace")
            if first_illegal(data, "nucleotide") is not None:
                raise ValueError(f"{what} expects nucleotides, got {shown(sequence)!r}")
            encoded = _encoded(np.asarray(qualities), len(data), what)
            stream.write(b"@%s\n%s\n+\n%s\n" % (name.encode(), data, encoded))


def _encoded(scores: np.ndarray, length: int, what: str) -> bytes:
    if scores.shape != (length,):
        raise ValueError(f"{what} expects one quality for each of {length} letters, got shape {scores.shape}")
    if scores.size and not (scores.min() >= 0 and scores.max() <= _GREATEST):
        raise ValueError(
            f"{what} expects qualities from 0 to {_GREATEST}, got {scores.min()} to {scores.max()}"
        )
    return (scores.astype(np.uint8) + np.uint8(_OFFSET)).tobytes()


def read_sequences(path: Path, *, letters: str | None = "nucleotide") -> Iterator[FastaRecord]:
    """Read names and sequences from FASTA or FASTQ, told apart by their first character.

    Parameters
    ----------
    path : str or os.PathLike
        Plain or gzipped; ``"-"`` is standard input.
    letters : {"nucleotide", "protein", None}
        As in :func:`read_fasta`; FASTQ is always nucleotide.

    Returns
    -------
    iterator of FastaRecord
        Qualities are checked and left out.

    Raises
    ------
    FormatError
        As :func:`read_fasta` and :func:`read_fastq`; at the call, if the file is neither.
    """
    kind = check_letters(letters)
    source = Source(path)
    if source.start.startswith(b"@"):
        return (FastaRecord(record.name, record.sequence) for record in _checked(source))
    expect_fasta(source)
    return fasta_records(source, kind)
