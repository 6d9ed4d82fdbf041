"""Negatives that are exact dinucleotide shuffles of the positives, made on demand and anew in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from genoml.arguments import Count, checked
from genoml.data.codes import CodeRows, Codes, LazyCodes, as_codes, is_plain, row_numbers, take_rows
from genoml.data.dataset import SequenceData
from genoml.random import derive_key
from genoml.sequence.euler import row_keys
from genoml.sequence.shuffle import shuffle_each


class ShuffledCodes(LazyCodes):
    """Sequences and exact dinucleotide shuffles of them, made on demand.

    A shuffle depends only on the key, the sequence and its number: batches can be made in any order.

    Parameters
    ----------
    origins : Codes
        The sequences.
    rows, numbers : (n,) int64
        The sequence of each row, and its number: 0 for the sequence itself, 1 and more for its shuffles.
    key : int
        Key of all shuffles.
    """

    def __init__(self, origins: Codes, rows: np.ndarray, numbers: np.ndarray, key: int) -> None:
        self.origins = as_codes(origins)
        self.rows = rows
        self.numbers = numbers
        self.key = key
        super().__init__(len(rows), origins.shape[1])

    def fetch(self, rows: np.ndarray) -> np.ndarray:
        codes = np.array(self.origins[self.rows[rows]])
        shuffles = np.flatnonzero(self.numbers[rows])
        chosen = rows[shuffles]
        keys = row_keys(self.key, self.rows[chosen], self.numbers[chosen])
        codes[shuffles] = shuffle_each(codes[shuffles], keys)
        return codes

    def take(self, index: np.ndarray | Sequence[int]) -> ShuffledCodes:
        """Some of the rows, unchanged."""
        chosen = row_numbers(index, len(self))
        return ShuffledCodes(self.origins, self.rows[chosen], self.numbers[chosen], self.key)

    def ready(self) -> Codes:
        """All codes as an array if the sequences are in memory; otherwise these lazy codes."""
        return np.asarray(self) if is_plain(self.origins) else self


@dataclass(frozen=True, kw_only=True)
class ShuffledNegatives(SequenceData):
    """Positives, and exact dinucleotide shuffles of them.

    A network can memorise a fixed set of shuffles, but not one that changes every epoch. For sequences read from disk,
    the shuffles of a batch are made with the batch.

    Attributes
    ----------
    source : ShuffledCodes
        The sequences and their shuffles.
    """

    source: ShuffledCodes

    @classmethod
    @checked
    def of(
        cls,
        positives: Codes,
        groups: Sequence[str] | np.ndarray | None = None,
        *,
        ratio: Count = 1,
        seed: int = 0,
    ) -> ShuffledNegatives:
        """Make a data set of base codes (n, length) and ``ratio`` shuffles of each: (1 + ratio) n examples.

        Raises
        ------
        ValueError
            If the ratio is below 1.
        """
        count = positives.shape[0]
        numbers = np.repeat(np.arange(1 + ratio), count)
        rows = np.tile(np.arange(count), 1 + ratio)
        source = ShuffledCodes(positives, rows, numbers, derive_key(seed, "negatives")[0])
        targets = (numbers == 0).astype(np.float32)[:, None]
        all_groups = None if groups is None else np.array(groups, dtype=object)[rows]
        return cls(source.ready(), targets, all_groups, source=source)

    @property
    def origins(self) -> Codes:
        """The sequence of each example before it is shuffled: (n, length)."""
        return CodeRows(self.source.origins, self.source.rows)

    def name_of(self, row: int) -> str:
        """Name of an example for messages; a shuffle of a window has no place of its own."""
        name = super().name_of(row)
        placed = self.names is None and self.intervals is not None
        return f"shuffle of {name}" if placed and self.source.numbers[row] else name

    def take(self, index: np.ndarray | Sequence[int]) -> Self:
        """The examples at these positions, in their order, or where a mask is true."""
        index = row_numbers(index, len(self))
        source = self.source.take(index)
        codes = source if self.codes is self.source else take_rows(self.codes, index)
        return replace(super().take(index), codes=codes, source=source)

    def for_epoch(self, epoch: int, seed: int) -> Self:
        """The same positives with new shuffles, keyed by (seed, epoch) and the shuffled sequence."""
        source = self.source
        key = derive_key(seed, "negatives", epoch)[0]
        source = ShuffledCodes(source.origins, source.rows, source.numbers, key)
        return replace(self, codes=source.ready(), source=source)
