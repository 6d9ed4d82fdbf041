"""Reader of files of sequences, whole or in blocks, with the names of their records for messages."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genoml.data.columns import Column, column_blocks
from genoml.io import read_sequences
from genoml.io.errors import first_word
from genoml.io.files import FilePath
from genoml.io.records import record_batches
from genoml.sequence.codes import alphabet_of, count_ambiguous
from genoml.sequence.encode import base_codes
from genoml.sequence.shuffle import dinucleotide_shuffle

#: Letters of amino acids that are also ambiguous bases, none of them common in a genome.
_SEVERAL_BASES = b"RYSWKMBDHVryswkmbdhv"
#: Length from which a sequence is checked: shorter ones may well be half ambiguous.
_LEAST_JUDGED = 10
#: word that stands for a file of negatives: shuffles of the positives
SHUFFLE = "shuffle"
_LOCUS = re.compile(r"^([^:\s]+):\d+-\d+")


@dataclass(frozen=True)
class NamedSequences:
    """Sequences with their names, in the order of the file that they are from.

    Attributes
    ----------
    path : str
        The file, ``-`` for standard input; or what else they are from, for messages.
    names : list of str
        The records' whole headers.
    letters : list of str
        Their sequences.
    first : int
        Number of records before them in the file, of which these are a block.
    """

    path: str
    names: list[str]
    letters: list[str]
    first: int = 0

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def longest(self) -> int:
        """Length of the longest sequence in bp."""
        return max(map(len, self.letters))

    @property
    def alphabet(self) -> Literal["DNA", "RNA"]:
        """RNA if a sequence has the letter U."""
        return alphabet_of(self.letters)

    @property
    def ids(self) -> list[str]:
        """The first word of each name."""
        return [first_word(name) for name in self.names]

    def take(self, index: Sequence[int]) -> NamedSequences:
        """The sequences at these positions."""
        return NamedSequences(self.path, [self.names[i] for i in index], [self.letters[i] for i in index])

    def shuffled(self, seed: int) -> NamedSequences:
        """An exact dinucleotide shuffle of each sequence, under its name."""
        return NamedSequences(SHUFFLE, self.names, dinucleotide_shuffle(self.letters, seed=seed))

    def codes(self, length_bp: int) -> np.ndarray:
        """Base codes (n, length_bp), shorter sequences padded evenly on both sides."""
        return base_codes(self.letters, pad="both", length=length_bp)

    def digest(self) -> str:
        """blake2b of names and sequences; it does not depend on line width or compression."""
        content = "\n".join(["\n".join(self.names), *self.letters])
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def place(self, index: int) -> str:
        """File, number and name of a record, for messages."""
        path = "standard input" if self.path == "-" else self.path
        return f"{path}, record {self.first + index + 1} ({first_word(self.names[index])})"


def load_sequences(path: FilePath, ambiguous: str = "zero") -> NamedSequences:
    """Read a FASTA or FASTQ file whole, plain or compressed; ``-`` is standard input.

    Raises
    ------
    FormatError, OSError
        See genoml.io.
    ValueError
        See ``check_sequences``.
    """
    records = list(read_sequences(path))
    loaded = NamedSequences(str(path), [rec.name for rec in records], [rec.sequence for rec in records])
    check_sequences(loaded, ambiguous)
    return loaded


def sequence_blocks(path: FilePath, records: int) -> Iterator[NamedSequences]:
    """Read a FASTA or FASTQ file in blocks of so many records, which are not checked; errors as in genoml.io."""
    first = 0
    for block in record_batches(read_sequences(path), most_bp=sys.maxsize, most_records=records):
        yield NamedSequences(str(path), [rec.name for rec in block], [rec.sequence for rec in block], first)
        first += len(block)


def table_blocks(
    path: FilePath, rows: int, columns: Sequence[str] = ("sequence",), name: str | None = None
) -> Iterator[NamedSequences]:
    """Read the sequences of a CSV or TSV file in blocks of rows, under names, or their numbers from 1.

    Those of several columns are joined. Errors are those of ``genoml.data.columns.read_columns``.
    """
    wanted = [Column(column, "sequence") for column in columns] + [
        Column(column, "text") for column in columns
    ]
    first = 0
    for table in column_blocks(path, wanted if name is None else [*wanted, Column(name, "text")], rows):
        letters = ["".join(parts) for parts in zip(*(table.text[column] for column in columns), strict=True)]
        numbers = map(str, range(first + 1, first + len(letters) + 1))
        yield NamedSequences(table.path, list(numbers if name is None else table.text[name]), letters, first)
        first += len(letters)


def check_sequences(sequences: NamedSequences, ambiguous: str = "zero") -> None:
    """Raise ValueError, naming file and record, unless these can be read as DNA or RNA.

    Raises
    ------
    ValueError
        If a sequence is empty, has both T and U or looks like protein; or, with ``ambiguous="error"``, has an
        ambiguous letter.
    """
    for _ in checked_blocks([sequences], ambiguous):
        pass


def checked_blocks(blocks: Iterable[NamedSequences], ambiguous: str = "zero") -> Iterator[NamedSequences]:
    """Blocks of a file, as far as they pass ``check_sequences``, whose ValueError comes where they do not."""
    affected, what = 0, ""
    for block in blocks:
        _refuse_unread(block)
        if ambiguous == "error":
            rows = np.flatnonzero(count_ambiguous(block.letters, per_sequence=True))
            if len(rows) and not affected:
                first = int(rows[0])
                letter = next(letter for letter in block.letters[first] if letter not in "ACGTUacgtu")
                what = f"{block.place(first)}: ambiguous letter {letter!r}"
            affected += len(rows)  # counted to the end of the file
        if not affected:
            yield block
    if affected:
        raise ValueError(
            f"{what}, and {affected} record(s) in all have one; remove them, or train with ambiguous = zero, uniform "
            "or iupac"
        )


def _refuse_unread(sequences: NamedSequences) -> None:
    for index, letters in enumerate(sequences.letters):
        if not letters:
            raise ValueError(f"{sequences.place(index)}: has no sequence; remove it")
        if {"T", "U"} <= set(letters.upper()):
            raise ValueError(f"{sequences.place(index)}: has both T and U; write it as DNA or as RNA")
        several = len(letters) - len(letters.encode().translate(None, _SEVERAL_BASES))
        if len(letters) >= _LEAST_JUDGED and several > len(letters) // 2:
            raise ValueError(
                f"{sequences.place(index)}: {several} of {len(letters)} letters stand for two or three bases, "
                "as in protein; expects DNA or RNA"
            )


def chromosomes(names: Sequence[str]) -> list[str] | None:
    """The chromosome of each name of the form ``chr8:100-300``; None if a name is of another form."""
    found = [_LOCUS.match(name) for name in names]
    return None if not all(found) else [match.group(1) for match in found if match]
