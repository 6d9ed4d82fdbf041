"""Background threads: batches made ahead of their use, and states written while training continues."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


def ahead(make: Callable[[K], T], keys: Iterable[K], depth: int) -> Generator[T, None, None]:
    """Yield ``make(key)`` for each key in order; a thread makes the next ``depth`` results meanwhile.

    The results are those of a plain loop, if ``make`` depends on its key alone. An error in ``make`` is raised
    where its result would have come. Close the iterator (``contextlib.closing``) to end the thread early.

    Parameters
    ----------
    make : callable
        Runs in one other thread, in a copy of this one's context.
    keys : iterable
        Read no further ahead than ``depth``.
    depth : int
        0 makes each when it is asked for, without a thread.
    """
    if depth < 1:
        yield from map(make, keys)
        return
    with ThreadPoolExecutor(1, "genoml-ahead") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for key in keys:
                waiting.append(pool.submit(copy_context().run, make, key))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class NewestWriter(Generic[T]):
    """Writer in a thread; an item that waits is dropped when a newer one comes.

    Parameters
    ----------
    write : callable
        Writes one thing. Its error is raised by the next ``submit`` or ``finish``.
    """

    def __init__(self, write: Callable[[T], None]) -> None:
        self._write = write
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._pool = ThreadPoolExecutor(1, "genoml-writer")
        self._lock = threading.Lock()
        self._waiting: list[T] = []
        self._running: Future[None] | None = None

    def _leave_parent(self) -> None:
        """Begin anew in a forked process: it has no thread that writes what its parent queued."""
        if self._process != os.getpid():
            self._begin()

    def submit(self, thing: T) -> None:
        """Queue an item, in the place of any that still waits."""
        self._leave_parent()
        with self._lock:
            self._waiting = [thing]
            if self._running is not None and not self._running.done():
                return
            running = self._running
            self._running = self._pool.submit(self._work)
        if running is not None:
            running.result()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = None
                    return
                thing = self._waiting.pop()
            self._write(thing)

    def finish(self) -> None:
        """Wait until everything queued is written."""
        self._leave_parent()
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.result()

    def close(self) -> None:
        """End the thread once it is done."""
        self._leave_parent()
        self._pool.shutdown()
