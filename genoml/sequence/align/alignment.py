"""The Alignment record: score, coordinates and columns, with CIGAR and printed form."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

__all__ = ["Alignment"]

#: Kinds of column: identical letters, different letters, a letter of ``a`` only, a letter of ``b`` only.
IDENTICAL, DIFFERENT, ONLY_A, ONLY_B = range(4)
_CIGAR = "=XID"


@dataclass(frozen=True, eq=False)
class Alignment:
    """A best alignment of two sequences; in SAM's terms ``a`` is the query and ``b`` the reference.

    Attributes
    ----------
    score : int or float
        An int if matrix and gap costs are whole numbers.
    mode : str
        ``"global"``, ``"local"`` or ``"semiglobal"``.
    start_a, end_a, start_b, end_b : int
        The aligned part of each sequence, 0-based, half-open. In global mode it is all of both; free overhangs
        (semiglobal), and letters outside a local alignment, are left out.
    aligned_a, aligned_b : str
        The aligned parts, with ``-`` for gaps; letters keep their case.
    columns : numpy.ndarray
        (length,) uint8, the kind of each column: 0 identical letters, 1 different letters, 2 a gap in ``b``, 3 a gap
        in ``a``.
    positive : numpy.ndarray
        (length,) bool: pairs of letters with a score above 0.
    length_a, length_b : int
        Lengths of the whole sequences.
    matrix : str
        Name of the matrix.
    gap_open, gap_extend : float
        Costs of the first letter of a gap, and of each further one.
    """

    score: int | float
    mode: str
    start_a: int
    end_a: int
    start_b: int
    end_b: int
    aligned_a: str = field(repr=False)
    aligned_b: str = field(repr=False)
    columns: np.ndarray = field(repr=False)
    positive: np.ndarray = field(repr=False)
    length_a: int
    length_b: int
    matrix: str
    gap_open: float
    gap_extend: float

    def __len__(self) -> int:
        return int(self.columns.size)

    @cached_property
    def identities(self) -> int:
        """Number of columns with the same letter in both, upper or lower case; in nucleotides U equals T."""
        return int(np.count_nonzero(self.columns == IDENTICAL))

    @cached_property
    def positives(self) -> int:
        """Number of columns with two letters whose score is above 0; EMBOSS calls their fraction similarity."""
        return int(np.count_nonzero(self.positive))

    @cached_property
    def gaps(self) -> int:
        """Number of columns with a gap."""
        return int(np.count_nonzero(self.columns >= ONLY_A))

    @property
    def identity(self) -> float:
        """Identities / columns, gaps included, as in BLAST and EMBOSS; 0.0 if empty."""
        return self.identities / len(self) if len(self) else 0.0

    @cached_property
    def cigar(self) -> str:
        """CIGAR string with SAM's extended letters, such as ``"5=1X3I2="``.

        ``=`` same letter, ``X`` different letters, ``I`` a letter of ``a`` (the query) alone, ``D`` a letter of
        ``b`` (the reference) alone. Parts outside the alignment are not in it. Empty if there are no columns.
        """
        return "".join(f"{count}{_CIGAR[kind]}" for kind, count in self._runs())

    def _runs(self) -> list[tuple[int, int]]:
        starts = np.flatnonzero(np.diff(self.columns, prepend=np.uint8(_NO_KIND)))
        counts = np.diff(starts, append=len(self))
        return list(zip(self.columns[starts].tolist(), counts.tolist(), strict=True))

    @cached_property
    def midline(self) -> str:
        """Marks between the two rows: ``|`` identical, ``:`` score above 0, ``.`` other pairs, blank at a gap."""
        marks = np.frombuffer(b"|.  ", np.uint8)[self.columns]
        marks[self.positive & (self.columns == DIFFERENT)] = ord(":")
        return str(marks.tobytes(), "ascii")

    def format(self, name_a: str = "a", name_b: str = "b", *, width: int = 60) -> str:
        """The alignment as text: a heading, then blocks of ``width`` columns.

        The numbers next to the letters count from 1, as in BLAST and EMBOSS.
        """
        if width < 1:
            raise ValueError(f"width expects 1 or more, got {width}")
        return "\n".join([*self._heading(name_a, name_b), *self._blocks(name_a, name_b, width)])

    def __str__(self) -> str:
        return self.format()

    def _heading(self, name_a: str, name_b: str) -> list[str]:
        total = len(self)

        def share(count: int) -> str:
            return f"{count}/{total} ({100 * count / total if total else 0.0:.1f} %)"

        return [
            f"# {name_a} ({self.length_a} letters, {self.start_a}-{self.end_a} aligned) with "
            f"{name_b} ({self.length_b} letters, {self.start_b}-{self.end_b} aligned)",
            f"# {self.mode}, matrix {self.matrix}, a gap of n costs {self.gap_open:g} + (n - 1) x {self.gap_extend:g}",
            f"# score {self.score:.12g}, identity {share(self.identities)}, positive {share(self.positives)}, "
            f"gaps {share(self.gaps)}",
        ]

    def _blocks(self, name_a: str, name_b: str, width: int) -> list[str]:
        labels = [name[:20] for name in (name_a, name_b)]
        margin = max(map(len, labels))
        digits = len(str(max(self.end_a, self.end_b)))
        lines = []
        starts = [self.start_a, self.start_b]
        for begin in range(0, len(self), width):
            rows = [text[begin : begin + width] for text in (self.aligned_a, self.aligned_b)]
            ends = [start + len(row) - row.count("-") for start, row in zip(starts, rows, strict=True)]
            # a row of gaps alone shows the number of the letter before it
            first = [min(start + 1, end) for start, end in zip(starts, ends, strict=True)]
            middle = f"{'':{margin + digits + 2}}{self.midline[begin : begin + width]}".rstrip()
            shown = [
                f"{label:{margin}} {number:{digits}} {row} {end}"
                for label, number, row, end in zip(labels, first, rows, ends, strict=True)
            ]
            lines += ["", shown[0], middle, shown[1]]
            starts = ends
        return lines


#: A value unlike any kind of column, put before the first so that a run begins there.
_NO_KIND = 255
