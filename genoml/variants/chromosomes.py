"""Chromosomes of variants under the names that a genome has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genoml.genome import GenomeStore
from genoml.sequence.variants import Variants

_MITOCHONDRIA = ("M", "MT")


@dataclass(frozen=True)
class Chromosomes:
    """How the names of a file become those of a genome: as they are, or with ``chr`` added or left out.

    Attributes
    ----------
    known : mapping of str to int
        Number of each chromosome of the genome.
    prefix : {"same", "added", "removed"}
        The rule, one for a whole file.
    """

    known: Mapping[str, int]
    prefix: Literal["same", "added", "removed"] = "same"

    @classmethod
    def match(cls, genome: GenomeStore, variants: Variants) -> Chromosomes:
        """The rule under which most rows are on chromosomes of the genome; names as they are if it is a tie."""
        known = {name: number for number, name in enumerate(genome.names)}
        rules = [cls(known, prefix) for prefix in ("same", "added", "removed")]
        return max(rules, key=lambda rule: int((rule.numbers(variants) >= 0).sum()))

    def numbers(self, variants: Variants) -> np.ndarray:
        """(n,) int64: the number of each row's chromosome in the genome, -1 if it lacks it."""
        table = [self.known.get(self.name(name), -1) for name in variants.names]
        found: np.ndarray = np.array([*table, -1], np.int64)[variants.codes]
        return found

    def name(self, name: str) -> str:
        """The genome's name for a chromosome of the file."""
        if self.prefix == "same":
            return name
        bare = name.removeprefix("chr")
        if bare == name and self.prefix == "removed":
            return name
        changed = f"chr{name}" if self.prefix == "added" else bare
        if bare in _MITOCHONDRIA and changed not in self.known:
            other = _MITOCHONDRIA[bare == "M"]
            return f"chr{other}" if self.prefix == "added" else other
        return changed

    def __str__(self) -> str:
        done = {"added": "got the prefix chr", "removed": "lost the prefix chr"}.get(self.prefix)
        return f"names of chromosomes {done}, as the genome has them" if done else ""
