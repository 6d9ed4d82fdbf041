"""Sums over ranks that stay on their GPUs, by NCCL; all else meets on the host, by the ranks that it is given.

The order of a sum is that of ``genoml.parallel.tree_sum``, whatever the network: parts of the numbers are sent to the
rank that adds them up, and the sums gathered. NCCL's own sums choose an order by size and topology.

References
----------
NVIDIA Collective Communication Library (NCCL) documentation, point-to-point communication; group calls.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from genoml.backend import Array, Backend, BackendError
from genoml.parallel import Ranks

T = TypeVar("T")


class NcclSums(Ranks):
    """Ranks with a GPU each; ``sum`` and ``sum_all`` are queued there, and the host reads nothing.

    Parameters
    ----------
    ranks : Ranks
        The same ranks, which meet on the host.
    xp : module
        CuPy.
    nccl : module
        ``cupy.cuda.nccl``.

    Raises
    ------
    BackendError
        If NCCL cannot connect the ranks.
    """

    def __init__(self, ranks: Ranks, xp: Any, nccl: Any) -> None:
        self.host, self.xp = ranks, xp
        self.rank, self.count = ranks.rank, ranks.count
        self._nccl, self._kinds = nccl, {"float32": nccl.NCCL_FLOAT32, "float64": nccl.NCCL_FLOAT64}
        #: memory of exchanges
        self._kept: dict[tuple[str, str], Array] = {}
        #: of the last ``sum_all``: above 0 if a rank has been asked to end
        self._vote: Array = None
        identity = ranks.on_first(nccl.get_unique_id)
        try:
            with ranks.waiting("NCCL"):
                self._comm = nccl.NcclCommunicator(self.count, identity, self.rank)
        except nccl.NcclError as error:
            raise BackendError(
                f"rank {self.rank} cannot join the others by NCCL: {error}; NCCL_DEBUG=INFO says more, GENOML_NCCL=0 "
                "does without"
            ) from error

    @staticmethod
    def _address(array: Array) -> int:
        address: int = array.data.ptr
        return address

    def _stream(self) -> int:
        stream: int = self.xp.cuda.get_current_stream().ptr
        return stream

    # ------------------------------------------------------------ on the device

    def sum(self, value: Array, add: Callable[[Array, Array], Array] = operator.add) -> Array:
        kind = self._kinds.get(str(value.dtype)) if isinstance(value, self.xp.ndarray) else None
        if kind is None:
            return self.host.sum(value, add)
        own = self.xp.ascontiguousarray(value)
        everyone = self.xp.empty((self.count, *value.shape), value.dtype)
        with self.host.waiting("a sum over the batch"):
            self._comm.allGather(self._address(own), self._address(everyone), own.size, kind, self._stream())
        return self._added(everyone, add)

    def sum_all(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        totals: dict[str, Array] = {}
        for dtype in {str(value.dtype): None for value in arrays.values()}:
            own = {name: value for name, value in arrays.items() if str(value.dtype) == dtype}
            total, at = self._sum_in_a_row(list(own.values()), dtype), 0
            for name, value in own.items():
                part = self.xp.empty_like(value)  # which lies in memory alike: sums over it are in that order
                part[...] = total[at : at + value.size].reshape(value.shape)
                totals[name] = part
                at += value.size
            self._vote = total[at]
        return {name: totals[name] for name in arrays}

    def _sum_in_a_row(self, values: list[Array], dtype: str) -> Array:
        """All numbers of all values, and behind them the vote, summed.

        Each rank adds up one share of them, in order, and hands it to all. The shares are of one size, as allGather
        asks for, so the last may end in zeros.
        """
        size = sum(value.size for value in values)
        share, kind, stream = -(-(size + 1) // self.count), self._kinds[dtype], self._stream()
        flat, got, total = (self._memory(name, share, dtype) for name in ("flat", "got", "total"))
        self.xp.concatenate([value.reshape(-1) for value in values], out=flat.reshape(-1)[:size])
        flat.reshape(-1)[size : size + 1] = float(self.host.asked_here)
        with self.host.waiting("gradients"):
            self._nccl.groupStart()
            for rank in range(self.count):
                self._comm.send(self._address(flat[rank]), share, kind, rank, stream)
                self._comm.recv(self._address(got[rank]), share, kind, rank, stream)
            self._nccl.groupEnd()
            mine = self._added(got, operator.add)
            self._comm.allGather(self._address(mine), self._address(total), share, kind, stream)
        return total.reshape(-1)

    def _memory(self, name: str, share: int, dtype: str) -> Array:
        """A share a rank; zeros behind what is written."""
        kept = self._kept.get((name, dtype))
        if kept is None or kept.shape[1] != share:
            kept = self._kept[name, dtype] = self.xp.zeros((self.count, share), dtype)
        return kept

    def _added(self, everyone: Array, add: Callable[[Array, Array], Array]) -> Array:
        """What ``tree_sum`` makes of the ranks' values, in as many operations as the tree has levels."""
        while len(everyone) > 1:
            even = len(everyone) & ~1
            pairs = add(everyone[0:even:2], everyone[1:even:2])
            everyone = pairs if even == len(everyone) else self.xp.concatenate([pairs, everyone[even:]])
        return everyone[0]

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self.host.waiting("the GPU"):
            yield
            if self._vote is not None:
                self.asked_to_stop = self.asked_to_stop or bool(self._vote > 0)

    # ------------------------------------------------------------ on the host

    @property
    def asked_here(self) -> bool:  # type: ignore[override]
        return self.host.asked_here

    def threads(self, backend: Backend) -> int:
        return self.host.threads(backend)

    def gather(self, value: T) -> list[T]:
        return self.host.gather(value)

    def on_first(self, call: Callable[[], T]) -> T:
        return self.host.on_first(call)

    @contextmanager
    def stopping(self) -> Iterator[None]:
        self.asked_to_stop = False
        with self.host.stopping():
            yield
