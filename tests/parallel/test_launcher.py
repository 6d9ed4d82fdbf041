"""What launchers say, and the GPU that each process of a machine takes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from genoml.backend import Backend, get_backend
from genoml.parallel import Ranks
from genoml.parallel.launcher import RanksError, launched, local_rank, take_gpu, visible_gpus
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
