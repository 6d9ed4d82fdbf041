"""Ranks that are threads of one process: the rules of real ones, in milliseconds."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from copy import deepcopy
from typing import Any, TypeVar

from genoml.backend import Array
from genoml.parallel import Ranks, tree_sum

T = TypeVar("T")
#: seconds after which a rank that waits for the others is an error: on a loaded machine none takes as long
PATIENCE_S = 60


class ThreadRanks(Ranks):
    """One of several ranks, which meet at a barrier; ``stop`` is what a signal would be."""

    def __init__(self, rank: int, barrier: threading.Barrier, slots: list[Any]) -> None:
        self.rank, self.count = rank, barrier.parties
        self._barrier, self._slots = barrier, slots
        self.stop = False

    @property
    def asked_here(self) -> bool:  # type: ignore[override]
        return self.stop

    def gather(self, value: T) -> list[T]:
        self._slots[self.rank] = value
        self._barrier.wait()
        found = list(self._slots)
        self._barrier.wait()
        return found

    def sum(self, value: Array, add: Callable[[Array, Array], Array] = operator.add) -> Array:
        return tree_sum(self.gather(value), add)

    def sum_all(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        brought = self.gather((dict(arrays), self.stop))
        self.asked_to_stop = any(stop for _, stop in brought)
        return {name: tree_sum([own[name] for own, _ in brought]) for name in arrays}

    def on_first(self, call: Callable[[], T]) -> T:
        found: tuple[Any, Exception | None] = None, None
        if self.first:
            try:
                found = call(), None
            except Exception as error:
                found = None, error
        result, error = self.gather(found)[0]
        if error is not None:
            raise error
        return result if self.first else deepcopy(result)  # type: ignore[no-any-return]


def as_ranks(count: int, run: Callable[[ThreadRanks], T]) -> list[T]:
    """Results of ``run`` on each of ``count`` ranks; the error that was first, if one fails."""
    barrier, slots = threading.Barrier(count, timeout=PATIENCE_S), [None] * count

    def one(rank: int) -> T:
        try:
            return run(ThreadRanks(rank, barrier, slots))
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(copy_context().run, one, rank) for rank in range(count)]
        errors = [error for future in futures if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return [future.result() for future in futures]
