"""Shards: runs of one command, each of which does its own units of the work, in their order.

What the shards write, one after the other, is what one run would write. Nothing is exchanged: each shard counts the
units for itself, and none computes what is another's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from genoml.parallel.ranks import ONE_RANK, Ranks


@dataclass(frozen=True)
class Shard:
    """One of several runs that share work out, ``number`` from 1 to ``count``; by default the one that does all.

    Its ``ranks`` share out its own units among themselves; rank 0 writes.
    """

    number: int = 1
    count: int = 1
    ranks: Ranks = ONE_RANK

    @property
    def first(self) -> bool:
        """Whether this is the one that writes what stands once, such as a header."""
        return self.number == 1

    def of(self, units: int) -> range:
        """Its own of so many units, neighbours; the first shard has one if there is any."""
        start, stop = (-(-units * number // self.count) for number in (self.number - 1, self.number))
        return range(start, stop)

    def rows(self, total: int, block: int) -> slice:
        """The rows, of ``total``, of its own blocks of so many."""
        own = self.of(-(-total // block))
        return slice(own.start * block, min(own.stop * block, total))

    def own(self, count: Callable[[], int]) -> range:
        """The numbers of its own units; they are counted if there are other shards, else the range has no end."""
        return self.of(count()) if self.count > 1 else range(sys.maxsize)


#: the run that does all of the work
WHOLE_RUN = Shard()
