"""A batch computed in parts, each on a thread: what a layer must know that looks beyond one example.

A layer whose examples do not meet needs nothing from here. One whose statistics are the batch's sums them
with ``whole_batch_sum``; one that draws random numbers for each example asks ``rows_of_batch`` which examples
it has. Outside of a part both say that the batch is whole.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from genoml.backend import Array


class Meeting:
    """Where the threads of one batch exchange arrays; each must come to every exchange."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self._barrier = threading.Barrier(parts)
        self._slots: list[Array] = [None] * parts

    def sum(self, index: int, value: Array) -> Array:
        """The sum of what each part brings, in the parts' order, so that it is the same every time."""
        self._slots[index] = value
        self._barrier.wait()
        total: Array = self._slots[0]
        for other in self._slots[1:]:
            total = total + other
        self._barrier.wait()  # nobody may bring the next before everyone has taken this
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
