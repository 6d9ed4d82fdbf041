"""Candidates for seqlets, and the choice among those that overlap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

# positions that are worked on at a time: it bounds the memory
_POSITIONS_AT_ONCE = 1 << 20


class Candidates(NamedTuple):
    """Spans of one width.

    Attributes
    ----------
    width : int
        Candidates whose starts are nearer than this cannot both be chosen.
    start : array of int64
        row * (length + 1) + position.
    p : array
        Chance of a sum as extreme, in the tail of its sign.
    worst : array
        What must be below the threshold.
    rank : array
        The smallest is chosen first; ties by start.
    sign : array of int8
        1 or -1.
    """

    width: int
    start: NDArray[np.int64]
    p: NDArray[np.float64]
    worst: NDArray[np.float64]
    rank: NDArray[np.float64]
    sign: NDArray[np.int8]

    def take(self, rows: NDArray[np.intp]) -> Candidates:
        """The candidates at these indices."""
        p, worst, rank = self.p[rows], self.worst[rows], self.rank[rows]
        return Candidates(self.width, self.start[rows], p, worst, rank, self.sign[rows])

    def below(self, threshold: float) -> Candidates:
        """Those that are below the threshold."""
        return self.take(np.flatnonzero(self.worst < threshold))


class Caller(Protocol):
    """A method of calling seqlets, with its null distribution."""

    def levels(self, rows: NDArray[np.float64], below: float) -> list[Candidates]:
        """Candidates of rows of contributions, from the narrowest to the widest; of one width, ranked by p."""


def blocks(contributions: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Number of the first row and contributions in float64, some rows at a time."""
    step = max(1, _POSITIONS_AT_ONCE // contributions.shape[1])
    for first in range(0, len(contributions), step):
        yield first, contributions[first : first + step].astype(np.float64)


def chosen(levels: list[Candidates], rows: NDArray[Any]) -> list[Candidates]:
    """Candidates of rows of contributions that do not overlap: the widest first, then by rank.

    What a chosen one covers is taken. No candidate is wider than one chosen before it, so the two overlap only if its
    first or its last position is taken.
    """
    taken = bytearray(len(rows) * (rows.shape[1] + 1))
    view = np.frombuffer(taken, np.uint8)
    found = []
    for level in reversed(levels):
        reach = level.width - 1
        free = np.flatnonzero((view[level.start] | view[level.start + reach]) == 0)
        free = free[np.lexsort((level.start[free], level.rank[free]))]
        kept = []
        for index, start in zip(free.tolist(), level.start[free].tolist(), strict=True):
            if not (taken[start] or taken[start + reach]):
                taken[start : start + level.width] = b"\1" * level.width
                kept.append(index)
        found.append(level.take(np.array(kept, np.intp)))
    return found


def counts(caller: Caller, contributions: NDArray[Any], thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of seqlets at each threshold, which must fall."""
    found = np.zeros(len(thresholds), np.int64)
    for _, rows in blocks(contributions):
        levels = caller.levels(rows, thresholds[0])
        if len(levels) == 1:
            # of one width, and ranked by p: a lower threshold chooses the same up to itself
            worst = np.sort(chosen(levels, rows)[0].worst)
            found += np.searchsorted(worst, thresholds)
            continue
        for number, threshold in enumerate(thresholds):
            levels = [own for level in levels if len((own := level.below(threshold)).start)]
            if not levels:
                break
            found[number] += sum(len(level.start) for level in chosen(levels, rows))
    return found
