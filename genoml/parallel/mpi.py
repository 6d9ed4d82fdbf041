"""Ranks that MPI starts: ``mpiexec -n 4 python train.py``, or ``srun`` on a cluster.

    with world() as ranks:
        fit(model, data, options=options, checkpoints="checkpoints", resume=True, ranks=ranks)

Needs mpi4py and an MPI: ``pip install 'genoml-xp[mpi]' mpich``, or the cluster's own. Arrays meet on the host. No
wait lasts for ever: after ``GENOML_MPI_TIMEOUT`` seconds (600) a rank that waits for another one ends the job. Where
several GPUs are visible, a rank sees that of its number on its machine.
"""

from __future__ import annotations

import operator
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import numpy as np

from genoml.backend import Array, Backend, backend_of
from genoml.parallel.launcher import RanksError, launched, start_mpi, take_gpu
from genoml.parallel.parts import tree_sum
from genoml.parallel.ranks import ONE_RANK, Ranks

T = TypeVar("T")

#: seconds that a rank which fails waits for the others to fail of the same
_FAREWELL_S = 5.0
#: seconds within which a second signal is the first once more: a terminal sends Ctrl-C to the launcher and to ranks
_SAME_S = 1.0


@contextmanager
def world() -> Iterator[Ranks]:
    """The ranks of this job; ``ONE_RANK`` where no launcher started it. They leave the context together.

    A rank that fails alone ends the job after 5 s. Otherwise the first that failed says why, and all end alike: with
    the code of a ``SystemExit``, whose second argument, if it has one, is said; with 1 for another exception; and with
    128 and its number after a signal that ``stopping`` noted, but for Ctrl-C.

    Raises
    ------
    RanksError
        If mpi4py is missing, or its MPI does not know the launcher: each process would take itself for all.
    """
    count = launched()
    if count == 1:
        yield ONE_RANK
        return
    take_gpu()
    ranks = MpiRanks(start_mpi(count))
    code, message = 0, ""
    try:
        yield ranks
    except SystemExit as ended:
        code, message = _said(*ended.args)
    except BaseException:
        code, message = 1, traceback.format_exc()
    code = ranks.leave(ranks.code_of_signal or code, message)
    if code:
        sys.exit(code)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0.0:
        raise RanksError(f"GENOML_MPI_TIMEOUT expects seconds above 0, got {text}")
    return seconds


def _said(code: object = None, message: str = "") -> tuple[int, str]:
    """Code and message of a SystemExit."""
    if isinstance(code, int | None):
        return code or 0, message
    return 1, str(code)


class MpiRanks(Ranks):
    """The ranks of MPI_COMM_WORLD; ``world`` makes them. Only the main thread calls MPI."""

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi
        self.rank, self.count = mpi.COMM_WORLD.rank, mpi.COMM_WORLD.size
        self._patience_s = _seconds(os.environ.get("GENOML_MPI_TIMEOUT") or "600")
        #: signals that were noted, and when
        self._signals: dict[int, float] = {}
        #: memory of exchanges: fresh memory would cost as much again
        self._kept: dict[str, np.ndarray] = {}
        #: when a wait is in vain, and what for
        self._deadline: tuple[float, str] | None = None
        threading.Thread(target=self._watch, daemon=True, name="genoml-watch").start()
        with self.waiting("the start"):
            # apart, so that a rank that fails meets no exchange of the others
            self._comm, self._farewell = mpi.COMM_WORLD.Dup(), mpi.COMM_WORLD.Dup()
            self._cores = self._share_of_cores()

    def _share_of_cores(self) -> int:
        """Cores for each of the ranks that have the same ones."""
        node = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        mine = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        same = sum(bool(other == mine) for other in node.allgather(mine))
        node.Free()
        cores: int = len(mine) or os.cpu_count() or 1
        return max(1, cores // same)

    @property
    def asked_here(self) -> bool:  # type: ignore[override]
        return bool(self._signals)

    def threads(self, backend: Backend) -> int:
        threads: int = backend.threads
        own = threads if os.environ.get("GENOML_THREADS") else min(threads, self._cores)
        return min(self.gather(own))  # with other numbers they would not have parts of the same batch

    # ------------------------------------------------------------ exchanges

    def sum(self, value: Array, add: Callable[[Array, Array], Array] = operator.add) -> Array:
        backend = backend_of(value)
        mine = np.ascontiguousarray(value if backend is None else backend.to_numpy(value))
        everyone = np.empty((self.count, *np.shape(value)), mine.dtype)
        with self.waiting("a sum over the batch"):
            self._comm.Allgather(mine, everyone)
        total = tree_sum(list(everyone), add)
        return total if backend is None else backend.asarray(total, str(mine.dtype))

    def sum_all(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        backend = backend_of(next(iter(arrays.values())))
        assert backend is not None
        host = {name: np.asarray(backend.to_numpy(value)) for name, value in arrays.items()}
        totals: dict[str, Array] = {}
        for dtype in {str(value.dtype): None for value in host.values()}:
            own = {name: value for name, value in host.items() if str(value.dtype) == dtype}
            total = self._sum_in_a_row([*own.values(), np.array(self.asked_here, dtype)])
            self.asked_to_stop = self.asked_to_stop or bool(total[-1])
            at = 0
            for name, value in own.items():
                part = np.empty_like(value)  # which lies in memory alike: sums over it are in that order
                part[...] = total[at : at + value.size].reshape(value.shape)
                totals[name] = backend.asarray(part, dtype)
                at += value.size
        return {name: totals[name] for name in arrays}

    def _sum_in_a_row(self, values: list[np.ndarray]) -> np.ndarray:
        """All numbers of all values, summed: each rank adds up one share of them, in order, and hands it to all.

        As many bytes as a ring takes, 2 (R - 1) / R of the numbers, and an order that depends on nothing.
        """
        dtype, size = values[0].dtype, sum(value.size for value in values)
        flat = self._memory("flat", (size,), dtype)
        np.concatenate([value.reshape(-1) for value in values], out=flat)
        bounds = [size * rank // self.count for rank in range(self.count + 1)]
        counts = np.diff(bounds).tolist()
        mine, kind = counts[self.rank], self._mpi._typedict[dtype.char]
        got = self._memory("got", (self.count, mine), dtype)
        total = self._memory("total", (size,), dtype)
        from_each = [mine] * self.count, [mine * rank for rank in range(self.count)]
        with self.waiting("gradients"):
            self._comm.Alltoallv([flat, (counts, bounds[:-1]), kind], [got, from_each, kind])
            self._comm.Allgatherv([tree_sum(list(got)), mine, kind], [total, (counts, bounds[:-1]), kind])
        return total

    def _memory(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        kept = self._kept.get(name)
        if kept is None or kept.shape != shape or kept.dtype != dtype:
            kept = self._kept[name] = np.empty(shape, dtype)
        return kept

    def gather(self, value: T) -> list[T]:
        self._meet("results")
        found: list[T] = self._comm.allgather(value)
        return found

    def on_first(self, call: Callable[[], T]) -> T:
        found: tuple[Any, Exception | None] = None, None
        if self.first:
            try:
                found = call(), None
            except Exception as error:
                found = None, error
        self._meet("rank 0")
        result, raised = self._comm.bcast(found)
        if raised is not None:
            raise raised
        return result  # type: ignore[no-any-return]

    def _meet(self, what: str) -> None:
        """Wait for all ranks, which may take long, without work for this processor; Ctrl-C is heard."""
        request = self._comm.Ibarrier()
        with self.waiting(what):
            _poll(request)

    # ------------------------------------------------------------ the end

    @contextmanager
    def stopping(self) -> Iterator[None]:
        self.asked_to_stop = False
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, _: Any) -> None:
            now = time.monotonic()
            if now - self._signals.setdefault(number, now) > _SAME_S:  # asked again: at once
                os._exit(128 + number)

        known = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        if known[-1] != signal.SIGTERM and signal.getsignal(known[-1]) == signal.SIG_IGN:  # under nohup
            known.pop()
        before = {number: signal.signal(number, note) for number in known}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def code_of_signal(self) -> int:
        """Exit code after a signal that was noted, and that ends a process elsewhere; else 0."""
        return next((128 + number for number in self._signals if number != signal.SIGINT), 0)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        self._deadline = time.monotonic() + self._patience_s, what
        try:
            yield
        finally:
            self._deadline = None

    def _watch(self) -> None:
        while True:
            time.sleep(min(1.0, self._patience_s / 4))
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline[0]:
                waited = f"has waited {self._patience_s:g} s for {deadline[1]}"
                longer = "; GENOML_MPI_TIMEOUT=SECONDS waits longer"
                self._end(f"{waited}: another rank hangs or is gone", 2, longer)

    def _end(self, why: str, code: int, more: str = "") -> NoReturn:
        """End this process without MPI, which may be stuck; the launcher then ends the others."""
        line = f"genoml: error: rank {self.rank} of {self.count} {why}; the job ends{more}"
        print(line, file=sys.__stderr__, flush=True)
        os._exit(code)

    def leave(self, code: int, message: str = "") -> int:
        """End together: the exit code of the first rank that failed, after its message.

        A rank that fails alone does not wait for the others, which wait for it elsewhere: it ends the job.
        """
        codes = np.zeros(self.count, np.int32)
        request = self._farewell.Iallgather(np.array([code], np.int32), codes)
        start = time.monotonic()
        while not request.Test():
            if code and time.monotonic() - start > _FAREWELL_S:
                self._end(f"failed: {message.strip().removeprefix('genoml: error: ')}", code)
            time.sleep(0.005)
        failed = np.flatnonzero(codes)
        if failed.size and failed[0] == self.rank and message:
            print(message, file=sys.__stderr__, flush=True)
        return int(codes[failed[0]]) if failed.size else 0


def _poll(request: Any) -> None:
    """Wait for a request in naps, each at most as long as the wait so far."""
    nap = 2e-5
    while not request.Test():
        time.sleep(nap)
        nap = min(2.0 * nap, 0.01)
