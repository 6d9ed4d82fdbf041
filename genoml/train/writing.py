"""Writing in the background, so that the disk does not hold training up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestWriter(Generic[T]):
    """Writes the newest of the things it is given, in a thread; what is overtaken while one is written is left out.

    Parameters
    ----------
    write : callable
        Writes one thing. Its error is raised by the next ``submit`` or ``finish``.
    """

    def __init__(self, write: Callable[[T], None]) -> None:
        self._write = write
        self._pool = ThreadPoolExecutor(1, "genoml-writer")
        self._lock = threading.Lock()
        self._waiting: list[T] = []
        self._running: Future[None] | None = None

    def submit(self, thing: T) -> None:
        """Have it written soon."""
        with self._lock:
            self._waiting = [thing]
            if self._running is not None and not self._running.done():
                return
            running, self._running = self._running, self._pool.submit(self._work)
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
        """Wait until all is written."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.result()

    def close(self) -> None:
        """End the thread once it is done."""
        self._pool.shutdown()
