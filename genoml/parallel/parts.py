"""Parts of a batch that are computed in parallel: which examples a part has, and how parts exchange arrays.

A layer that treats each example alone needs nothing from here. One with statistics of the batch sums them with
``run.part.whole_sum``; one that draws random numbers for each example asks ``run.part.rows`` which examples are here.
By default the part is the whole batch; ``run.part.workers`` are then idle threads, which can share other work, such as
the heads of one long sequence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, wait
from contextvars import copy_context
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array

T = TypeVar("T")


def even_ranges(count: int, parts: int) -> list[tuple[int, int]]:
    """``parts`` ranges that cover 0 to count, whose sizes differ by at most one."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return list(pairwise(bounds))


class Workers:
    """Idle threads, which take shares of work that can be divided.

    Parameters
    ----------
    pool : Executor, optional
        Where the threads are; None for no threads.
    count : int
        How many of them may be used, beside the caller's own.
    """

    def __init__(self, pool: Executor | None = None, count: int = 0) -> None:
        self._pool, self._count = pool, count
        self._taken = threading.Lock()

    def share_out(self, work: Callable[[int, int], object], count: int, least: int = 1) -> None:
        """Run ``work(start, stop)`` for ranges that cover 0 to count, side by side.

        The ranges must not depend on each other. Each has at least ``least`` of the count, unless it is the only
        one. While the threads are taken, by work that shares out its own for instance, the caller does all of it.
        """
        pieces = max(1, min(self._count + 1, count // max(least, 1)))
        if self._pool is None or pieces == 1 or not self._taken.acquire(blocking=False):
            work(0, count)
            return
        try:
            own, *rest = even_ranges(count, pieces)
            # NumPy's error handling and the default backend are part of the caller's context
            others = [self._pool.submit(copy_context().run, work, a, b) for a, b in rest]
            try:
                work(*own)
            finally:
                wait(others)
        finally:
            self._taken.release()
        for future in others:
            future.result()


#: no threads: the caller does everything
ALONE = Workers()


class Meeting:
    """Exchange of arrays between the threads of one batch; every thread must take part in every exchange."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self._barrier = threading.Barrier(parts)
        self._slots: list[object] = [None] * parts
        self._zeros: list[Array] = []

    def gather(self, index: int, value: T) -> list[T]:
        """The values of all parts, in the parts' order."""
        self._slots[index] = value
        self._barrier.wait()
        found: list[T] = list(self._slots)  # type: ignore[arg-type]
        self._barrier.wait()  # no part may write its next value before all have read this one
        return found

    def sum(self, index: int, value: Array) -> Array:
        """The sum of the parts' values, added in the same order every time."""
        first, *others = self.gather(index, value)
        total: Array = first
        for other in others:
            total = total + other
        return total

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        """Zeros that take no memory: a part's share of a gradient that another part has computed whole."""
        zero = array_namespace(like).zeros((), dtype=like.dtype, device=device_of(like))
        self._zeros.append(array_namespace(like).broadcast_to(zero, shape))
        return self._zeros[-1]

    def add(self, total: Array, share: Array) -> Array:
        """``total + share``, without reading them if the share is one of ``zeros``."""
        return total if any(share is zeros for zeros in self._zeros) else total + share

    def abort(self) -> None:
        """Release the waiting parts with a threading.BrokenBarrierError, because a part has failed."""
        self._barrier.abort()


@dataclass(frozen=True)
class Part:
    """A part of a batch: its examples, and how to exchange arrays with the other parts; by default the whole batch.

    Attributes
    ----------
    index : int
        Of this part among all, from 0.
    ranges : tuple of (start, stop)
        The rows of the whole batch that are here, in their order.
    total : int
        Number of examples in the whole batch.
    meeting : Meeting, optional
        Exchange between the parts; None if the batch is whole: ranges and total then have no effect.
    workers : Workers
        Threads that are idle while this part is computed.
    """

    index: int = 0
    ranges: tuple[tuple[int, int], ...] = ()
    total: int = 0
    meeting: Meeting | None = None
    workers: Workers = ALONE

    @property
    def is_first(self) -> bool:
        """Whether this is the part that does what is done once a batch."""
        return self.index == 0

    def whole_size(self, examples: int) -> int:
        """The number of examples in the whole batch, of which ``examples`` are here."""
        return examples if self.meeting is None else self.total

    def rows(self, examples: int) -> tuple[tuple[int, int], ...]:
        """The rows of the whole batch that these examples are, as ranges."""
        return ((0, examples),) if self.meeting is None else self.ranges

    def whole_sum(self, value: Array) -> Array:
        """The sum of a value over all parts of the batch."""
        return value if self.meeting is None else self.meeting.sum(self.index, value)

    def twice(self) -> Part:
        """The same part of the batch followed by itself once more, as for both strands."""
        again = tuple((start + self.total, stop + self.total) for start, stop in self.ranges)
        return replace(self, ranges=self.ranges + again, total=2 * self.total)


#: the part that is the whole batch
WHOLE = Part()
