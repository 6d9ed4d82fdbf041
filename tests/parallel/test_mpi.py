"""Ranks that MPI starts: the bits of one process's threads, and every end of a job."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from genoml.parallel import ONE_RANK, Threads
from genoml.parallel.mpi import RanksError, launched, world
from support.mpi_job import predicted, trained
from support.subprocesses import process, run_python, wait_for

pytestmark = pytest.mark.mpi
JOB = Path(__file__).parents[1] / "support" / "mpi_job.py"
#: seconds for a job, on a loaded machine
LIMIT_S = 120


@contextmanager
def job(task: str, folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A job of two ranks; its launcher and ranks have ended behind this."""
    beside = Path(sys.executable).with_name("mpiexec")
    launcher = str(beside) if beside.exists() else "mpiexec"
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    path = {"PYTHONPATH": os.pathsep.join([str(JOB.parents[1]), *filter(None, sys.path)])}
    for file in folder.glob("pid-*"):
        file.unlink()
    command = [launcher, "-n", "2", sys.executable, str(JOB), task, str(folder)]
    given = os.environ | one_thread | path | environment
    try:
        with process(
            command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as started:
            yield started
    finally:
        for file in folder.glob("pid-*"):
            end(int(file.read_text()))


def end(pid: int) -> None:
    """Kill a rank, if it is one and still there."""
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and JOB.name.encode() in command.read_bytes():
        os.kill(pid, signal.SIGKILL)


def said_by(started: subprocess.Popen[str]) -> str:
    """What the ranks say, without the lines between dashes of Open MPI's launcher about an exit code."""
    said, _ = started.communicate(timeout=LIMIT_S)
    return re.sub(r"(?ms)^-{60,}\nprterun detected .*?^-{60,}\n", "", said)


def wait_for_steps(folder: Path, started: subprocess.Popen[str]) -> None:
    """Until the training has done some steps."""
    file = folder / "step"
    wait_for(lambda: file.exists() and int(file.read_text() or 0) >= 3, started)


def pid_of(rank: int, folder: Path) -> int:
    return int((folder / f"pid-{rank}").read_text())


@pytest.fixture
def always_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Threads.__init__, "__kwdefaults__", {"least_input": 1, "least_work": 1})


def expect_weights(folder: Path, expected: dict[str, np.ndarray]) -> None:
    found = np.load(folder / "found.npz")
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_two_ranks_give_the_bits_of_two_threads(tmp_path: Path, always_in_parts: None) -> None:
    with job("train", tmp_path) as started:
        assert said_by(started) == ""
        assert started.returncode == 0
    weights, _, losses = trained(ONE_RANK, 2)
    expect_weights(tmp_path, weights)
    assert json.loads((tmp_path / "found.json").read_text()) == {"interrupted": False, "losses": losses}
    np.testing.assert_array_equal(np.load(tmp_path / "found.npz")["outputs"], predicted(ONE_RANK))


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_any_rank_stops_all_after_a_step_and_they_go_on_to_the_same_bits(
    rank: int, tmp_path: Path, always_in_parts: None
) -> None:
    with job("slow", tmp_path) as started:
        wait_for_steps(tmp_path, started)
        os.kill(pid_of(rank, tmp_path), signal.SIGTERM if rank else signal.SIGINT)
        assert said_by(started) == ""
    assert json.loads((tmp_path / "found.json").read_text())["interrupted"]
    with job("resume", tmp_path) as started:
        assert said_by(started) == ""
    weights, _, losses = trained(ONE_RANK, 2, epochs=8)
    expect_weights(tmp_path, weights)
    assert json.loads((tmp_path / "found.json").read_text()) == {"interrupted": False, "losses": losses}


def test_a_fault_on_one_rank_ends_the_job_with_its_message(tmp_path: Path) -> None:
    with job("fail-1", tmp_path) as started:
        said = said_by(started)
        assert started.returncode != 0
    assert "genoml: error: rank 1 of 2 failed: rank 1 has failed; the job ends" in said
    assert not (tmp_path / "found.npz").exists()


def test_the_same_fault_on_all_ranks_is_said_once(tmp_path: Path) -> None:
    with job("fail", tmp_path) as started:
        said = said_by(started)
        assert started.returncode != 0
    assert re.findall(r"rank \d has failed", said) == ["rank 0 has failed"]


def test_a_rank_that_hangs_ends_the_job_at_the_deadline(tmp_path: Path) -> None:
    with job("slow", tmp_path, GENOML_MPI_TIMEOUT="2") as started:
        wait_for_steps(tmp_path, started)
        os.kill(pid_of(1, tmp_path), signal.SIGSTOP)
        said = said_by(started)
        assert started.returncode != 0
    assert re.search(r"rank 0 of 2 has waited 2 s for .*: another rank hangs or is gone; the job ends", said)


def test_a_rank_that_is_killed_ends_the_job(tmp_path: Path) -> None:
    with job("slow", tmp_path) as started:
        wait_for_steps(tmp_path, started)
        os.kill(pid_of(1, tmp_path), signal.SIGKILL)
        said_by(started)
        assert started.returncode != 0


def test_processes_of_another_launcher_are_refused() -> None:
    done = run_python("from genoml.parallel.mpi import world\nwith world(): pass", OMPI_COMM_WORLD_SIZE="3")
    assert done.returncode == 1
    assert "started as 3 processes, and MPI sees 1: the launcher is not that of" in done.stderr


def test_without_mpi4py_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    needed = r"started as 2 processes, which need mpi4py .*pip install 'genoml-xp\[mpi\]'"
    with pytest.raises(RanksError, match=needed), world():
        pass


def test_only_a_launcher_makes_several_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")  # in a batch script, which is one process
    with world() as ranks:
        assert ranks is ONE_RANK
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    assert launched() == 4
    monkeypatch.setenv("GENOML_MPI", "0")
    assert launched() == 1
