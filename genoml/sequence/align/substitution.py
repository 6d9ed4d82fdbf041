"""Substitution matrices: scores of pairs of letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import numpy as np

from genoml.sequence.codes import FlatCodes, decode

__all__ = ["LARGEST_SCORE", "MATRIX_NAMES", "Letters", "SubstitutionMatrix", "letter_bytes"]

#: A sequence as letters, or as uint8 base codes.
Letters: TypeAlias = "str | bytes | np.ndarray"

#: Matrices that come with genoml; EDNAFULL is the name that EMBOSS gives NUC.4.4.
MATRIX_NAMES = ("BLOSUM45", "BLOSUM62", "BLOSUM80", "NUC.4.4", "PAM250", "PAM30")
_ALIASES = {"EDNAFULL": "NUC.4.4", "NUC44": "NUC.4.4"}
_NUCLEOTIDES = "ACGTURYSWKMBDHVN"
_ILLEGAL = 255
#: Largest score or gap cost.
LARGEST_SCORE = 1e6


@dataclass(frozen=True, eq=False)
class SubstitutionMatrix:
    """A substitution matrix: scores of pairs of letters.

    Parameters
    ----------
    letters : str
        The alphabet, in upper case. Sequences may be in lower case too. If it is one of nucleotides with T and
        without U, then U reads as T.
    scores : numpy.ndarray
        (len(letters), len(letters)) float64: ``scores[i, j]`` is that of letter i of ``a`` against letter j of
        ``b``. Finite, at most 1e6 in size; it need not be symmetric.
    name : str
        For messages and reports.

    Raises
    ------
    ValueError
        For repeated, lower-case or non-ASCII letters, a gap as a letter, or scores of another shape.
    """

    letters: str
    scores: np.ndarray
    name: str = "custom"

    def __post_init__(self) -> None:
        scores = np.array(self.scores, dtype=np.float64)
        legal = self.letters.isascii() and self.letters.isprintable() and self.letters == self.letters.upper()
        if not legal or not self.letters or set(self.letters) & set(" -."):
            raise ValueError(f"matrix {self.name} expects upper-case ASCII letters, got {self.letters!r}")
        if len(set(self.letters)) < len(self.letters):
            raise ValueError(f"matrix {self.name} expects each letter once, got {self.letters!r}")
        if scores.shape != (len(self.letters), len(self.letters)):
            raise ValueError(
                f"matrix {self.name} expects scores ({len(self.letters)}, {len(self.letters)}) for letters "
                f"{self.letters}, got {scores.shape}"
            )
        if not np.all(np.abs(scores) <= LARGEST_SCORE):
            raise ValueError(f"matrix {self.name} expects finite scores of at most {LARGEST_SCORE:g} in size")
        scores.setflags(write=False)
        object.__setattr__(self, "scores", scores)

    @classmethod
    def load(cls, name: str) -> SubstitutionMatrix:
        """Load one of the matrices that come with genoml; the name may be in any case.

        Raises
        ------
        ValueError
            If there is no matrix of this name.
        """
        known = _ALIASES.get(name.upper(), name.upper())
        if known not in MATRIX_NAMES:
            raise ValueError(
                f"matrix expects one of {', '.join((*MATRIX_NAMES, 'EDNAFULL'))}, got {name!r}; for a file use "
                "genoml.io.read_substitution_matrix"
            )
        return _shipped(known)

    @property
    def is_nucleotide(self) -> bool:
        """Whether every letter is one of the 16 IUPAC nucleotide letters."""
        return set(self.letters) <= set(_NUCLEOTIDES)

    def encode(self, sequences: Sequence[Letters], what: str) -> FlatCodes:
        """Encode letters as their positions in ``self.letters``, the sequences end to end.

        Raises
        ------
        ValueError
            For a letter that is not in the matrix, with letter, position and sequence.
        TypeError
            For anything but str, bytes and base codes.
        """
        data = [letter_bytes(sequence, what) for sequence in sequences]
        lengths = np.fromiter(map(len, data), dtype=np.int64, count=len(data))
        joined = bytearray(b"".join(data))
        flat = FlatCodes(np.frombuffer(joined.translate(self._table()), np.uint8), lengths)
        if flat.codes.size and int(flat.codes.max()) == _ILLEGAL:
            index = int(np.argmax(flat.codes == _ILLEGAL))
            row, position = flat.locate(index)
            self._refuse(joined[index], position, f"{what} {row}" if len(data) > 1 else what)
        return flat

    def _table(self) -> bytes:
        table = bytearray([_ILLEGAL]) * 256
        for code, letter in enumerate(self.letters):
            table[ord(letter)] = table[ord(letter.lower())] = code
        if self.is_nucleotide and "T" in self.letters and "U" not in self.letters:
            table[ord("U")] = table[ord("u")] = table[ord("T")]
        return bytes(table)

    def _refuse(self, byte: int, position: int, what: str) -> None:
        hint = ""
        if byte in b"-.":
            hint = "; remove the gaps: unaligned sequences are expected"
        elif self.is_nucleotide and chr(byte).isalpha():
            hint = "; for proteins pass matrix='BLOSUM62'"
        elif byte in b"UuOo":
            hint = "; write selenocysteine (U) and pyrrolysine (O) as X"
        shown = repr(chr(byte)) if byte < 128 else f"byte 0x{byte:02x}"
        raise ValueError(
            f"{what} has {shown} at position {position}; matrix {self.name} has the letters {self.letters}{hint}"
        )


def letter_bytes(sequence: Letters, what: str) -> bytes:
    """The letters of a sequence as bytes; base codes become letters."""
    if isinstance(sequence, np.ndarray) and sequence.dtype == np.uint8 and sequence.ndim == 1:
        sequence = str(decode(sequence))
    if isinstance(sequence, str):
        # a letter beyond ASCII becomes "?", one byte like any other, and is refused by its position
        return sequence.encode("ascii", "replace")
    if isinstance(sequence, bytes | bytearray):
        return bytes(sequence)
    hint = "; pass its .sequence" if hasattr(sequence, "sequence") else ""
    raise TypeError(
        f"{what} expects str, bytes or a one-dimensional uint8 array of base codes, got "
        f"{type(sequence).__name__}{hint}"
    )


@cache
def _shipped(name: str) -> SubstitutionMatrix:
    """A matrix that comes with genoml; its rows are in the order of its columns."""
    text = (files("genoml") / "resources" / "matrices" / name).read_text(encoding="ascii")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    scores = np.array([[float(score) for score in row[1:]] for row in lines[1:]])
    return SubstitutionMatrix("".join(lines[0]), scores, name)
