"""Reading of FASTQ: names, sequences and qualities, in any of the three encodings.

References
----------
Cock et al. (2010), doi:10.1093/nar/gkp1137.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain, repeat
from typing import Any

import msgspec
import numpy as np

from genoml.io.errors import FormatError, FormatWarning, first_word, shown
from genoml.io.fastq_parser import MAX_READ_BP, FastqBlock, FastqParser
from genoml.io.files import FilePath, Source
from genoml.io.qualities import (
    Encoding,
    EncodingGuess,
    check_encoding,
    convert_qualities,
    decode_qualities,
    error_probabilities,
    guess_encoding,
)

#: Number of records from which the encoding is guessed, if fewer are not enough to be sure.
GUESS_RECORDS = 1000


class FastqRecord(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One read; unpacks to name, sequence and qualities.

    Parameters
    ----------
    name : str
        The whole header line, without ``@``.
    sequence : str
        Its letters; may be empty (a read trimmed to nothing).
    scores : numpy.ndarray or str
        One quality a letter, as integers or as the characters of a file; see ``qualities``.
    encoding : {"phred33", "phred64", "solexa"}
        Whether the qualities are Phred or Solexa scores, and how characters write them.
    """

    # a Struct is made five times faster than a named tuple, and qualities are decoded only when used

    name: str
    sequence: str
    scores: np.ndarray | str
    encoding: Encoding = "phred33"

    @property
    def id(self) -> str:
        """The first word of the name."""
        return first_word(self.name)

    @property
    def qualities(self) -> np.ndarray:
        """Quality scores (length,): uint8 Phred, Q = -10 log10 p, or, for the encoding solexa, int8 Solexa."""
        if isinstance(self.scores, str):
            return decode_qualities(self.scores.encode("ascii"), self.encoding)
        return self.scores

    @property
    def phred(self) -> np.ndarray:
        """Phred scores (length,) uint8; Solexa scores are converted."""
        if self.encoding == "solexa":
            return convert_qualities(self.qualities, "solexa", "phred33")
        return self.qualities

    @property
    def error_probabilities(self) -> np.ndarray:
        """Probability that each base is wrong: (length,) float64."""
        return error_probabilities(self.qualities, self.encoding)

    def part(self, start: int, stop: int) -> FastqRecord:
        """The read from ``start`` to ``stop`` (0-based, half-open), under the same name."""
        return FastqRecord(self.name, self.sequence[start:stop], self.scores[start:stop], self.encoding)

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Any]:
        return iter((self.name, self.sequence, self.qualities))

    def __getitem__(self, index: Any) -> Any:
        return (self.name, self.sequence, self.qualities)[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FastqRecord | tuple) or len(other) != 3:
            return NotImplemented
        solexa = getattr(other, "encoding", "phred33") == "solexa"
        return (
            (self.name, self.sequence) == (other[0], other[1])
            and (self.encoding == "solexa") == solexa
            and np.array_equal(self.qualities, other[2])
        )

    __hash__ = None  # type: ignore[assignment]


def read_fastq(
    path: FilePath, *, encoding: str = "phred33", max_record_bp: int = MAX_READ_BP
) -> Iterator[FastqRecord]:
    """Read a FASTQ file, plain or compressed with gzip, bgzip or zstd, record by record.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input, which like a pipe is read as it comes.
    encoding : {"phred33", "phred64", "solexa", "auto"}
        Encoding of qualities (:mod:`genoml.io.qualities`). ``"auto"`` guesses it from the first 1,000 records or fewer,
        as :func:`detect_encoding` does, and warns if another one is possible; a later character outside the guessed
        encoding is an error.
    max_record_bp : int
        A longer record is an error, found before it fills the memory; 2**28 letters by default.

    Returns
    -------
    iterator of FastqRecord
        Lazy: a block of the file is held at a time. Sequences and qualities may be wrapped: a sequence ends
        at a line that starts with ``+``, qualities when there is one for each letter. Blank lines are passed
        over at the end of the file only.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        At the call.
    FormatError
        At the call, if the file is empty or does not start with ``@``; while reading, for a malformed or
        truncated record, sequence and qualities of different length, a letter that is no nucleotide, a
        quality character that the encoding does not have, a record that is too long, or a compressed stream
        that is cut or corrupt. It carries ``.path``, ``.line`` and ``.record``.

    Warns
    -----
    FormatWarning
        With ``"auto"``, if the encoding is not certain.
    """
    known = None if encoding == "auto" else check_encoding(encoding)
    source = Source(path)
    _expect_fastq(source)
    return fastq_records(source, known, max_record_bp)


def detect_encoding(path: FilePath, *, n_records: int = GUESS_RECORDS) -> EncodingGuess:
    """Guess the quality encoding of a FASTQ file from its first records.

    A character below ``;`` occurs only in phred33: only then the guess is sure, and reading stops. Otherwise phred33 is
    guessed if no character is above ``K`` (score 42 in phred33), solexa if one is below ``@``, and phred64 otherwise.

    Parameters
    ----------
    path : str or os.PathLike
        A regular file, since what is read here from a pipe could not be read again.
    n_records : int
        The most records to read.

    Returns
    -------
    EncodingGuess
        With ``.encoding``, ``.sure`` and ``.possible``, every encoding that the characters seen allow.

    Raises
    ------
    FormatError, OSError
        As :func:`read_fastq`.
    """
    source = Source(path)
    _expect_fastq(source)
    parser = FastqParser(source.path, "phred33", MAX_READ_BP)
    with source.open() as stream:
        return _guess(parser.blocks(stream), n_records)[1]


def _expect_fastq(source: Source) -> None:
    if source.start.startswith(b"@"):
        return
    if source.start.startswith(b">"):
        what, fix = "expects FASTQ, but this looks like FASTA", "use read_fasta or read_sequences"
    else:
        line = shown(source.start.split(b"\n", 1)[0].decode("ascii", "replace").strip())
        what, fix = f"expects '@' at the start of a record, got {line!r}", "expects FASTQ"
    raise FormatError(what, path=source.path, line=source.start_line, fix=fix)


def fastq_records(
    source: Source, encoding: Encoding | None = "phred33", max_record_bp: int = MAX_READ_BP
) -> Iterator[FastqRecord]:
    """The records of a source that starts with ``@``; the encoding is guessed if it is None."""
    blocks = fastq_blocks(source, encoding, max_record_bp)
    return chain.from_iterable(map(FastqRecord, *block, repeat(known)) for block, known in blocks)


def fastq_blocks(
    source: Source, encoding: Encoding | None = "phred33", max_record_bp: int = MAX_READ_BP
) -> Iterator[tuple[FastqBlock, Encoding]]:
    """Yield records in blocks, with their encoding; None guesses it, with a warning if it is not certain."""
    with source.open() as stream:
        guess, blocks = guessed_blocks(stream, source.path, encoding, max_record_bp)
        if not guess.sure:
            warnings.warn(
                f"{source.path}: {guess}; pass the encoding to be certain", FormatWarning, stacklevel=2
            )
        for block in blocks:
            yield block, guess.encoding


def guessed_blocks(
    stream: BufferedReader, path: str, encoding: Encoding | None, max_record_bp: int = MAX_READ_BP
) -> tuple[EncodingGuess, Iterator[FastqBlock]]:
    """The encoding, guessed if None is given, and the records in blocks."""
    parser = FastqParser(path, encoding or "phred33", max_record_bp)
    blocks = parser.blocks(stream)
    if encoding is not None:
        return EncodingGuess(encoding, True, (encoding,), "", 0), blocks
    seen, guess = _guess(blocks, GUESS_RECORDS)
    parser.encoding = guess.encoding
    return guess, chain(seen, blocks)


def _guess(blocks: Iterator[FastqBlock], n_records: int) -> tuple[list[FastqBlock], EncodingGuess]:
    """The blocks that were read for the guess, and the guess."""
    seen: list[FastqBlock] = []
    encoded: list[bytes] = []
    guess = guess_encoding([])
    while not guess.sure and len(encoded) < n_records and (block := next(blocks, None)) is not None:
        seen.append(block)
        encoded += [line.encode("ascii") for line in block.encoded[: n_records - len(encoded)]]
        guess = guess_encoding(encoded)
    return seen, guess
