"""Summaries of FASTA and FASTQ files: counts, lengths, composition and qualities, in one pass."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from genoml.io.errors import LetterKind, check_letters
from genoml.io.fasta_parser import MAX_SEQUENCE_BP, FastaParser
from genoml.io.fastq import guessed_blocks
from genoml.io.files import FilePath, Source
from genoml.io.qualities import OFFSETS, Encoding, check_encoding, error_probabilities
from genoml.io.records import holds_fastq

#: Number of positions from the 5' end with qualities by position.
MAX_POSITIONS = 1000


@dataclass
class Summary:
    """Counts, lengths, composition and qualities of a file of sequences.

    Attributes
    ----------
    path, format : str
        The file; ``"FASTA"`` or ``"FASTQ"``.
    lengths : Counter
        How many records have each length.
    letters : numpy.ndarray
        (256,) int64: how often each byte occurs in the sequences.
    encoding : str or None
        Of a FASTQ file's qualities.
    encoding_sure : bool
        False if it was guessed, and the characters allow another one.
    """

    path: str
    format: str
    lengths: Counter[int] = field(default_factory=Counter)
    letters: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    encoding: Encoding | None = None
    encoding_sure: bool = True
    _errors: np.ndarray = field(default_factory=lambda: np.zeros(MAX_POSITIONS))
    _depths: np.ndarray = field(default_factory=lambda: np.zeros(MAX_POSITIONS, np.int64))
    _error_sum: float = 0.0

    @property
    def n_records(self) -> int:
        """Number of records."""
        return sum(self.lengths.values())

    @property
    def total_bp(self) -> int:
        """Number of letters."""
        return sum(length * count for length, count in self.lengths.items())

    @property
    def min_bp(self) -> int:
        """Least length."""
        return min(self.lengths)

    @property
    def max_bp(self) -> int:
        """Greatest length."""
        return max(self.lengths)

    @property
    def mean_bp(self) -> float:
        """Mean length."""
        return self.total_bp / self.n_records

    @property
    def median_bp(self) -> float:
        """Median length: the mean of the two middle lengths if their number is even."""
        lengths = np.array(sorted(self.lengths))
        ends = np.cumsum([self.lengths[length] for length in lengths.tolist()])
        n = self.n_records
        middle = np.searchsorted(ends, [(n - 1) // 2, n // 2], side="right")
        return float(lengths[middle].mean())

    @property
    def n50_bp(self) -> int:
        """The greatest length such that records at least as long hold at least half of all letters."""
        half = self.total_bp / 2
        covered = 0
        for length in sorted(self.lengths, reverse=True):
            covered += length * self.lengths[length]
            if covered >= half:
                return length
        return 0

    def _count(self, letters: str) -> int:
        return int(self.letters[list((letters + letters.lower()).encode())].sum())

    @property
    def gc_fraction(self) -> float:
        """Fraction of G and C among A, C, G, T and U; NaN if there are none."""
        plain = self._count("ACGTU")
        return self._count("GC") / plain if plain else math.nan

    @property
    def ambiguous_bp(self) -> int:
        """Number of letters other than A, C, G, T and U."""
        return self.total_bp - self._count("ACGTU")

    @property
    def mean_quality(self) -> float:
        """Phred score of the mean error probability over all bases, -10 log10(mean p); NaN for FASTA."""
        total = self.total_bp
        return -10 * math.log10(self._error_sum / total) if self.encoding and total else math.nan

    @property
    def position_qualities(self) -> np.ndarray:
        """The mean quality at each position from the 5' end, at most 1,000 positions: (positions,)."""
        reached = self._depths > 0
        return np.asarray(-10 * np.log10(self._errors[reached] / self._depths[reached]))

    def add(self, sequences: list[str]) -> None:
        """Count the letters and lengths of some records."""
        self.lengths.update(map(len, sequences))
        data = np.frombuffer("".join(sequences).encode("latin-1"), np.uint8)
        self.letters += np.bincount(data, minlength=256)

    def add_qualities(self, encoded: list[str], table: np.ndarray) -> None:
        """Add the error probabilities of quality strings; ``table`` has one for each of the 256 bytes."""
        errors = table[np.frombuffer("".join(encoded).encode("ascii"), np.uint8)]
        self._error_sum += float(errors.sum())
        lengths = np.array([len(text) for text in encoded], dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        position = np.arange(errors.size) - np.repeat(starts, lengths)
        kept = position < MAX_POSITIONS
        self._errors += np.bincount(position[kept], errors[kept], MAX_POSITIONS)
        self._depths += np.bincount(position[kept], minlength=MAX_POSITIONS)


def summarise(path: FilePath, *, letters: str | None = "nucleotide", encoding: str = "auto") -> Summary:
    """Summarise a FASTA or FASTQ file in one pass; memory does not grow with the file.

    Parameters
    ----------
    path : str or os.PathLike
        Plain or compressed; ``"-"`` is standard input.
    letters : {"nucleotide", "protein", None}
        As in :func:`read_fasta`; FASTQ is always nucleotide.
    encoding : {"auto", "phred33", "phred64", "solexa"}
        As in :func:`read_fastq`. A guess that is not certain is reported in ``encoding_sure``.

    Raises
    ------
    FormatError, OSError
        As :func:`read_fasta` and :func:`read_fastq`.
    """
    kind = check_letters(letters)
    known = None if encoding == "auto" else check_encoding(encoding)
    source = Source(path)
    return _summarise_fastq(source, known) if holds_fastq(source) else _summarise_fasta(source, kind)


def _summarise_fasta(source: Source, letters: LetterKind | None) -> Summary:
    summary = Summary(source.path, "FASTA")
    with source.open() as stream:
        for block in FastaParser(source.path, letters, MAX_SEQUENCE_BP).blocks(stream):
            summary.add(block.sequences)
    return summary


def _summarise_fastq(source: Source, encoding: Encoding | None) -> Summary:
    with source.open() as stream:
        guess, blocks = guessed_blocks(stream, source.path, encoding)
        summary = Summary(source.path, "FASTQ", encoding=guess.encoding, encoding_sure=guess.sure)
        scores = np.arange(256) - OFFSETS[guess.encoding]
        table = error_probabilities(scores, guess.encoding)
        for block in blocks:
            summary.add(block.sequences)
            summary.add_qualities(block.encoded, table)
    return summary
