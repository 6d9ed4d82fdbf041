"""Negatives that are shuffles of the positives, drawn anew for every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from genoml.data.codes import CodeRows, Codes, LazyCodes, is_plain, row_numbers, take_rows
from genoml.data.dataset import SequenceData
from genoml.random import derive_key
from genoml.sequence.draws import row_keys
from genoml.sequence.shuffle import shuffle_each


class ShuffledCodes(LazyCodes):
    """Sequences and exact dinucleotide shuffles of them, made when they are asked for.

    A shuffle depends on the key, on which sequence it is of and on its number, and on nothing else: batches
    can be made in any order.

    Parameters
    ----------
    origins : Codes
        The sequences.
    rows, numbers : (n,) int64
        The sequence that each row is made of, and which: 0 for itself, 1 and more for its shuffles.
    key : int
        What all shuffles are drawn by.
    """

    def __init__(self, origins: Codes, rows: np.ndarray, numbers: np.ndarray, key: int) -> None:
        self.origins, self.rows, self.numbers, self.key = origins, rows, numbers, key
        super().__init__(len(rows), origins.shape[1])

    def fetch(self, rows: np.ndarray) -> np.ndarray:
        made = np.array(self.origins[self.rows[rows]])
        shuffles = np.flatnonzero(self.numbers[rows])
        chosen = rows[shuffles]
        made[shuffles] = shuffle_each(
            made[shuffles], row_keys(self.key, self.rows[chosen], self.numbers[chosen])
        )
        return made

    def take(self, index: np.ndarray) -> ShuffledCodes:
        """Some of the rows, each as it was."""
        chosen = row_numbers(index, len(self))
        return ShuffledCodes(self.origins, self.rows[chosen], self.numbers[chosen], self.key)

    def ready(self) -> Codes:
        """An array of all, where the sequences are in memory; else these, which make a batch at a time."""
        return np.asarray(self) if is_plain(self.origins) else self


@dataclass(frozen=True, kw_only=True)
class ShuffledNegatives(SequenceData):
    """Positives, and exact dinucleotide shuffles of them.

    A network can learn a fixed set of shuffles by heart; it cannot learn what changes each epoch. Of sequences
    that are read from disk, the shuffles of a batch are made with the batch.

    Attributes
    ----------
    source : ShuffledCodes
        What each example is, or is a shuffle of.
    """

    source: ShuffledCodes

    @classmethod
    def of(
        cls,
        positives: Codes,
        groups: Sequence[str] | np.ndarray | None = None,
        *,
        ratio: int = 1,
        seed: int = 0,
    ) -> ShuffledNegatives:
        """Base codes (n, length) and ``ratio`` shuffles of each: (1 + ratio) n examples.

        Raises
        ------
        ValueError
            If the ratio is below 1.
        """
        if ratio < 1:
            raise ValueError(f"ShuffledNegatives expects a ratio of 1 or more, got {ratio}")
        count = len(positives)
        numbers = np.repeat(np.arange(1 + ratio), count)
        rows = np.tile(np.arange(count), 1 + ratio)
        source = ShuffledCodes(positives, rows, numbers, derive_key(seed, "negatives")[0])
        targets = (numbers == 0).astype(np.float32)[:, None]
        together = None if groups is None else np.array(groups, dtype=object)[rows]
        return cls(source.ready(), targets, together, source=source)

    @property
    def origins(self) -> Codes:
        """(n, length): the sequence that each example is, or is a shuffle of."""
        return CodeRows(self.source.origins, self.source.rows)

    def take(self, index: np.ndarray) -> Self:
        """The examples at these positions, or where a mask is true."""
        source = self.source.take(index)
        codes = source if self.codes is self.source else take_rows(self.codes, index)
        return replace(super().take(index), codes=codes, source=source)

    def for_epoch(self, epoch: int, seed: int) -> Self:
        """The same positives; new shuffles, keyed by (seed, epoch) and by what each is a shuffle of."""
        source = self.source
        key = derive_key(seed, "negatives", epoch)[0]
        source = ShuffledCodes(source.origins, source.rows, source.numbers, key)
        return replace(self, codes=source.ready(), source=source)
