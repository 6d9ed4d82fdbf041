"""Ranks that MPI starts: ``mpiexec -n 4 python train.py``, or ``srun`` on a cluster.

    with world() as ranks:
        fit(model, data, options=options, checkpoints="checkpoints", resume=True, ranks=ranks)

Needs mpi4py and an MPI: ``pip install 'genoml-xp[mpi]' mpich``, or the cluster's own. Arrays meet on the host. No
wait lasts for ever: after ``GENOML_MPI_TIMEOUT`` seconds (600) a rank that waits for another one ends the job.
"""

from __future__ import annotations

import operator
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import numpy as np

from genoml.backend import Array, Backend, backend_of
from genoml.parallel.parts import tree_sum
from genoml.parallel.ranks import ONE_RANK, Ranks

T = TypeVar("T")

#: variables in which launchers say how many processes they started
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
#: seconds that a rank which fails waits for the others to fail of the same
_FAREWELL_S = 5.0


class RanksError(RuntimeError):
    """Processes that were started together cannot work together."""


def launched() -> int:
    """The number of processes that a launcher says it started; 1 with ``GENOML_MPI=0``."""
    if os.environ.get("GENOML_MPI") == "0":
        return 1
    sizes = [os.environ.get(name, "") for name in _SIZES]
    if os.environ.get("SLURM_STEP_ID", "").isdigit():  # the batch script itself is one process
        sizes.append(os.environ.get("SLURM_STEP_NUM_TASKS", ""))
    return max((int(size) for size in sizes if size.isdigit()), default=1)


@contextmanager
def world() -> Iterator[Ranks]:
    """The ranks of this job; ``ONE_RANK`` where no launcher started it. They leave the context together.

    A rank that fails alone ends the job after 5 s. Otherwise the first that failed says why, and all end alike.

    Raises
    ------
    RanksError
        If mpi4py is missing, or its MPI does not know the launcher: each process would take itself for all.
    """
    count = launched()
    if count == 1:
        yield ONE_RANK
        return
    ranks = MpiRanks(_mpi_of(count))
    code, message = 0, ""
    try:
        yield ranks
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        message = "" if isinstance(ended.code, int | None) else ended.code
    except BaseException:
        code, message = 1, traceback.format_exc()
    code = ranks.leave(code, message)
    if code:
        sys.exit(code)


def _mpi_of(count: int) -> Any:
    """The module MPI, which sees as many processes."""
    try:
        import mpi4py

        mpi4py.rc.thread_level = "funneled"
        with warnings.catch_warnings(action="ignore"):  # of a launcher that is not that of this MPI
            from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise RanksError(
            f"started as {count} processes, which need mpi4py ({error}); pip install 'genoml-xp[mpi]', with the "
            "cluster's own MPI where there is one"
        ) from error
    seen = MPI.COMM_WORLD.size
    if seen != count:
        library = MPI.Get_library_version().splitlines()[0].split(",")[0].strip()
        raise RanksError(
            f"started as {count} processes, and MPI sees {seen}: the launcher is not that of {library}, which mpi4py "
            "loads; start with its mpiexec, or on SLURM with srun --mpi=pmix or pmi2"
        )
    return MPI


class MpiRanks(Ranks):
    """The ranks of MPI_COMM_WORLD; ``world`` makes them. Only the main thread calls MPI."""

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi
        # apart, so that a rank that fails meets no exchange of the others
        self._comm, self._farewell = mpi.COMM_WORLD.Dup(), mpi.COMM_WORLD.Dup()
        self.rank, self.count = self._comm.rank, self._comm.size
        self._patience_s = float(os.environ.get("GENOML_MPI_TIMEOUT") or 600.0)
        self._signals: list[int] = []
        #: memory of exchanges: fresh memory would cost as much again
        self._kept: dict[str, np.ndarray] = {}
        #: when a wait is in vain, and what for
        self._deadline: tuple[float, str] | None = None
        self._cores = self._share_of_cores()
        threading.Thread(target=self._watch, daemon=True, name="genoml-watch").start()

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
        return threads if os.environ.get("GENOML_THREADS") else min(threads, self._cores)

    # ------------------------------------------------------------ exchanges

    def sum(self, value: Array, add: Callable[[Array, Array], Array] = operator.add) -> Array:
        backend = backend_of(value)
        mine = np.ascontiguousarray(value if backend is None else backend.to_numpy(value))
        everyone = np.empty((self.count, *np.shape(value)), mine.dtype)
        with self._waiting("a sum over the batch"):
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
        with self._waiting("gradients"):
            self._comm.Alltoallv([flat, (counts, bounds[:-1]), kind], [got, from_each, kind])
            self._comm.Allgatherv([tree_sum(list(got)), mine, kind], [total, (counts, bounds[:-1]), kind])
        return total

    def _memory(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        kept = self._kept.get(name)
        if kept is None or kept.shape != shape or kept.dtype != dtype:
            kept = self._kept[name] = np.empty(shape, dtype)
        return kept

    def gather(self, value: T) -> list[T]:
        with self._waiting("results"):
            found: list[T] = self._comm.allgather(value)
        return found

    def on_first(self, call: Callable[[], T]) -> T:
        found: tuple[Any, Exception | None] = None, None
        if self.first:
            try:
                found = call(), None
            except Exception as error:
                found = None, error
        with self._waiting("rank 0"):
            result, raised = self._comm.bcast(found)
        if raised is not None:
            raise raised
        return result  # type: ignore[no-any-return]

    # ------------------------------------------------------------ the end

    @contextmanager
    def stopping(self) -> Iterator[None]:
        self.asked_to_stop = False
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, _: Any) -> None:
            if number in self._signals:  # asked again: at once
                os._exit(128 + number)
            self._signals.append(number)

        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        self._deadline = time.monotonic() + self._patience_s, what
        try:
            yield
        finally:
            self._deadline = None

    waiting = _waiting

    def _watch(self) -> None:
        while True:
            time.sleep(min(1.0, self._patience_s / 4))
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline[0]:
                waited = f"has waited {self._patience_s:g} s for {deadline[1]}"
                self._end(f"{waited}: another rank hangs or is gone", 2)

    def _end(self, why: str, code: int) -> NoReturn:
        """End this process without MPI, which may be stuck; the launcher then ends the others."""
        line = f"genoml: error: rank {self.rank} of {self.count} {why}; the job ends"
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
                self._end(f"failed: {message.strip()}", code)
            time.sleep(0.005)
        failed = np.flatnonzero(codes)
        if failed.size and failed[0] == self.rank and message:
            print(message, file=sys.__stderr__, flush=True)
        return int(codes[failed[0]]) if failed.size else 0
