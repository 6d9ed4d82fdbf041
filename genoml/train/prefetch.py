"""Work done ahead in a thread, while what came before it is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")


def ahead(make: Callable[[K], T], keys: Iterable[K], depth: int) -> Generator[T, None, None]:
    """``make(key)`` for each key in order, the next ``depth`` of them made in a thread meanwhile.

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
