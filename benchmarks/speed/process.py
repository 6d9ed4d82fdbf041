"""Processes that measure: one that does a job and ends, and one that stays and takes its turn when told by pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Record = dict[str, Any]
Job = dict[str, Any]

#: what holds the libraries of all sides to a kind of processor
KERNELS: dict[str, dict[str, str]] = {
    "native": {},
    "AVX2": {
        "OPENBLAS_CORETYPE": "Haswell",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "NUMBA_CPU_NAME": "haswell",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
}
#: settings of a machine that would hold one side back
_HOLDING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def environment(kernels: str = "native", **more: str) -> dict[str, str]:
    """The environment of here, with every library free to choose its kernels, or all held to the same."""
    free = {name: value for name, value in os.environ.items() if name not in _HOLDING}
    return {**free, **KERNELS[kernels], **more}


def _command(job: Job) -> list[str]:
    return [sys.executable, "-m", "benchmarks.speed.worker", json.dumps(job | {"spawned": time.time()})]


def run_job(job: Job, **more: str) -> list[Record]:
    """The results of a job; of one that ends badly, what there was, and a record with ``failed``."""
    done = subprocess.run(
        _command(job), cwd=ROOT, env=environment(**more), capture_output=True, text=True, check=False
    )
    records: list[Record] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        records.append({"row": job["rows"][0], "failed": f"{job['task']} failed: {last}"})
    return records


class Worker:
    """A side in a process of its own. It waits, asleep, while others take their turns.

    Parameters
    ----------
    side : str
        See ``benchmarks.speed.worker``.
    threads : int
        The process is kept to so many cores, as every other side is.
    kernels : str
        A key of ``KERNELS``.
    """

    def __init__(self, side: str, threads: int, kernels: str = "native") -> None:
        # what was compiled for another number of threads is not for this one
        more = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
        self._process = subprocess.Popen(
            _command({"task": "turns", "side": side, "threads": [threads]}),
            cwd=ROOT, env=environment(kernels, **more), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ask(self, do: str, **details: Any) -> Any:
        """What the worker answers.

        Raises
        ------
        RuntimeError
            With the message of what went wrong there.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **details}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"the process ended with {self._process.wait()}")
        answer: Mapping[str, Any] = json.loads(line)
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer["answer"]

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
