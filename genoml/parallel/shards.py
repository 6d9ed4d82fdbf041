"""Shards: runs of one command, each of which does its own units of the work, in their order.

What the shards write, one after the other, is what one run would write. Nothing is exchanged: each shard counts the
units for itself, and none computes what is another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

U = TypeVar("U")


@dataclass(frozen=True)
class Shard:
    """One of several runs that share work out, ``number`` from 1 to ``count``; by default the one that does all."""

    number: int = 1
    count: int = 1

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

    def pick(self, units: Callable[[], Iterable[U]]) -> Iterator[U]:
        """Its own of the units, which are gone through once more to count them; all of them if there is one shard."""
        if self.count == 1:
            return iter(units())
        own = self.of(sum(1 for _ in units()))
        return islice(units(), own.start, own.stop)


#: the run that does all of the work
WHOLE_RUN = Shard()
