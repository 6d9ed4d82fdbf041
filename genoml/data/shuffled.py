"""Negatives that are shuffles of the positives, drawn anew for every epoch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from genoml.data.dataset import SequenceData
from genoml.random import derive_key
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.shuffle import dinucleotide_shuffle


@dataclass(frozen=True, kw_only=True)
class ShuffledNegatives(SequenceData):
    """Positives, and as many exact dinucleotide shuffles of them.

    A network can learn a fixed set of shuffles by heart; it cannot learn what changes each epoch.

    Attributes
    ----------
    origins : (n, length) uint8
        The sequence that each example is, or is a shuffle of.
    """

    origins: np.ndarray

    @classmethod
    def of(
        cls, positives: np.ndarray, groups: list[str] | None = None, *, seed: int = 0
    ) -> ShuffledNegatives:
        """Base codes (n, length) and one shuffle of each: 2 n examples."""
        both = None if groups is None else (groups, groups)
        plain = SequenceData.binary(positives, _shuffled(positives, seed), both)
        return cls(plain.codes, plain.targets, plain.groups, origins=np.concatenate([positives, positives]))

    def take(self, index: np.ndarray) -> Self:
        """The examples at these positions, or where a mask is true."""
        # the lengths are checked of the whole, so the origins come along in one step
        return replace(super().take(index), origins=self.origins[index])

    def for_epoch(self, epoch: int, seed: int) -> Self:
        """The same positives; new shuffles, keyed by (seed, epoch)."""
        negative = self.targets[:, 0] == 0.0
        codes = self.codes.copy()
        codes[negative] = _shuffled(self.origins[negative], derive_key(seed, "negatives", epoch)[0] >> 1)
        return replace(self, codes=codes)


def _shuffled(codes: np.ndarray, seed: int) -> np.ndarray:
    """One shuffle of each row; padding stays where it is."""
    inside = codes != PAD_CODE
    if inside.all():
        return dinucleotide_shuffle(codes, seed=seed)
    rows = dinucleotide_shuffle([row[kept] for row, kept in zip(codes, inside, strict=True)], seed=seed)
    shuffled = codes.copy()
    shuffled[inside] = np.concatenate(rows)
    return shuffled
