"""The command under ``mpiexec``, as a user starts it, and its processes by their rank."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from support.planted import GENOML
from support.subprocesses import hearing_ctrl_c, process

#: seconds for a job, on a loaded machine
LIMIT_S = 120
_RANKS = ("PMI_RANK=", "OMPI_COMM_WORLD_RANK=")


class Job:
    """Processes that one ``mpiexec`` started."""

    def __init__(self, launcher: subprocess.Popen[str], mark: str) -> None:
        self.launcher, self._mark = launcher, mark

    def pids(self) -> dict[int, int]:
        """The process of each rank that is still there."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
                if self._mark in words:
                    found |= {
                        int(word.partition("=")[2]): int(folder.name)
                        for word in words
                        if word.startswith(_RANKS)
                    }
        return found

    def end(self) -> tuple[int, str]:
        """Exit code of the launcher, and what all of them said."""
        said, _ = self.launcher.communicate(timeout=LIMIT_S)
        return self.launcher.returncode, said


@contextmanager
def job(folder: Path, *groups: Sequence[object], ranks: int = 2, **environment: str) -> Iterator[Job]:
    """The command in a folder on so many ranks, or each rank with words of its own; all have ended behind this."""
    beside = Path(sys.executable).with_name("mpiexec")
    command = [str(beside) if beside.exists() else "mpiexec"]
    for number, words in enumerate(groups):
        count = ranks if len(groups) == 1 else 1
        command += [":"] * (number > 0) + ["-n", str(count), *GENOML, *map(str, words)]
    mark = f"GENOML_TEST_JOB={uuid4()}"
    given = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "GENOML_THREADS": "1"}
    given |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment
    given |= dict([mark.split("=")])
    with (
        hearing_ctrl_c(),
        process(
            command, cwd=folder, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as launcher,
    ):
        started = Job(launcher, mark)
        try:
            yield started
        finally:
            for pid in started.pids().values():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def run(folder: Path, *groups: Sequence[object], ranks: int = 2, **environment: str) -> tuple[int, str]:
    """Exit code and output of a command on ranks."""
    with job(folder, *groups, ranks=ranks, **environment) as started:
        return started.end()
