"""A batch computed in parts, each on a thread: what a layer must know that looks beyond one example.

A layer whose examples do not meet needs nothing from here. One whose statistics are the batch's sums them
with ``whole_batch_sum``; one that draws random numbers for each example asks ``rows_of_batch`` which examples
it has. Outside of a part both say that the batch is whole. There the threads are idle, and ``share_out`` gives
them what else can be divided: an optimiser's update, the heads of one long sequence.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from genoml.backend import Array

T = TypeVar("T")


def even_ranges(count: int, parts: int) -> list[tuple[int, int]]:
    """``parts`` ranges that cover 0 to count, whose sizes differ by at most one."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return list(pairwise(bounds))


class Meeting:
    """Where the threads of one batch exchange arrays; each must come to every exchange."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self._barrier = threading.Barrier(parts)
        self._slots: list[object] = [None] * parts

    def gather(self, index: int, value: T) -> list[T]:
        """What each part brings, in the parts' order."""
        self._slots[index] = value
        self._barrier.wait()
        found: list[T] = list(self._slots)  # type: ignore[arg-type]
        self._barrier.wait()  # nobody may bring the next before everyone has taken this
        return found

    def sum(self, index: int, value: Array) -> Array:
        """The sum of what each part brings, in an order that is the same every time."""
        first, *others = self.gather(index, value)
        total: Array = first
        for other in others:
            total = total + other
        return total

    def abort(self) -> None:
        """Let those who wait go on, with a threading.BrokenBarrierError: a part will not come."""
        self._barrier.abort()


@dataclass(frozen=True)
class Part:
    """One part of a batch: which of its ``total`` examples, as ranges of rows, and where it meets the others."""

    index: int
    ranges: tuple[tuple[int, int], ...]
    total: int
    meeting: Meeting


_current: ContextVar[Part | None] = ContextVar("genoml_part", default=None)


@contextmanager
def computing_part(part: Part) -> Iterator[None]:
    """What runs inside has this part of a batch."""
    token = _current.set(part)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def batch_twice() -> Iterator[None]:
    """What runs inside has its examples twice: the batch, and behind it the same once more."""
    part = _current.get()
    if part is None:
        yield
        return
    again = tuple((start + part.total, stop + part.total) for start, stop in part.ranges)
    with computing_part(replace(part, ranges=part.ranges + again, total=2 * part.total)):
        yield


def whole_batch_sum(value: Array) -> Array:
    """The sum over all parts of the batch of what each of them gives."""
    part = _current.get()
    return value if part is None else part.meeting.sum(part.index, value)


def batch_size(examples: int) -> int:
    """The number of examples in the whole batch, of which ``examples`` are here."""
    part = _current.get()
    return examples if part is None else part.total


def rows_of_batch(examples: int) -> tuple[tuple[int, int], ...]:
    """The ranges of rows of the whole batch that these examples are."""
    part = _current.get()
    return ((0, examples),) if part is None else part.ranges


def is_first_part() -> bool:
    """Whether to do what is to be done once a batch."""
    part = _current.get()
    return part is None or part.index == 0


def current_part() -> Part | None:
    """The part that is being computed; None where the batch is whole."""
    return _current.get()


# ---------------------------------------------------------------- threads that are idle between batches

_idle: ContextVar[tuple[Executor, int] | None] = ContextVar("genoml_idle", default=None)


@contextmanager
def idle_threads(pool: Executor, count: int) -> Iterator[None]:
    """What runs inside may use ``count`` threads of a pool, beside its own, when it computes no part."""
    token = _idle.set((pool, count))
    try:
        yield
    finally:
        _idle.reset(token)


def share_out(work: Callable[[int, int], object], count: int, least: int = 1) -> None:
    """Run ``work(start, stop)`` for ranges that cover 0 to count, side by side where threads are idle.

    The ranges must not depend on each other. Each has at least ``least`` of the count, unless it is the only one.
    """
    idle = None if _current.get() is not None else _idle.get()
    pieces = max(1, min(1 if idle is None else idle[1] + 1, count // max(least, 1)))
    if idle is None or pieces == 1:
        work(0, count)
        return
    (start, stop), *rest = even_ranges(count, pieces)
    # an idle thread has nobody to help it further
    others = [idle[0].submit(copy_context().run, _alone, work, a, b) for a, b in rest]
    try:
        work(start, stop)
    finally:
        wait(others)
    for future in others:
        future.result()


def _alone(work: Callable[[int, int], object], start: int, stop: int) -> None:
    _idle.set(None)
    work(start, stop)
