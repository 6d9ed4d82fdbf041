"""Ranks: processes that compute one thing together; one process alone is rank 0 of 1.

Every rank holds the same weights and calls the same functions in the same order. Of a batch it computes its own rows,
of a prediction its own runs of sequences. What a rank would decide by its clock, its disk or a signal, rank 0 decides
for all; rank 0 alone writes.
"""

from __future__ import annotations

import operator
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import islice
from typing import Any, TypeVar

from genoml.backend import Array, Backend
from genoml.parallel.launcher import RanksError, has_own_gpu

T = TypeVar("T")
U = TypeVar("U")


class Ranks:
    """One process alone, and the base of several: these exchange what each of them has.

    Attributes
    ----------
    rank, count : int
        Number of this process, from 0, of how many.
    asked_here : bool
        Whether this rank has been asked to end.
    asked_to_stop : bool
        Whether a rank had been asked to end before the last ``sum_all``: then all of them know it. Where sums are
        queued on a device, as of the last ``reading``.
    """

    rank = 0
    count = 1
    asked_here = False
    asked_to_stop = False

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes, and reports."""
        return self.rank == 0

    def rows(self, total: int) -> slice:
        """The rows, of ``total``, that are this rank's."""
        return slice(total * self.rank // self.count, total * (self.rank + 1) // self.count)

    def threads(self, backend: Backend) -> int:
        """Threads of each rank, where no other number is asked for: the same on all."""
        return backend.threads

    def expect_own_gpus(self, backend: Backend) -> None:
        """Raise RanksError, on all ranks, if two of one machine would compute on one GPU."""
        seen = [] if has_own_gpu() else [(socket.gethostname(), name) for name in backend.devices]
        everyone = self.gather(seen)
        for rank, own in enumerate(everyone):
            for other in range(rank):
                if set(own) & set(everyone[other]):
                    raise RanksError(
                        f"ranks {other} and {rank} have one GPU of {own[0][0]}; start as many ranks a machine as it "
                        "has GPUs, at most"
                    )

    def sum(self, value: Array, add: Callable[[Array, Array], Array] = operator.add) -> Array:
        """The sum of a small array over the ranks, by ``tree_sum`` in their order."""
        return value

    def sum_all(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The sums of many arrays in one exchange, in the same order."""
        return dict(arrays)

    def gather(self, value: T) -> list[T]:
        """What each rank has, in their order, on all of them."""
        return [value]

    def expect_alike(self, value: object, what: str) -> None:
        """Raise ValueError, on all ranks, if one has another value than rank 0."""
        found = self.gather(value)
        other = next((rank for rank, each in enumerate(found) if each != found[0]), None)
        if other is not None:
            raise ValueError(f"rank {other} has other {what} than rank 0; give all ranks the same")

    def on_first(self, call: Callable[[], T]) -> T:
        """Result of a call on rank 0, on all of them; what it raises, all raise."""
        return call()

    def map(self, work: Callable[[U], T], units: Iterable[U]) -> Iterator[T]:
        """``map(work, units)`` on rank 0, each unit by one of the ranks; the others are given nothing.

        All ranks have the same units, and go through all of what this gives. What the work on a unit raises, all raise.
        """
        if self.count == 1:
            yield from map(work, units)
            return
        rest = iter(units)
        while True:
            some = list(islice(rest, self.count))
            found: tuple[Any, Exception | None] = None, None  # of a rank without a unit
            try:
                found = work(some[self.rank]) if self.rank < len(some) else None, None
            except Exception as error:
                found = None, error
            everyone = self.gather((len(some), *found))
            if {count for count, _, _ in everyone} != {len(some)}:
                raise ValueError("ranks read other inputs than each other; every rank reads the same files")
            if not some:
                return
            for _, result, raised in everyone[: len(some)]:
                if raised is not None:
                    raise raised
                if self.first:
                    yield result

    @contextmanager
    def opened(self, context: Callable[[], AbstractContextManager[T]]) -> Iterator[T | None]:
        """What a context gives that rank 0 alone enters, None on the others; what entering it raises, all raise."""
        found = list[T]()
        with ExitStack() as stack:
            self.on_first(lambda: found.append(stack.enter_context(context())))
            yield found[0] if found else None

    def waiting(self, what: str) -> AbstractContextManager[Any]:
        """Context in which this rank waits for others; if in vain, it says what for."""
        return nullcontext()

    def reading(self) -> AbstractContextManager[Any]:
        """Context around a read of the device, which waits for the sums that are queued there."""
        return nullcontext()

    def stopping(self) -> AbstractContextManager[Any]:
        """Context in which Ctrl-C and SIGTERM are noted for ``asked_to_stop``; others would wait for one that left."""
        return nullcontext()


#: this process alone
ONE_RANK = Ranks()
