"""Checks of the letters of sequences in files, in one pass in C."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

#: ``"nucleotide"``: A C G T U and the IUPAC codes; ``"protein"``: A to Z and ``*``; None: not checked.
Letters: TypeAlias = Literal["nucleotide", "protein"]

_UPPER: dict[Letters, bytes] = {
    "nucleotide": b"ACGTURYSWKMBDHVN",
    "protein": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ*",
}
_LEGAL: dict[Letters, bytes] = {kind: upper + upper.lower() for kind, upper in _UPPER.items()}


def check_letters(letters: str | None) -> Letters | None:
    """Return ``letters`` if it is a known kind.

    Raises
    ------
    ValueError
        If it is not ``"nucleotide"``, ``"protein"`` or None.
    """
    for known in (*_LEGAL, None):
        if letters == known:
            return known
    raise ValueError(f"letters expects 'nucleotide', 'protein' or None, got {letters!r}")


def first_illegal(sequence: bytes, letters: Letters | None) -> int | None:
    """Position of the first byte that is not a letter of this kind; None if there is none."""
    if letters is None:
        return None
    rest = sequence.translate(None, _LEGAL[letters])
    return sequence.index(rest[:1]) if rest else None


def all_legal(sequence: bytes, letters: Letters | None) -> bool:
    """Whether every byte is a letter of this kind; fastest for A C G T N.

    For nucleotides three passes of array operations decide the usual case: with letters in upper case and
    all of them from A to Y, ``43 y + 21 (mod 256)`` puts A G N T C at 0 2 47 49 86 and each of
    E F I J L O P Q X, which are no nucleotides, above 86.
    """
    if letters == "nucleotide" and sequence:
        upper = np.bitwise_and(np.frombuffer(sequence, np.uint8), np.uint8(0xDF))
        if upper.min() >= ord("A") and upper.max() <= ord("Y"):
            upper *= np.uint8(43)
            upper += np.uint8(21)
            if upper.max() <= 86:
                return True
    return first_illegal(sequence, letters) is None


def describe_illegal(byte: int, letters: Letters) -> tuple[str, str]:
    """The fault of an illegal byte and its remedy, for messages."""
    shown = repr(chr(byte)) if byte < 128 else f"byte 0x{byte:02x}"
    if byte in b"-.":
        return f"gap {shown} in a sequence", "remove the gaps: unaligned sequences are expected"
    if byte in b" \t":
        return f"white space ({shown}) within a sequence", "remove it"
    if byte == ord(">"):
        return "'>' within a sequence", "a header starts on a line of its own"
    if byte == ord("\r"):
        return "a carriage return within a line", "convert the line ends, for example with dos2unix -c mac"
    if letters == "nucleotide":
        return f"{shown} is not a nucleotide letter", "expects A C G T U or an IUPAC code (RYSWKMBDHVN)"
    return f"{shown} is not an amino-acid letter", "expects A to Z or *"
