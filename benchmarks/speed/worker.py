"""What a process that measures does: ``python -m benchmarks.speed.worker JOB``.

JOB is a JSON object with ``task`` and what the task takes. Of most tasks the results are JSON objects, one a line of
standard output, and the process ends. A worker of ``turns`` stays: it reads a request a line, and answers each.
``benchmarks.speed.process`` is the other end.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from benchmarks.speed.process import Job, Record


def use_cores(count: int) -> None:
    """Keep this process to so many cores, by which JAX sizes its pool of threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


# ---------------------------------------------------------------- sides


def _start_genoml() -> Any:
    import genoml.models
    import genoml.nn  # noqa: F401 - counted as an import
    from benchmarks.speed.sides import Genoml

    def start(row: Any, threads: int, stack: ExitStack) -> Any:
        side = Genoml(row, threads)
        stack.enter_context(side.running())
        return side

    return start


def _start_torch(**how: bool) -> Callable[[], Any]:
    def starting() -> Any:
        import torch

        from benchmarks.speed.torch_side import Torch

        def start(row: Any, threads: int, stack: ExitStack) -> Any:
            torch.set_num_threads(threads)
            return Torch(row, **how)

        return start

    return starting


def _start_jax() -> Any:
    from benchmarks.speed.jax_side import Jax

    return lambda row, threads, stack: Jax(row, row.build())


#: PyTorch's sides
TORCH = ("eager", "fused", "compiled")
#: imports a side, and gives what builds it
STARTS: dict[str, Callable[[], Any]] = {
    "genoml": _start_genoml,
    "plain": _start_genoml,
    "eager": _start_torch(),
    "fused": _start_torch(fused=True),
    "compiled": _start_torch(fused=True, compiled=True),
    "jax": _start_jax,
}


def kernels_in_use(side: str) -> str:
    """The kernels that a side's library has chosen for this processor."""
    if side in TORCH:
        import torch

        return f"PyTorch {torch.backends.cpu.get_cpu_capability()}"
    if side == "jax":
        import jaxlib

        return f"XLA {jaxlib.__version__} {os.environ.get('XLA_FLAGS', 'native')}"
    from threadpoolctl import threadpool_info

    found = {
        f"OpenBLAS {one['version']} {one['architecture']}"
        for one in threadpool_info()
        if "architecture" in one
    }
    return ", ".join(sorted(found))


# ---------------------------------------------------------------- turns


class Turns:
    """One side of one row at a time, and its answers."""

    def __init__(self, side: str, threads: int) -> None:
        self.side, self.threads = side, threads
        self.stack = ExitStack()
        self.start: Any = None
        self.built: Any = None

    def build(self, row: str) -> str:
        """The network of a row with its first weights; the kernels in use."""
        from benchmarks.speed.rows import row_by_name

        self.stack.close()
        self.start = self.start or STARTS[self.side]()
        found = row_by_name(row)
        self.built = self.start(found, self.threads, self.stack)
        if self.side in TORCH:
            from benchmarks.speed.torch_side import copy_parameters

            copy_parameters(found.build().params, self.built.module)
        return kernels_in_use(self.side)

    def work(self, name: str) -> str:
        """A piece of work that is no network's step; the kernels in use."""
        from benchmarks.speed.other_work import WORK

        self.built = WORK[name].sides[self.side](self.threads, self.stack)
        return kernels_in_use(self.side)

    def check(self, path: str) -> list[float]:
        """Write the output and the gradients of the first step; the losses before and after it."""
        output = self.built.infer()
        losses = [self.built.step()]
        gradients = {f"of {name}": np.array(value) for name, value in self.built.mean_gradients().items()}
        losses.append(self.built.step())
        np.savez(path, output=output, **gradients)
        return losses

    def result(self, path: str) -> None:
        """Write what a piece of work gives."""
        np.savez(path, output=self.built.run())

    def time(self, kind: str, repeats: int) -> float:
        """Seconds of one of so many, after one that wakes the threads up where the work is short."""
        from benchmarks.speed.measure import seconds

        work = getattr(self.built, kind)
        if repeats > 1:
            work()
        return seconds(work, repeats)

    def rate(self) -> float:
        """Of NumPy's matrix product."""
        from benchmarks.speed.measure import gemm_rate

        return gemm_rate(self.threads)

    def operations(self) -> tuple[float, float]:
        """Of a step and of an inference."""
        from benchmarks.speed.work import operations

        return operations(self.built.model, self.built.x)


def serve(job: Job) -> None:
    """Answer requests until there are none."""
    turns = Turns(job["side"], job["threads"][0])
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    with turns.stack:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                reply: Record = {"answer": getattr(turns, request.pop("do"))(**request)}
            except Exception as error:  # whatever a library may say: it is shown in the place of a time
                reply = {"failed": (str(error).strip().splitlines() or [type(error).__name__])[0]}
            print(json.dumps(reply), file=answers, flush=True)


# ---------------------------------------------------------------- alone


def fresh(job: Job) -> Iterator[Record]:
    """What a side costs from the start of its process: time to the first step, memory of some steps.

    The clock starts where the process is asked for, so the interpreter's own start counts.
    """
    from benchmarks.speed.memory import peak_mb, resident_mb
    from benchmarks.speed.rows import row_by_name

    ((name,), (threads,)) = job["rows"], job["threads"]
    row = row_by_name(name)
    start = STARTS[job["side"]]()
    held = resident_mb()
    with ExitStack() as stack:
        side = start(row, threads, stack)
        side.step()
        first, times = time.time() - job["spawned"], []
        for _ in range(job["steps"]):
            begin = time.perf_counter()
            side.step()
            times.append(time.perf_counter() - begin)
    yield {
        "row": name,
        "threads": threads,
        "side": job["side"],
        "first_step_s": first,
        "step_s": sorted(times)[len(times) // 2],
        "peak_mb": peak_mb(),
        "beyond_imports_mb": peak_mb() - held,
    }


def main() -> None:
    job: Job = json.loads(sys.argv[1])
    if job["task"] in ("turns", "fresh"):  # before their libraries look at the machine
        use_cores(job["threads"][0])
    if job["task"] == "turns":
        serve(job)
        return
    if job["task"] == "profile":
        from benchmarks.speed.profile import profiles as task
    elif job["task"] == "loop":
        from benchmarks.speed.loop import loops as task
    else:
        task = fresh
    for record in task(job):
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
