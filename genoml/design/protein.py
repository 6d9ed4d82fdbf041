"""The constraint that a protein stays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genoml.arguments import Whole, checked
from genoml.design.constraints import Constraint, Counts, Origin
from genoml.sequence.codes import decode
from genoml.sequence.genes.genetic_codes import codon_index, genetic_code

__all__ = ["Translate"]


@checked
@dataclass(frozen=True)
class Translate(Constraint):
    """The sequence codes for a protein, from ``start`` on.

    What is wrong is the least number of bases that differ from codons of the protein.

    Parameters
    ----------
    protein : str
        Amino acids, ``*`` for a stop.
    start : int
        Position of the first codon.
    table : int or str
        Genetic code, see :func:`genoml.sequence.genetic_code`.

    Raises
    ------
    ValueError
        For a letter that no codon of the table has.
    """

    protein: str
    start: Whole = 0
    table: int | str = 1

    def __post_init__(self) -> None:
        _ = self._distances

    def __str__(self) -> str:
        shown = self.protein if len(self.protein) <= 20 else f"{self.protein[:17]}..."
        return f"Translate({shown}{f', start={self.start}' if self.start else ''})"

    def check(self, n: int, length: int) -> None:
        end = self.start + 3 * len(self.protein)
        if not self.protein or end > length:
            raise ValueError(f"{self} expects a protein whose codons end within {length} bases, got {end}")

    @cached_property
    def _distances(self) -> Counts:
        """Bases that differ from the nearest codon of each amino acid, for the 64 codons in base 4."""
        codons = np.stack(np.unravel_index(np.arange(64), (4, 4, 4)), axis=1)
        letters = genetic_code(self.table).letters[codon_index(codons.astype(np.uint8))]
        apart = (codons[:, None] != codons[None]).sum(axis=2)
        found = []
        for place, letter in enumerate(self.protein.upper()):
            same = letters == ord(letter)
            if not same.any():
                raise ValueError(
                    f"Translate expects amino acids of genetic code {self.table}, got {letter!r} at {place}"
                )
            found.append(apart[:, same].min(axis=1))
        return np.asarray(found, dtype=np.int64).reshape(-1, 64)

    def _codons(self, codes: np.ndarray) -> tuple[Counts, Counts]:
        """Number of each codon of the protein in base 4, and the bases of them, (n, codons) and (n, codons, 3)."""
        end = self.start + 3 * len(self.protein)
        bases = codes[:, self.start : end].reshape(len(codes), -1, 3).astype(np.int64)
        return bases @ np.array([16, 4, 1]), bases

    def count(self, codes: np.ndarray, origin: Origin) -> Counts:
        numbers, _ = self._codons(codes)
        return np.asarray(self._distances[np.arange(numbers.shape[1]), numbers].sum(axis=1))

    def after(self, codes: np.ndarray, origin: Origin) -> Counts:
        numbers, bases = self._codons(codes)
        codons = np.arange(numbers.shape[1])
        now = self._distances[codons, numbers]
        total = now.sum(axis=1)
        found = np.broadcast_to(total[:, None, None], (*codes.shape, 4)).copy()
        for t, weight in enumerate((16, 4, 1)):
            changed = numbers[:, :, None] + weight * (np.arange(4) - bases[:, :, t : t + 1])
            new = self._distances[codons[:, None], changed] - now[:, :, None]
            found[:, self.start + t : self.start + 3 * len(codons) : 3] += new
        return found

    def tell(self, row: np.ndarray) -> str:
        numbers, _ = self._codons(row[None])
        place = int(np.argmax(self._distances[np.arange(numbers.shape[1]), numbers[0]] > 0))
        at = self.start + 3 * place
        return f"{decode(row[at : at + 3])} at {at} does not code for {self.protein[place]}"
