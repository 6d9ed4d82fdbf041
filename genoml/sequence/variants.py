"""Variants of a genome as columns: chromosome, position, REF and ALT, a row an ALT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

#: letters of an allele in a message
_LONGEST_ALLELE = 20


@dataclass(frozen=True)
class Variants:
    """Variants as columns, a row an ALT.

    Attributes
    ----------
    names : tuple of str
        The chromosomes, in order of first appearance.
    codes : numpy.ndarray
        (n,) int64, index of each row's chromosome in ``names``.
    pos : numpy.ndarray
        (n,) int64, 0-based position of the first base of REF.
    id, ref, alt : numpy.ndarray
        (n,) str; bases in upper case, as the file has them otherwise.
    record : numpy.ndarray
        (n,) int64, number of the record in its file, from 0.
    alt_index : numpy.ndarray
        (n,) int64, number of the ALT in its record, from 1.
    line : numpy.ndarray
        (n,) int64, 1-based number of the line; 0 if there is no file.
    """

    names: tuple[str, ...]
    codes: np.ndarray
    pos: np.ndarray
    id: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    record: np.ndarray
    alt_index: np.ndarray
    line: np.ndarray

    @classmethod
    def of(
        cls, chrom: Sequence[str], pos: Any, ref: Sequence[str], alt: Sequence[str], *, id: Any = None
    ) -> Variants:
        """Variants from columns in memory, one ALT a row; ``pos`` is 0-based.

        Raises
        ------
        ValueError
            If lengths differ or a position is negative.
        """
        count, places = len(ref), np.asarray(pos, np.int64).reshape(-1)
        if not len(chrom) == len(places) == len(alt) == count or (places < 0).any():
            raise ValueError("Variants expects chrom, pos >= 0, ref and alt of one length")
        names, codes = coded(chrom)
        identifiers = texts(["."] * count if id is None else id)
        alleles = [texts(map(str.upper, each)) for each in (ref, alt)]
        row = np.arange(count)
        return cls(names, codes, places, identifiers, alleles[0], alleles[1], row, 0 * row + 1, 0 * row)

    @property
    def chrom(self) -> np.ndarray:
        """Chromosome of each row: (n,) object array."""
        return np.asarray(np.array([*self.names, ""], dtype=object)[self.codes])

    def __len__(self) -> int:
        return len(self.pos)

    def __getitem__(self, rows: slice | np.ndarray) -> Variants:
        """Rows chosen by a slice, a mask or an index array."""
        return Variants(self.names, *(getattr(self, field.name)[rows] for field in fields(self)[1:]))

    def place(self, row: int) -> str:
        """One row as ``chrom:pos REF>ALT``, 1-based, for messages."""
        alleles = ">".join(_shown(each) for each in (self.ref[row], self.alt[row]))
        return f"{self.names[self.codes[row]]}:{self.pos[row] + 1} {alleles}"


def join_variants(parts: Iterable[Variants]) -> Variants:
    """Rows of several blocks, one after another."""
    held = list(parts) or [Variants.of([], [], [], [])]
    names, codes = coded(np.concatenate([part.chrom for part in held]))
    columns = [field.name for field in fields(Variants)[2:]]
    return Variants(names, codes, *(np.concatenate([getattr(p, name) for p in held]) for name in columns))


def coded(chrom: Iterable[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names in order of first appearance, and the index of each value in them."""
    seen: dict[str, int] = {}
    codes = np.array([seen.setdefault(name, len(seen)) for name in chrom], np.int64)
    return tuple(seen), codes


def texts(values: Iterable[str]) -> np.ndarray:
    """Text as an object array."""
    held = list(values)
    found = np.empty(len(held), dtype=object)
    found[:] = held
    return found


def _shown(allele: str) -> str:
    return allele if len(allele) <= _LONGEST_ALLELE else f"{allele[:_LONGEST_ALLELE]}... ({len(allele)} bp)"
