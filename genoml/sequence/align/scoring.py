"""Scores of alignments: a substitution matrix and gap costs, checked and scaled to integers.

Alignments are computed in integers, so that a traceback is exact. Decimals, such as a gap cost of 0.5, are multiplied
by the smallest number that makes all of them whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from genoml.sequence.align.substitution import LARGEST_SCORE, Letters, SubstitutionMatrix, letter_bytes

__all__ = ["Matrix", "Scoring", "choose_matrix", "resolve_scoring"]

#: Types of ``matrix=``; see :func:`genoml.sequence.align.align`.
Matrix: TypeAlias = "str | SubstitutionMatrix | tuple[float, float] | Mapping[Any, float] | ArrayLike | None"

_DEFAULTS = {"NUC.4.4": (10.0, 1.0), "BLOSUM62": (11.0, 1.0), "BLOSUM80": (11.0, 1.0), "PAM30": (11.0, 1.0)}
_NUCLEOTIDES = "ACGTURYSWKMBDHVN"
#: The least fraction of A C G T U N in sequences that are taken for nucleotides.
_PLAIN_SHARE = 0.9
#: The largest factor that makes scores whole.
_LARGEST_SCALE = 1000


class Scoring(NamedTuple):
    """Substitution matrix and gap costs, as integers in units of ``1 / scale``.

    A gap of n letters costs ``gap_open + (n - 1) * gap_extend``.

    Attributes
    ----------
    matrix : SubstitutionMatrix
        As given, not scaled.
    table : numpy.ndarray
        (letters, letters) int64.
    gap_open, gap_extend : int
        Costs of the first letter of a gap and of each further one.
    scale : int
        Factor by which scores were multiplied; 1 if all were whole.
    """

    matrix: SubstitutionMatrix
    table: np.ndarray
    gap_open: int
    gap_extend: int
    scale: int

    def largest(self, shorter: int, longer: int) -> int:
        """An upper bound of the absolute value of every number in an alignment of these lengths."""
        step = int(np.abs(self.table).max()) + 2 * self.gap_extend
        return (shorter + 1) * step + 2 * self.gap_open + (shorter + longer + 2) * self.gap_extend

    def unscaled(self, score: int) -> int | float:
        """The score in the units of the matrix: an int if all of them are whole."""
        return score if self.scale == 1 else score / self.scale


def resolve_scoring(
    matrix: Matrix, gap_open: float | None, gap_extend: float | None, sequences: Sequence[Letters]
) -> Scoring:
    """Scale matrix and gap costs to integers; those that are None are chosen for the sequences.

    Raises
    ------
    ValueError
        For an unknown name, gap costs out of order or missing, numbers with more than three decimals, and sequences
        that may be nucleotides or proteins.
    TypeError
        For a matrix of another kind.
    """
    chosen = choose_matrix(matrix, sequences)
    default = _DEFAULTS.get(chosen.name)
    if default is None and (gap_open is None or gap_extend is None):
        raise ValueError(
            f"gap_open and gap_extend have no default for matrix {chosen.name}, whose scale may be any; give both"
        )
    first = float(default[0] if gap_open is None and default else gap_open)  # type: ignore[arg-type]
    following = float(default[1] if gap_extend is None and default else gap_extend)  # type: ignore[arg-type]
    if not 0 <= following <= first <= LARGEST_SCORE:
        raise ValueError(
            "gap costs expect 0 <= gap_extend <= gap_open <= 1e6 (they are subtracted), "
            f"got gap_open={first:g}, gap_extend={following:g}"
        )
    values = np.concatenate([chosen.scores.reshape(-1), [first, following]])
    scale = 1 if np.array_equal(values, np.rint(values)) else _common_scale(np.unique(values).tolist())
    table = np.rint(chosen.scores * scale).astype(np.int64)
    return Scoring(chosen, table, round(first * scale), round(following * scale), scale)


def choose_matrix(matrix: Matrix, sequences: Sequence[Letters]) -> SubstitutionMatrix:
    """The substitution matrix given by ``matrix``, or, if None, the default for these sequences.

    Raises
    ------
    ValueError, TypeError
        As :func:`resolve_scoring`.
    """
    return _default_matrix(sequences) if matrix is None else _as_matrix(matrix)


def _default_matrix(sequences: Sequence[Letters]) -> SubstitutionMatrix:
    counts = np.zeros(256, dtype=np.int64)
    for sequence in sequences:
        counts += np.bincount(np.frombuffer(letter_bytes(sequence, "align"), np.uint8), minlength=256)
    counts[ord("A") : ord("Z") + 1] += counts[ord("a") : ord("z") + 1]
    letters = int(counts[ord("A") : ord("Z") + 1].sum())
    nucleotide = int(counts[list(_NUCLEOTIDES.encode())].sum())
    plain = int(counts[list(b"ACGTUN")].sum())
    if nucleotide < letters:
        return SubstitutionMatrix.load("BLOSUM62")
    if plain < _PLAIN_SHARE * letters:
        raise ValueError(
            f"cannot tell nucleotides from amino acids: all letters are nucleotide codes, but only {plain} of "
            f"{letters} are A C G T U N; pass matrix='NUC.4.4' or matrix='BLOSUM62'"
        )
    return SubstitutionMatrix.load("NUC.4.4")


def _as_matrix(matrix: Any) -> SubstitutionMatrix:
    if isinstance(matrix, SubstitutionMatrix):
        return matrix
    if isinstance(matrix, str):
        return SubstitutionMatrix.load(matrix)
    if isinstance(matrix, Mapping):
        return _from_pairs(matrix)
    if isinstance(matrix, tuple) and len(matrix) == 2:
        return _match_mismatch(*matrix)
    scores = np.asarray(matrix)
    letters = getattr(matrix, "alphabet", "ACGT")  # Biopython's arrays carry theirs
    if scores.dtype.kind not in "iuf" or scores.ndim != 2:
        raise TypeError(
            "matrix expects a name, a SubstitutionMatrix, (match, mismatch), a dict of pairs of letters or an "
            f"array (4, 4) in the order A C G T, got {type(matrix).__name__}"
        )
    return SubstitutionMatrix(str(letters), scores)


def _match_mismatch(match: float, mismatch: float) -> SubstitutionMatrix:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
    scores = np.full((len(letters), len(letters)), float(mismatch))
    np.fill_diagonal(scores, float(match))
    return SubstitutionMatrix(letters, scores, f"{match:g}/{mismatch:g}")


def _from_pairs(pairs: Mapping[Any, float]) -> SubstitutionMatrix:
    table: dict[tuple[str, str], float] = {}
    for pair, score in pairs.items():
        if len(pair) != 2 or not all(isinstance(letter, str) and len(letter) == 1 for letter in pair):
            raise ValueError(f"matrix expects pairs of letters such as ('A', 'C') or 'AC', got {pair!r}")
        table[pair[0].upper(), pair[1].upper()] = float(score)
    letters = "".join(sorted({letter for pair in table for letter in pair}))
    scores = np.empty((len(letters), len(letters)))
    for i, a in enumerate(letters):
        for j, b in enumerate(letters):
            if (a, b) not in table and (b, a) not in table:
                raise ValueError(
                    f"matrix has no score for {a} against {b}, neither as ({a}, {b}) nor as ({b}, {a})"
                )
            scores[i, j] = table.get((a, b), table.get((b, a), 0.0))
    return SubstitutionMatrix(letters, scores)


def _common_scale(values: list[float]) -> int:
    from fractions import Fraction

    scale = 1
    for value in values:
        part = Fraction(value).limit_denominator(_LARGEST_SCALE)
        scale = math.lcm(scale, part.denominator)
        if scale > _LARGEST_SCALE or abs(float(part) - value) > 1e-9 * max(1.0, abs(value)):
            raise ValueError(f"scores and gap costs expect at most three decimals, got {value!r}")
    return scale
