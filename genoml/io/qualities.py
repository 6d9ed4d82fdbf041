"""Quality scores in the three encodings of FASTQ: decoding, conversion, and a guess of a file's encoding.

=========  =========  ==================  =======================================================
encoding   offset     scores              used by
=========  =========  ==================  =======================================================
phred33    33 (``!``)  0 to 93, Phred      Sanger, Illumina 1.8 and later, all present instruments
phred64    64 (``@``)  0 to 62, Phred      Illumina 1.3 to 1.7
solexa     64 (``@``)  -5 to 62, Solexa    Solexa, Illumina 1.0 to 1.2
=========  =========  ==================  =======================================================

With p the probability that a base is wrong, a Phred score is -10 log10 p and a Solexa score is
-10 log10(p / (1 - p)).

References
----------
Cock et al. (2010), doi:10.1093/nar/gkp1137.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

#: Encoding of qualities in a file.
Encoding: TypeAlias = Literal["phred33", "phred64", "solexa"]

OFFSETS: dict[Encoding, int] = {"phred33": 33, "phred64": 64, "solexa": 64}
# made once: making a NumPy scalar takes half as long as decoding a read
_OFFSETS_UINT8 = {name: np.uint8(offset) for name, offset in OFFSETS.items()}
#: Least and greatest score of each encoding.
SCORES: dict[Encoding, tuple[int, int]] = {"phred33": (0, 93), "phred64": (0, 62), "solexa": (-5, 62)}
#: Characters below this occur only in phred33.
_PHRED33_BELOW = ord(";")
#: Characters below this do not occur in phred64.
_LEAST_PHRED64 = ord("@")
#: Characters above this are taken for an offset of 64.
_GREATEST_PHRED33 = ord("K")


def check_encoding(encoding: str) -> Encoding:
    """Return ``encoding`` if it is a known one.

    Raises
    ------
    ValueError
        If it is not ``"phred33"``, ``"phred64"`` or ``"solexa"``.
    """
    for known in get_args(Encoding):
        if encoding == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"encoding expects one of {', '.join(get_args(Encoding))}, got {encoding!r}")


def characters(encoding: Encoding) -> tuple[int, int]:
    """Least and greatest byte of an encoding's quality characters."""
    low, high = SCORES[encoding]
    return OFFSETS[encoding] + low, OFFSETS[encoding] + high


def decode_qualities(encoded: bytes, encoding: Encoding) -> np.ndarray:
    """Convert quality characters to scores: (length,) uint8, or int8 for Solexa, whose scores may be negative."""
    scores: np.ndarray = np.frombuffer(encoded, np.uint8) - _OFFSETS_UINT8[encoding]
    return scores.view(np.int8) if encoding == "solexa" else scores


def error_probabilities(scores: np.ndarray, encoding: str = "phred33") -> np.ndarray:
    """Probability that each base is wrong.

        Phred: p = 10^(-Q / 10)        Solexa: p = 1 / (1 + 10^(Q / 10))

    Parameters
    ----------
    scores : numpy.ndarray
        Integers or floats, of any shape.
    encoding : {"phred33", "phred64", "solexa"}
        Which kind of scores they are; the two Phred encodings differ in the file only.

    Returns
    -------
    numpy.ndarray
        float64, of the same shape.
    """
    q = np.asarray(scores, dtype=np.float64)
    if check_encoding(encoding) == "solexa":
        return np.asarray(1 / (1 + 10 ** (q / 10)))
    return np.asarray(10 ** (-q / 10))


def _solexa_to_phred(scores: np.ndarray) -> np.ndarray:
    return 10 * np.log10(10 ** (scores / 10) + 1)


def _phred_to_solexa(scores: np.ndarray) -> np.ndarray:
    # Phred 0 is p = 1, which has no Solexa score, and Phred 1 would be -5.9: both become the least score
    inner = np.maximum(10 ** (scores / 10) - 1, 10**-0.5)
    return 10 * np.log10(inner)


def convert_qualities(scores: np.ndarray, source: str, target: str) -> np.ndarray:
    """Convert scores of one encoding to another, rounded to the nearest integer.

        Q_Phred = 10 log10(10^(Q_Solexa / 10) + 1)
        Q_Solexa = 10 log10(10^(Q_Phred / 10) - 1), and at least -5

    Scores above the greatest that ``target`` can write become that one (62 for phred64 and solexa).

    Parameters
    ----------
    scores : numpy.ndarray
        Integers, of any shape, in the range of ``source``.
    source, target : {"phred33", "phred64", "solexa"}

    Returns
    -------
    numpy.ndarray
        uint8, or int8 for Solexa.

    Raises
    ------
    ValueError
        For a score outside the range of ``source``.

    References
    ----------
    Cock et al. (2010), doi:10.1093/nar/gkp1137, "Conversions".
    """
    given, wanted = check_encoding(source), check_encoding(target)
    scores = np.asarray(scores)
    low, high = SCORES[given]
    if scores.size and not (scores.min() >= low and scores.max() <= high):
        raise ValueError(f"{given} scores run from {low} to {high}, got {scores.min()} to {scores.max()}")
    table = np.arange(low, high + 1, dtype=np.float64)
    if given == "solexa" != wanted:
        table = np.rint(_solexa_to_phred(table))
    elif wanted == "solexa" != given:
        table = np.rint(_phred_to_solexa(table))
    limited = np.minimum(table, SCORES[wanted][1]).astype(np.int8 if wanted == "solexa" else np.uint8)
    return np.asarray(limited[scores.astype(np.int64) - low])


@dataclass(frozen=True)
class EncodingGuess:
    """A guess of the encoding of qualities.

    Attributes
    ----------
    encoding : {"phred33", "phred64", "solexa"}
        The guessed encoding.
    sure : bool
        Whether the characters that were seen allow no other.
    possible : tuple of str
        Every encoding that they allow.
    characters : str
        The least and the greatest character seen; empty if none was.
    n_records : int
        Number of records read for the guess.
    """

    encoding: Encoding
    sure: bool
    possible: tuple[Encoding, ...]
    characters: str
    n_records: int

    def __str__(self) -> str:
        least = self.characters[:1]
        greatest = self.characters[1:]
        return (
            f"qualities from {least!r} to {greatest!r} in {self.n_records} records could be "
            f"{' or '.join(self.possible)}; taken as {self.encoding}"
        )


def guess_encoding(qualities: Iterable[bytes]) -> EncodingGuess:
    """Guess the encoding from quality strings, one for each record.

    A character below ``;`` (59) occurs only in phred33: only then the guess is sure, because phred33 has all the
    characters of the others. Otherwise phred33 is guessed if no character is above ``K`` (score 42 in phred33), solexa
    if one is below ``@``, and phred64 otherwise.
    """
    strings = list(qualities)
    seen = np.frombuffer(b"".join(strings), np.uint8)
    if not seen.size:
        return EncodingGuess("phred33", False, get_args(Encoding), "", len(strings))
    low, high = int(seen.min()), int(seen.max())
    possible = tuple(
        name for name in get_args(Encoding) if characters(name)[0] <= low and high <= characters(name)[1]
    )
    encoding: Encoding = "phred64"
    if low < _PHRED33_BELOW or high <= _GREATEST_PHRED33:
        encoding = "phred33"
    elif low < _LEAST_PHRED64:
        encoding = "solexa"
    return EncodingGuess(encoding, low < _PHRED33_BELOW, possible, chr(low) + chr(high), len(strings))
