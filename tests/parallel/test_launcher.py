"""What launchers say, and the GPU that each process of a machine takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from genoml.backend import Backend, get_backend
from genoml.parallel import Ranks
from genoml.parallel.launcher import RanksError, launched, local_rank, take_gpu, visible_gpus
from genoml.parallel.mpi import MpiRanks
from support.thread_ranks import as_ranks


class OnGpu(Backend):
    name = "gpu"

    @property
    def devices(self) -> Sequence[str]:
        return visible_gpus()


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PMI_SIZE",
        "OMPI_COMM_WORLD_SIZE",
        "MV2_COMM_WORLD_SIZE",
        "SLURM_STEP_ID",
        "MPI_LOCALRANKID",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "name", ["MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK"]
)
def test_a_launcher_says_which_process_of_its_machine_this_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert local_rank() == 0
    monkeypatch.setenv(name, "3")
    assert local_rank() == 3


def test_slurm_says_it_within_a_step_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_LOCALID", "2")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    assert (launched(), local_rank()) == (1, 0)
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    assert (launched(), local_rank()) == (4, 2)


@pytest.mark.parametrize(
    ("visible", "number", "taken"),
    [
        ("0,1,2,3", 2, ["2"]),
        ("4, 6", 1, ["6"]),
        ("MIG-a,MIG-b", 0, ["MIG-a"]),
        ("5", 3, ["5"]),
        ("0,1", 2, ["0", "1"]),
    ],
)
def test_a_process_sees_the_gpu_of_its_number(
    visible: str, number: int, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setenv("MPI_LOCALRANKID", str(number))
    take_gpu()
    assert visible_gpus() == taken


def test_ranks_that_would_share_a_gpu_are_refused_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")

    def refused(ranks: Ranks) -> None:
        with pytest.raises(
            RanksError, match=r"ranks 0 and 1 have one GPU of .*; start as many ranks a machine as"
        ):
            ranks.expect_own_gpus(OnGpu())

    as_ranks(3, refused)
    as_ranks(2, lambda ranks: ranks.expect_own_gpus(get_backend("numpy")))
    monkeypatch.setenv("SLURM_STEP_ID", "0")  # each process of a step has its own, and calls it 0
    as_ranks(2, lambda ranks: ranks.expect_own_gpus(OnGpu()))


class _Node:
    """Ranks of a machine: two may use the same cores as this one, and one has others."""

    def allgather(self, mine: list[int]) -> list[list[int]]:
        return [mine, [8, 9], mine, mine]

    def Free(self) -> None: ...  # noqa: N802


class _Threaded(Backend):
    @property
    def threads(self) -> int:
        return int(os.environ.get("GENOML_THREADS") or 8)


def test_ranks_share_the_cores_that_they_may_use_unless_their_number_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(6)), raising=False)
    monkeypatch.delenv("GENOML_THREADS", raising=False)
    ranks = object.__new__(MpiRanks)
    ranks._mpi = SimpleNamespace(COMM_TYPE_SHARED=0)
    ranks._comm = SimpleNamespace(Split_type=lambda kind: _Node())
    ranks._cores = ranks._share_of_cores()
    seen = list[object]()
    monkeypatch.setattr(ranks, "gather", lambda value: [*seen, value])
    assert ranks.threads(_Threaded()) == 2
    monkeypatch.setenv("GENOML_THREADS", "5")
    assert ranks.threads(_Threaded()) == 5
    seen.append(1)  # of a machine with fewer
    assert ranks.threads(_Threaded()) == 1
