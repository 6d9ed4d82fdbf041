"""The 27 genetic codes of NCBI, with look-up tables for codons that may have ambiguous letters.

A codon is three base codes c0, c1, c2 (see :mod:`genoml.sequence.alphabet`). Its index in a table of 4096 entries is
256 c0 + 16 c1 + c2.

References
----------
NCBI, gc.prt (genetic code table), version 4.6, https://ftp.ncbi.nih.gov/entrez/misc/data/gc.prt; Nomenclature
Committee of the International Union of Biochemistry (1985), doi:10.1093/nar/13.9.3021.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import product
from typing import Any

import numpy as np

from genoml.sequence.alphabet import BYTE_TO_CODE, MEMBERSHIP

# the order of the 64 letters in gc.prt
CODONS = tuple(map("".join, product("TCAG", repeat=3)))
#: Groups of amino acids with a letter of their own (IUPAC-IUB 1983).
_GROUPS = {"DN": "B", "EQ": "Z", "IL": "J"}
_LETTERS = "*ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# numbers that NCBI withdrew, and what took their place
_WITHDRAWN = {7: 4, 8: 1}


@cache
def _expansions() -> np.ndarray:
    """The unambiguous codons, in NCBI's order, that each codon can be: (4096, 64) bool."""
    bases = np.array([[BYTE_TO_CODE["DNA"][ord(letter)] for letter in codon] for codon in CODONS])
    first = MEMBERSHIP[:, bases[:, 0]]
    second = MEMBERSHIP[:, bases[:, 1]]
    third = MEMBERSHIP[:, bases[:, 2]]
    every = first[:, None, None] & second[None, :, None] & third[None, None, :]
    table = np.ascontiguousarray(every.reshape(4096, 64))
    table.setflags(write=False)
    return table


def codon_index(codons: np.ndarray) -> np.ndarray:
    """Index of codons (..., 3) of base codes in the look-up tables: (...,) uint16."""
    wide = codons.astype(np.uint16, copy=False)
    return np.asarray((wide[..., 0] << 8) | (wide[..., 1] << 4) | wide[..., 2])


@dataclass(frozen=True)
class GeneticCode:
    """One genetic code of NCBI.

    Attributes
    ----------
    id : int
        Number, as in ``/transl_table`` of GenBank.
    names : tuple of str
        NCBI's names, the usual one first.
    amino_acids : str
        64 letters, for the codons TTT, TTC, TTA, TTG, TCT ... GGG; ``*`` is a stop.
    starts_and_stops : str
        64 marks for them: ``M`` can start a protein, ``*`` can stop it, ``-`` neither.
    """

    id: int
    names: tuple[str, ...]
    amino_acids: str
    starts_and_stops: str

    @property
    def name(self) -> str:
        """The usual name."""
        return self.names[0]

    @property
    def start_codons(self) -> tuple[str, ...]:
        """Codons that can start a protein."""
        return self._marked("M")

    @property
    def stop_codons(self) -> tuple[str, ...]:
        """Codons that can stop a protein, including those that can also code for an amino acid."""
        return self._marked("*")

    @property
    def dual_codons(self) -> tuple[str, ...]:
        """Codons that can stop or code, depending on the context (codes 27, 28 and 31)."""
        return tuple(codon for codon in self.stop_codons if self.amino_acids[CODONS.index(codon)] != "*")

    def _marked(self, mark: str) -> tuple[str, ...]:
        return tuple(
            codon for codon, given in zip(CODONS, self.starts_and_stops, strict=True) if given == mark
        )

    @cached_property
    def letters(self) -> np.ndarray:
        """The amino-acid letter of each codon, in ASCII: (4096,) uint8.

        A codon with ambiguous letters gives the amino acid that all its readings share, ``*`` if all are stops, B
        for Asp or Asn, Z for Glu or Gln, J for Ile or Leu, and otherwise X, as in Biopython.
        """
        bits = np.array([1 << _LETTERS.index(letter) for letter in self.amino_acids], dtype=np.uint32)
        found = np.bitwise_or.reduce(np.where(_expansions(), bits, np.uint32(0)), axis=1)
        table = np.full(4096, ord("X"), dtype=np.uint8)
        groups = {letter: letter for letter in _LETTERS} | _GROUPS
        for members, letter in groups.items():
            table[found == sum(1 << _LETTERS.index(member) for member in members)] = ord(letter)
        table.setflags(write=False)
        return table

    @cached_property
    def start_lookup(self) -> np.ndarray:
        """Whether a codon can only be one of ``start_codons``: (4096,) bool."""
        return codon_lookup(self.start_codons)

    @cached_property
    def stop_lookup(self) -> np.ndarray:
        """Whether a codon can only be one of ``stop_codons``: (4096,) bool."""
        return codon_lookup(self.stop_codons)


def codon_lookup(codons: Iterable[str]) -> np.ndarray:
    """Whether every reading of a codon is among those given: (4096,) bool.

    Raises
    ------
    ValueError
        For a codon that is not three letters of A, C, G and T or U.
    TypeError
        For a codon that is no str, or one str in place of several.
    """
    if isinstance(codons, str | bytes) or not isinstance(codons, Iterable):
        raise TypeError(f"expects several codons, such as ['ATG', 'GTG'], got {codons!r}")
    plain = set()
    for codon in codons:
        if not isinstance(codon, str):
            raise TypeError(f"a codon expects a str of three letters, got {type(codon).__name__}")
        plain.add(codon.upper().replace("U", "T"))
        if not plain.issubset(CODONS):
            raise ValueError(f"a codon expects three letters of A, C, G and T or U, got {codon!r}")
    return _lookup(frozenset(plain))


@lru_cache(maxsize=64)
def _lookup(codons: frozenset[str]) -> np.ndarray:
    among = np.array([codon in codons for codon in CODONS])
    expansions = _expansions()
    table = np.asarray(expansions.any(axis=1) & ~(expansions & ~among).any(axis=1))
    table.setflags(write=False)
    return table


@cache
def genetic_codes() -> dict[int, GeneticCode]:
    """The 27 genetic codes of NCBI by their numbers: 1 to 6, 9 to 16 and 21 to 33."""
    import json  # here, so that `import genoml` does not wait for them
    from importlib.resources import files

    with (files("genoml") / "resources" / "genetic_codes.json").open(encoding="ascii") as stream:
        tables: list[dict[str, Any]] = json.load(stream)["tables"]
    codes = (
        GeneticCode(table["id"], tuple(table["names"]), table["amino_acids"], table["starts_and_stops"])
        for table in tables
    )
    return {code.id: code for code in codes}


@cache
def _numbers_by_name() -> dict[str, int]:
    numbers: dict[str, int] = {}
    for code in genetic_codes().values():
        for name in code.names:
            # "Bacterial, Archaeal and Plant Plastid" can be asked for by each of its parts
            for key in (name, *re.split(r", | and ", name)):
                numbers.setdefault(key.lower(), code.id)
    return numbers


def genetic_code(table: int | str | GeneticCode) -> GeneticCode:
    """Find a genetic code by its NCBI number (11, ``"11"``) or name (``"Bacterial"``, ``"SGC1"``; any case).

    Raises
    ------
    ValueError
        For a number or name that NCBI's list does not have.
    TypeError
        For any other kind.
    """
    if isinstance(table, GeneticCode):
        return table
    if isinstance(table, bool) or not isinstance(table, int | np.integer | str):
        raise TypeError(f"table expects the number or name of a genetic code, got {type(table).__name__}")
    number: int | None
    if isinstance(table, str) and not table.strip().isdecimal():
        number = _numbers_by_name().get(" ".join(table.lower().split()))
    else:
        number = int(table)
    codes = genetic_codes()
    if number in codes:
        return codes[number]
    hint = ""
    if number in _WITHDRAWN:
        hint = f"; NCBI merged {number} into {_WITHDRAWN[number]}"
    known = ", ".join(map(str, codes))
    raise ValueError(
        f"table expects an NCBI genetic code, one of {known}, or the name of one, got {table!r}{hint}"
    )
