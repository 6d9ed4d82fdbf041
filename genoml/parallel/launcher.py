"""What launchers of processes (mpiexec of MPICH and Open MPI, srun of SLURM) say in the environment."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from pathlib import Path
from typing import Any, NoReturn

#: how many processes were started
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
#: number of this one among those of its machine, from 0
_LOCAL_RANKS = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK")
_GPUS = "CUDA_VISIBLE_DEVICES"
#: seconds for MPI to start, in which all processes must come
_START_S = 60.0


class RanksError(RuntimeError):
    """Processes that were started together cannot work together."""


def launched() -> int:
    """The number of processes that a launcher says it started; 1 with ``GENOML_MPI=0``."""
    if os.environ.get("GENOML_MPI") == "0":
        return 1
    return max(_numbers(_SIZES, "SLURM_STEP_NUM_TASKS"), default=1)


def local_rank() -> int:
    """The number of this process among those of its machine, from 0."""
    return next(iter(_numbers(_LOCAL_RANKS, "SLURM_LOCALID")), 0)


def _numbers(names: tuple[str, ...], of_step: str) -> list[int]:
    if os.environ.get("SLURM_STEP_ID", "").isdigit():  # the batch script itself is one process
        names = (*names, of_step)
    return [int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()]


def visible_gpus() -> list[str]:
    """The GPUs that CUDA will see in this process, as ``CUDA_VISIBLE_DEVICES`` or the system has them."""
    given = os.environ.get(_GPUS)
    if given is None:
        return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]
    return [name.strip() for name in given.split(",") if name.strip()]


def take_gpu() -> None:
    """See one GPU of several: that of this process's number on its machine, before a library looks for them.

    The others are for the other processes. Where there is none of this number, all stay.
    """
    seen = visible_gpus()
    if local_rank() < len(seen) and len(seen) > 1:
        os.environ[_GPUS] = seen[local_rank()]


def has_own_gpu() -> bool:
    """Whether SLURM gives each process of a step its own GPU, whatever number that has in the process."""
    return os.environ.get("SLURM_STEP_ID", "").isdigit() and len(visible_gpus()) == 1


def start_mpi(count: int) -> Any:
    """The module MPI, which sees as many processes.

    Raises
    ------
    RanksError
        If mpi4py is missing, or its MPI does not know the launcher.
    """
    try:
        import mpi4py

        # started here, since the import would keep the timer from running
        mpi4py.rc(initialize=False, finalize=True)
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise RanksError(
            f"started as {count} processes, which need mpi4py ({error}); pip install 'genoml-xp[mpi]', with the "
            "cluster's own MPI where there is one"
        ) from error
    timer = threading.Timer(_START_S, _end_start, [count])
    timer.daemon = True
    timer.start()
    with warnings.catch_warnings(action="ignore"):  # of a launcher that is not that of this MPI
        if not MPI.Is_initialized():
            MPI.Init_thread(MPI.THREAD_FUNNELED)
    timer.cancel()
    seen = MPI.COMM_WORLD.size
    if seen != count:
        library = MPI.Get_library_version().splitlines()[0].split(",")[0].strip()
        raise RanksError(
            f"started as {count} processes, and MPI sees {seen}: the launcher is not that of {library}, which mpi4py "
            "loads; start with its mpiexec, or on SLURM with srun --mpi=pmix or pmi2"
        )
    return MPI


def _end_start(count: int) -> NoReturn:
    """End this process, which waits for others in the start of MPI."""
    print(
        f"genoml: error: started as {count} processes, and MPI has waited {_START_S:g} s for all of them; "
        "GENOML_MPI=0 does without, as in a shell that srun started",
        file=sys.__stderr__, flush=True,
    )  # fmt: skip
    os._exit(2)
