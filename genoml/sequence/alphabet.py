"""Base codes: the uint8 form in which genoml holds nucleotide letters on the host.

=======  ========  ==========================
code     letter    bases it can be
=======  ========  ==========================
0..3     A C G T   itself (U shares code 3)
4, 5     R, Y      A G, C T
6, 7     S, W      C G, A T
8, 9     K, M      G T, A C
10, 11   B, D      C G T, A G T
12, 13   H, V      A C T, A C G
14       N         A C G T
15       none      padding: no base at all
=======  ========  ==========================

References
----------
Nomenclature Committee of the International Union of Biochemistry (1985), doi:10.1093/nar/13.9.3021.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

import numpy as np

#: ``"DNA"`` takes T, ``"RNA"`` takes U, ``"auto"`` takes either but not both in one sequence.
Alphabet: TypeAlias = Literal["auto", "DNA", "RNA"]

#: Letters in the order of their codes.
CODE_LETTERS = "ACGTRYSWKMBDHVN"
#: The code of a position that holds no base; its one-hot row is zero under every policy.
PAD_CODE = 15
#: Entry of the look-up tables for a byte that is no letter of the alphabet.
ILLEGAL_CODE = 255

_MEMBERS = {
    "A": "A", "C": "C", "G": "G", "T": "T",
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
_COMPLEMENTS = dict(zip("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN", strict=True))


def _frozen(values: np.ndarray) -> np.ndarray:
    values.setflags(write=False)
    return values


def _membership() -> np.ndarray:
    table = np.zeros((16, 4), dtype=bool)
    for code, letter in enumerate(CODE_LETTERS):
        table[code, ["ACGT".index(base) for base in _MEMBERS[letter]]] = True
    return _frozen(table)


def _complement() -> np.ndarray:
    codes = [CODE_LETTERS.index(_COMPLEMENTS[letter]) for letter in CODE_LETTERS]
    return _frozen(np.array([*codes, PAD_CODE], dtype=np.uint8))


def _lookup(alphabet: Alphabet) -> bytes:
    letters = {letter: code for code, letter in enumerate(CODE_LETTERS)}
    if alphabet != "DNA":
        letters["U"] = 3
    if alphabet == "RNA":
        del letters["T"]
    table = bytearray([ILLEGAL_CODE]) * 256
    for letter, code in letters.items():
        table[ord(letter)] = table[ord(letter.lower())] = code
    return bytes(table)


#: (16, 4) bool: which of A, C, G, T each code can be.
MEMBERSHIP = _membership()
#: (16,) uint8: the code of the complement of each code.
COMPLEMENT_CODES = _complement()
#: 256-entry tables from a byte (upper or lower case) to its code, for ``bytes.translate``.
BYTE_TO_CODE: dict[Alphabet, bytes] = {name: _lookup(name) for name in get_args(Alphabet)}


def check_alphabet(alphabet: str) -> Alphabet:
    """Return ``alphabet`` if it is a known one.

    Raises
    ------
    ValueError
        If it is not ``"auto"``, ``"DNA"`` or ``"RNA"``.
    """
    for known in get_args(Alphabet):
        if alphabet == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"alphabet expects one of {', '.join(get_args(Alphabet))}, got {alphabet!r}")


def describe_alphabet(alphabet: Alphabet) -> str:
    """The letters an alphabet accepts, for messages."""
    bases = {"auto": "ACGT or ACGU", "DNA": "ACGT", "RNA": "ACGU"}[alphabet]
    return f"{bases} and the IUPAC codes {CODE_LETTERS[4:]}, upper or lower case"


def count_u_and_t(sequences: Iterable[object]) -> Counter[str]:
    """Number of sequences, of those that are str, with the letter U, and of those with T; upper or lower case."""
    texts = [each for each in sequences if isinstance(each, str)]
    return Counter(
        {letter: sum(letter in each or letter.lower() in each for each in texts) for letter in "UT"}
    )


def mixed_letters(found: Counter[str]) -> list[str]:
    """A line if some of several sequences have U, and others T, as ``count_u_and_t`` counts them."""
    if not (found["U"] and found["T"]):
        return []
    return [
        f"{found['U']} sequences have the letter U, and {found['T']} have T: all are read as RNA; "
        "write T or U throughout"
    ]
