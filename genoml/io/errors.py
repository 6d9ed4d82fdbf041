"""Errors of the readers: they name file, line, record, the fault and the remedy."""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

import numpy as np

_LONGEST_NAME = 60


class FormatError(ValueError):
    """Raised if a file does not follow its format.

    The message is one line: ``PATH, line N, record NAME: what is wrong; what to do``.

    Attributes
    ----------
    path : str
        The file, or ``"standard input"``.
    line : int or None
        1-based number of the offending line, where there is one.
    record : str or None
        Name of the offending record, where it is known.
    """

    def __init__(
        self, what: str, *, path: str, line: int | None = None, record: str | None = None, fix: str = ""
    ) -> None:
        self.path = path
        self.line = line
        self.record = record
        self._arguments = {"what": what, "path": path, "line": line, "record": record, "fix": fix}
        place = path
        if line is not None:
            place += f", line {line}"
        if record is not None:
            place += f", record {shown(record)}"
        super().__init__(printable(f"{place}: {what}; {fix}" if fix else f"{place}: {what}"))

    def __reduce__(self) -> Any:
        # keyword arguments do not survive the default pickling, and errors cross process boundaries
        return _rebuild, (self._arguments,)


class FormatWarning(UserWarning):
    """Warning for a file that may be misread (encoding guessed, end perhaps missing), or an unfinished run."""


def _rebuild(arguments: dict[str, Any]) -> FormatError:
    return FormatError(**arguments)


def first_word(name: str) -> str:
    """The identifier of a record: the first word of its header, ``""`` if there is none."""
    return (name.split(maxsplit=1) or [""])[0]


def printable(text: str) -> str:
    """Text for a message: on one line, with control characters and what is not Unicode escaped."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def unicode_path(path: str) -> str:
    """A path for a file of text: bytes in it that are not UTF-8 are escaped."""
    return path.encode("utf-8", "backslashreplace").decode()


def shown(text: str) -> str:
    """Text of a file for a message: as ``printable``, and shortened."""
    text = printable(text)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 3] + "..."


#: ``"nucleotide"``: A C G T U and the IUPAC codes; ``"protein"``: A to Z and ``*``; None: not checked.
LetterKind: TypeAlias = Literal["nucleotide", "protein"]

_UPPER: dict[LetterKind, bytes] = {
    "nucleotide": b"ACGTURYSWKMBDHVN",
    "protein": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ*",
}
_LEGAL: dict[LetterKind, bytes] = {kind: upper + upper.lower() for kind, upper in _UPPER.items()}


def check_letters(letters: str | None) -> LetterKind | None:
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


def first_illegal(sequence: bytes, letters: LetterKind | None) -> int | None:
    """Position of the first byte that is not a letter of this kind; None if there is none."""
    if letters is None:
        return None
    rest = sequence.translate(None, _LEGAL[letters])
    return sequence.index(rest[:1]) if rest else None


def all_legal(sequence: bytes, letters: LetterKind | None) -> bool:
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


def describe_illegal(byte: int, letters: LetterKind) -> tuple[str, str]:
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


# those of ASCII but the tab, those of Latin-1, and the line ends of Unicode
_CONTROL = re.compile("[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f\\u2028\\u2029]")
_PLAIN = bytes([ord("\t"), *range(32, 127)])


def control_in(text: str) -> str | None:
    """The first control character other than a tab, or line end of Unicode; None if there is none, as in names."""
    if text.isascii() and not text.encode().translate(None, _PLAIN):  # the usual case, at the speed of C
        return None
    found = _CONTROL.search(text)
    return found and found[0]


def describe_control(character: str) -> tuple[str, str]:
    """The fault of a control character in a header and its remedy, for messages."""
    if character == "\r":
        return describe_illegal(ord("\r"), "nucleotide")
    return f"control character {character!r} in the header", "remove it: tables of names would break there"
