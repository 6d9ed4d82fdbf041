"""``cupy.cuda.nccl`` for ranks that are threads, over arrays that the CPU can read; and what is summed by it."""

from __future__ import annotations

import ctypes
import threading
from collections import defaultdict
from queue import SimpleQueue
from typing import Any

import numpy as np

from genoml import nn
from genoml.backend import Backend
from genoml.data import Augmentation
from genoml.parallel import Ranks
from genoml.train import FitOptions, fit
from support.planted import planted_data
from support.thread_ranks import PATIENCE_S

_BYTES = {7: 4, 8: 8}


class FakeNccl:
    """The module; one object for all ranks."""

    NCCL_FLOAT32, NCCL_FLOAT64 = 7, 8
    available = True
    NcclError = RuntimeError

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.members: dict[int, Communicator] = {}
        self.together = threading.Condition()
        #: by (from, to)
        self.sent: dict[tuple[int, int], SimpleQueue[tuple[int, bytes]]] = defaultdict(SimpleQueue)
        self.group = threading.local()

    def get_unique_id(self) -> bytes:
        return bytes(range(128))

    def NcclCommunicator(self, count: int, identity: bytes, rank: int) -> Communicator:  # noqa: N802 - as CuPy
        """Waits for the others, as NCCL does."""
        assert identity == self.get_unique_id()
        if self.fault:
            raise self.NcclError(self.fault)
        with self.together:
            self.members[rank] = Communicator(self, count, rank)
            self.together.notify_all()
            assert self.together.wait_for(lambda: len(self.members) == count, PATIENCE_S)
        return self.members[rank]

    def groupStart(self) -> None:  # noqa: N802
        assert getattr(self.group, "calls", None) is None
        self.group.calls = []

    def groupEnd(self) -> None:  # noqa: N802
        """What was sent lies in memory of its own before anything is received: the order within a group is free."""
        calls, self.group.calls = self.group.calls, None
        for communicator, name, address, length, kind, peer in calls:
            if name == "send":
                communicator.put(address, length, kind, peer)
        for communicator, name, address, length, kind, peer in calls:
            if name == "recv":
                communicator.take(address, length, kind, peer)
        calls[0][0].calls.append(("group", [(name, peer, length) for _, name, _, length, _, peer in calls]))


class Communicator:
    """A rank's, with CuPy's methods; ``calls`` are what it was asked for."""

    def __init__(self, nccl: FakeNccl, count: int, rank: int) -> None:
        self.nccl, self.count, self.rank = nccl, count, rank
        self.calls: list[tuple[str, Any]] = []

    def send(self, address: int, length: int, kind: int, peer: int, stream: int) -> None:
        self.nccl.group.calls.append((self, "send", address, length, kind, peer))

    def recv(self, address: int, length: int, kind: int, peer: int, stream: int) -> None:
        self.nccl.group.calls.append((self, "recv", address, length, kind, peer))

    def allGather(self, address: int, into: int, length: int, kind: int, stream: int) -> None:  # noqa: N802
        assert getattr(self.nccl.group, "calls", None) is None
        for peer in range(self.count):
            self.put(address, length, kind, peer)
        for peer in range(self.count):
            self.take(into + peer * length * _BYTES[kind], length, kind, peer)
        self.calls.append(("allGather", length))

    def put(self, address: int, length: int, kind: int, peer: int) -> None:
        """Copy numbers for another rank."""
        self.nccl.sent[self.rank, peer].put((kind, ctypes.string_at(address, length * _BYTES[kind])))

    def take(self, address: int, length: int, kind: int, peer: int) -> None:
        """Write what another rank has sent, which must be as much, and of the kind, that is expected."""
        sent_kind, brought = self.nccl.sent[peer, self.rank].get(timeout=PATIENCE_S)
        assert (sent_kind, len(brought)) == (kind, length * _BYTES[kind])
        ctypes.memmove(address, brought, len(brought))


def gradients_of(rank: int) -> dict[str, np.ndarray]:
    """Arrays of several shapes, dtypes and orders in memory."""
    rng = np.random.default_rng(rank)
    return {
        "loss": np.asarray(rng.standard_normal(), np.float32),
        "weights": np.asfortranarray(rng.standard_normal((5, 3, 4)).astype(np.float32)),
        "double": rng.standard_normal((2, 3)),
        "bias": rng.standard_normal(7).astype(np.float32),
        "turned": rng.standard_normal((4, 6)).astype(np.float32).T,
    }


def network(backend: Backend) -> nn.Layer:
    place: dict[str, Any] = {"dtype": "float32", "backend": backend}
    layers = [
        nn.Conv1D(4, 5, 4, **place), nn.BatchNorm1D(5, **place), nn.ReLU(**place), nn.Dropout(0.3, **place),
        nn.GlobalMaxPool1D(**place), nn.Dense(5, 1, **place),
    ]  # fmt: skip
    return nn.Sequential(layers, seed=3)


def trained(backend: Backend, ranks: Ranks, **more: Any) -> tuple[dict[str, np.ndarray], list[float], bool]:
    model = network(backend)
    given = {"epochs": 3, "batch_size": 8, "threads": 1, "augmentation": Augmentation(True, 2)}
    places = {name: more.pop(name) for name in ("checkpoints", "resume", "callback") if name in more}
    history = fit(
        model, planted_data(40), options=FitOptions(**given | more), progress=None, ranks=ranks, **places
    )
    weights = {
        name: np.array(backend.to_numpy(value)) for name, value in {**model.params, **model.state}.items()
    }
    return weights, [epoch["loss"] for epoch in history.epochs], history.interrupted


def expect_equal(found: Any, expected: Any) -> None:
    assert found[1:] == expected[1:]
    for name, value in expected[0].items():
        np.testing.assert_array_equal(found[0][name], value, err_msg=name)
