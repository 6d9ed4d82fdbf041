"""Parts of a batch that are computed in parallel: which examples a part has, and how parts exchange arrays.

A layer that treats each example alone needs nothing from here. One with statistics of the batch sums them with
``run.part.whole_sum``; one that draws random numbers for each example asks ``run.part.rows`` which examples are here.
By default the part is the whole batch; ``run.part.workers`` are then idle threads, which can share other work, such as
the heads of one long sequence.
"""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from itertools import pairwise
from queue import Empty, SimpleQueue
from threading import BrokenBarrierError
from typing import Any, Generic, TypeVar, cast
from weakref import WeakSet, WeakValueDictionary

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.parallel.ranks import ONE_RANK, Ranks

T = TypeVar("T")
#: seconds within which Ctrl-C is heard that the system has handed to another thread
_WAIT_S = 0.5
#: message to a part that waits for one that has failed
_ABORTED = object()


def even_ranges(count: int, parts: int) -> list[tuple[int, int]]:
    """``parts`` ranges that cover 0 to count, whose sizes differ by at most one."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return list(pairwise(bounds))


def tree_sum(values: Sequence[T], add: Callable[[T, T], T] = operator.add) -> T:
    """The sum of neighbours, then of neighbouring sums, and so on, until one is left.

    The order depends on the places alone: sums of 2, 4, 8 neighbours, added up elsewhere, give the same bits.
    """
    level = list(values)
    while len(level) > 1:
        pairs = [add(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) & ~1 :]
    return level[0]


class Shares(Generic[T]):
    """Work that was handed out to threads, and what became of it.

    Ctrl-C may come at any moment in the thread that waits. It takes no lock here that it could leave locked.
    """

    def __init__(self) -> None:
        self._begun = 0
        self._ended: dict[int, tuple[T | None, BaseException | None]] = {}
        self._news: SimpleQueue[None] = SimpleQueue()

    def begin(self, pool: Executor, work: Callable[..., T], *arguments: Any) -> None:
        """Begin ``work(*arguments)`` in another thread."""
        # NumPy's error handling and the default backend are part of the caller's context
        pool.submit(copy_context().run, self._run, self._begun, work, *arguments)
        self._begun += 1  # only now: what was not handed out is not waited for

    def _run(self, index: int, work: Callable[..., T], *arguments: Any) -> None:
        try:
            self._ended[index] = work(*arguments), None
        except BaseException as error:
            self._ended[index] = None, error
        self._news.put(None)

    def wait(self) -> None:
        """Wait until all that was begun has ended."""
        while not all(index in self._ended for index in range(self._begun)):
            with suppress(Empty):
                self._news.get(timeout=_WAIT_S)

    def results(self) -> tuple[list[T], list[BaseException]]:
        """The results in the order in which they were begun, without those of errors; and the errors."""
        ended = [self._ended[index] for index in range(self._begun)]
        errors = [error for _, error in ended if error is not None]
        return [cast(T, result) for result, error in ended if error is None], errors


class Workers:
    """Idle threads, which take shares of work that can be divided.

    Parameters
    ----------
    count : int
        How many they are, beside the caller's own.
    """

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self._renew()
        _ALIVE.add(self)

    def _renew(self) -> None:
        self.pool = ThreadPoolExecutor(self.count, "genoml") if self.count else None
        self._taken = threading.Lock()
        #: held while parts of a batch are handed out: they wait for one another, so they stand together in the queue
        self.queueing = threading.Lock()

    def close(self) -> None:
        """End the threads, once they have done their work."""
        if self.pool is not None:
            self.pool.shutdown()

    def share_out(self, work: Callable[[int, int], object], count: int, least: int = 1) -> None:
        """Run ``work(start, stop)`` for ranges that cover 0 to count, side by side.

        The ranges must not depend on each other. Each has at least ``least`` of the count, unless it is the only
        one. While the threads are taken, by work that shares out its own for instance, the caller does all of it.
        """
        pieces = max(1, min(self.count + 1, count // max(least, 1)))
        if self.pool is None or pieces == 1 or not self._taken.acquire(blocking=False):
            work(0, count)
            return
        shares = Shares[object]()
        try:
            own, *rest = even_ranges(count, pieces)
            try:
                for start, stop in rest:
                    shares.begin(self.pool, work, start, stop)
                work(*own)
            finally:
                shares.wait()
        finally:
            self._taken.release()
        for error in shares.results()[1]:
            raise error


#: all workers: a forked process has none of its parent's threads, and locks may be held by them
_ALIVE: WeakSet[Workers] = WeakSet()


def _renew_after_fork() -> None:
    for workers in list(_ALIVE):
        workers._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_after_fork)

#: no threads: the caller does everything
ALONE = Workers()


class Meeting:
    """Exchange of arrays between the threads of one batch; every thread must take part in every exchange.

    Each part has a queue from each other one. Their values come in order, so that a part that is ahead overwrites
    nothing, and Ctrl-C leaves nothing locked. ``ranks`` have further parts of the batch, as many each.
    """

    def __init__(self, parts: int, ranks: Ranks = ONE_RANK) -> None:
        self.parts = parts
        self.ranks = ranks
        self._queues = [[SimpleQueue[object]() for _ in range(parts)] for _ in range(parts)]

    def gather(self, index: int, value: T) -> list[T]:
        """The values of all parts, in the parts' order."""
        for other in range(self.parts):
            if other != index:
                self._queues[other][index].put(value)
        return [value if other == index else self._receive(index, other) for other in range(self.parts)]

    def _receive(self, index: int, other: int) -> Any:
        queue = self._queues[index][other]
        value = queue.get()
        if value is _ABORTED:
            queue.put(_ABORTED)  # for the next exchange
            raise BrokenBarrierError
        return value

    def sum(self, index: int, value: Array, add: Callable[[Array, Array], Array] = operator.add) -> Array:
        """The sum of the values of all parts, of all ranks, added in the same order every time."""
        total = tree_sum(self.gather(index, value), add)
        if self.ranks.count == 1:
            return total
        return self.gather(index, self.ranks.sum(total, add) if index == 0 else total)[0]

    def abort(self) -> None:
        """Release the waiting parts with a threading.BrokenBarrierError, because a part has failed."""
        for queues in self._queues:
            for queue in queues:
                queue.put(_ABORTED)


#: arrays that stand for shares of 0, by their id
_NO_SHARES = WeakValueDictionary[int, Array]()


def no_share(like: Array) -> Array:
    """Zeros that take no memory: a part's share of a gradient that another part has computed whole."""
    xp = array_namespace(like)
    zeros = xp.broadcast_to(xp.zeros((), dtype=like.dtype, device=device_of(like)), tuple(like.shape))
    _NO_SHARES[id(zeros)] = zeros
    return zeros


def add_shares(a: Array, b: Array) -> Array:
    """``a + b``, without reading them if one is of ``no_share``."""
    if _NO_SHARES.get(id(b)) is b:
        return a
    return b if _NO_SHARES.get(id(a)) is a else a + b


@dataclass(frozen=True)
class Part:
    """A part of a batch: its examples, and how to exchange arrays with the other parts; by default the whole batch.

    Attributes
    ----------
    index : int
        Of this part among those of this process, from 0.
    ranges : tuple of (start, stop)
        The rows of the step that are here, in their order; empty: all of them.
    total : int
        Number of rows of the step; 0: those that are here.
    meeting : Meeting, optional
        Exchange between the parts; None if the batch is whole.
    workers : Workers
        Threads that are idle while this part is computed.
    size : int
        Number of examples in the batch, where a step has several batches; 0: as many as rows of the step.
    """

    index: int = 0
    ranges: tuple[tuple[int, int], ...] = ()
    total: int = 0
    meeting: Meeting | None = None
    workers: Workers = ALONE
    size: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the part that does what is done once a batch, in each process."""
        return self.index == 0

    def whole_size(self, examples: int) -> int:
        """The number of examples in the whole batch, of which ``examples`` are here."""
        return self.size or self.total or examples

    def rows(self, examples: int) -> tuple[tuple[int, int], ...]:
        """The rows of the step that these examples are, as ranges."""
        return self.ranges or ((0, examples),)

    def whole_sum(self, value: Array, add: Callable[[Array, Array], Array] = operator.add) -> Array:
        """The sum of a value over all parts of the batch, by ``add``: one exchange."""
        return value if self.meeting is None else self.meeting.sum(self.index, value, add)

    def twice(self) -> Part:
        """The same part of the batch followed by itself once more, as for both strands."""
        again = tuple((start + self.total, stop + self.total) for start, stop in self.ranges)
        return replace(self, ranges=self.ranges + again, total=2 * self.total, size=2 * self.size)


#: the part that is the whole batch
WHOLE = Part()
