"""Sums by NCCL, over a communicator of the same methods: their order and places, and the bits of ranks on the host."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.backend import Array, BackendError
from genoml.ops.normalise import joined_statistics
from genoml_cupy.nccl import NcclSums
from genoml_numpy import NumpyBackend
from support.fake_nccl import FakeNccl, expect_equal, gradients_of, trained
from support.thread_ranks import ThreadRanks, as_ranks


class OnNumpy(NcclSums):
    """The sums on NumPy's arrays, whose memory the CPU has."""

    @staticmethod
    def _address(array: Array) -> int:
        return int(array.ctypes.data)

    def _stream(self) -> int:
        return 0


class QueuingBackend(NumpyBackend):
    """NumPy that says it queues its work, and sums by NCCL."""

    asynchronous = True

    def __init__(self, nccl: FakeNccl) -> None:
        super().__init__()
        self.nccl = nccl

    def sums(self, ranks: Any) -> Any:
        return ranks if ranks.count == 1 else OnNumpy(ranks, np, self.nccl)


@pytest.mark.parametrize("count", [2, 3, 4, 7])
def test_sums_have_the_bits_of_ranks_on_the_host(count: int) -> None:
    nccl = FakeNccl()

    def run(ranks: ThreadRanks) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
        sums, mine = OnNumpy(ranks, np, nccl), gradients_of(ranks.rank)
        first = sums.sum_all({name: 2 * value for name, value in mine.items()})
        kept = {name: np.array(value) for name, value in first.items()}
        found = sums.sum_all(mine)  # in the memory of the first
        for name, value in first.items():
            np.testing.assert_array_equal(value, kept[name])
        return found, ranks.sum_all(mine)

    for found, expected in as_ranks(count, run):
        assert list(found) == list(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value)
            assert (found[name].dtype, found[name].strides) == (value.dtype, gradients_of(0)[name].strides)


@pytest.mark.parametrize("add", [operator.add, joined_statistics])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_small_sum_has_the_order_of_the_host(count: int, add: Callable[[Array, Array], Array]) -> None:
    nccl = FakeNccl()

    def run(ranks: ThreadRanks) -> tuple[Array, Array]:
        value = np.random.default_rng(ranks.rank).random((3, 6)).astype(np.float32) + 1
        sums = OnNumpy(ranks, np, nccl)
        np.testing.assert_array_equal(sums.sum(np.asarray(3), add=operator.add), 3 * count)  # on the host
        return sums.sum(value.T.copy().T, add), ranks.sum(value, add)

    for found, expected in as_ranks(count, run):
        np.testing.assert_array_equal(found, expected)


def test_each_rank_adds_up_a_share_of_all_numbers_and_hands_it_out() -> None:
    nccl = FakeNccl()

    def run(ranks: ThreadRanks) -> None:
        sums = OnNumpy(ranks, np, nccl)
        sums.sum_all(
            {"a": np.ones(7, np.float32), "b": np.ones((2, 2), np.float32)}
        )  # and the vote: 12 numbers
        sums.sum(np.ones(5))

    as_ranks(3, run)
    for member in nccl.members.values():
        exchanged = [(name, peer, 4) for peer in range(3) for name in ("send", "recv")]
        assert member.calls == [("group", exchanged), ("allGather", 4), ("allGather", 5)]


def test_a_training_has_the_bits_of_ranks_on_the_host() -> None:
    backend = QueuingBackend(FakeNccl())
    expected = as_ranks(3, lambda ranks: trained(NumpyBackend(), ranks, accumulate=2))[0]
    for found in as_ranks(3, lambda ranks: trained(backend, ranks, accumulate=2)):
        expect_equal(found, expected)


class Stop:
    """Asks its rank to stop, as a signal would."""

    def __init__(self, ranks: ThreadRanks) -> None:
        self.ranks, self.last = ranks, 0

    def step(self, step: int, loss: float, examples: int) -> None:
        self.ranks.stop, self.last = True, step

    def epoch(self, record: dict[str, float], improved: bool) -> None: ...


def test_a_vote_is_seen_with_the_losses_by_all_and_the_rest_has_the_same_bits(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "batch_size": 4,
        "epochs": 2,
    }  # 20 steps an epoch: losses are read after 16 and 20

    def stopped(ranks: ThreadRanks) -> tuple[Any, int]:
        stop = Stop(ranks)
        return trained(QueuingBackend(nccl), ranks, callback=stop, checkpoints=tmp_path, **options), stop.last

    nccl = FakeNccl()
    first, *others = as_ranks(2, stopped)
    assert (first[0][2], first[1]) == (True, 16)  # asked after 16, seen after 20
    for other, _ in others:
        expect_equal(other, first[0])
    nccl = FakeNccl()
    expected = as_ranks(2, lambda ranks: trained(NumpyBackend(), ranks, **options))[0]
    again: dict[str, Any] = {"checkpoints": tmp_path, "resume": True, **options}
    for found in as_ranks(2, lambda ranks: trained(QueuingBackend(nccl), ranks, **again)):
        expect_equal(found, expected)


def test_every_wait_has_a_deadline_that_of_the_losses_too() -> None:
    class Watched(ThreadRanks):
        waits: list[str]

        @contextmanager
        def waiting(self, what: str) -> Iterator[None]:
            self.waits.append(what)
            yield

    def run(ranks: ThreadRanks) -> list[str]:
        ranks.__class__ = Watched
        ranks.waits = []  # type: ignore[attr-defined]
        trained(backend, ranks, epochs=1, batch_size=40)  # two steps, whose losses are read together
        return ranks.waits  # type: ignore[attr-defined, no-any-return]

    backend = QueuingBackend(FakeNccl())
    step = ["a sum over the batch", "a sum over the batch", "gradients"]
    assert as_ranks(2, run) == [["NCCL", *step, *step, "the GPU"]] * 2


def test_ranks_that_nccl_cannot_connect_say_so_in_one_line() -> None:
    nccl = FakeNccl("NCCL_ERROR_INVALID_USAGE: two ranks, one GPU")
    line = r"rank \d cannot join the others by NCCL: NCCL_ERROR_INVALID_USAGE: .*; NCCL_DEBUG=INFO says more"
    with pytest.raises(BackendError, match=line):
        as_ranks(2, lambda ranks: OnNumpy(ranks, np, nccl))
