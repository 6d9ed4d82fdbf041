"""One measurement in a process of its own: ``python -m benchmarks.speed.worker JOB``.

JOB is a JSON object with ``task``, ``rows`` (their names) and what the task takes; results are JSON objects, one a
line of standard output. ``run_job`` is the other end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Record = dict[str, Any]
Job = dict[str, Any]


def run_job(job: Job, **environment: str) -> list[Record]:
    """The results of a job; of one that ends badly, what there was, and a record with ``failed``."""
    command = [sys.executable, "-m", "benchmarks.speed.worker", json.dumps(job | {"spawned": time.time()})]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    records: list[Record] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        records.append({"row": job["rows"][0], "failed": f"{job['task']} failed: {last}"})
    return records


def use_cores(count: int) -> None:
    """Keep this process to so many cores, by which JAX sizes its pool of threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def check_equal(ours: Any, others: dict[str, Any]) -> None:
    """Raise ValueError unless all give the same output, loss and gradients, and nearly the same loss after a step.

    Outputs may differ by 1e-4 and the gradients of each parameter by 0.03 of their Euclidean norm, the loss by 1e-4 of
    itself. Gradients agree to about 1e-5 but for a ReLU or a maximum whose choice hangs on rounding: one in millions,
    which alone moves one filter's gradient by some hundredths. Parameters none of whose gradients reaches 1e-4 of the
    network's largest are left out: a bias in front of batch normalisation changes nothing, and its gradient is
    rounding. The loss after the step, where the optimiser shows, may differ by 1e-2: AdamW's first step has the same
    size whatever the gradient's, so those near zero, whose rounding differs, move their weights as far as the others.
    """
    for name, side in others.items():
        _expect_near(f"{name}: outputs", side.infer(), ours.infer(), 1e-4)
    _expect_losses(ours, others, 1e-4)
    gradients = ours.mean_gradients()
    largest = max(abs(value).max() for value in gradients.values())
    for name, side in others.items():
        found = side.mean_gradients()
        for parameter, value in gradients.items():
            if abs(value).max() > 1e-4 * largest:
                _expect_near(f"{name}: gradients of {parameter}", found[parameter], value, 0.03)
    _expect_losses(ours, others, 1e-2)


def _expect_near(what: str, found: Any, expected: Any, tolerance: float) -> None:
    if found.shape != expected.shape:
        raise ValueError(f"{what} have shape {found.shape}, genoml's {expected.shape}")
    difference = float(((found - expected) ** 2).sum() / (expected**2).sum()) ** 0.5
    if not difference <= tolerance:
        raise ValueError(f"{what} differ by {difference:.1e} of their norm")


def _expect_losses(ours: Any, others: dict[str, Any], tolerance: float) -> None:
    loss = ours.step()
    for name, side in others.items():
        other = side.step()
        if not abs(other - loss) <= tolerance * abs(loss):
            raise ValueError(f"{name}: the loss is {other:.6g}, genoml's {loss:.6g}")


def torch_sides(row: Any, ours: Any, wanted: list[str]) -> tuple[dict[str, Any], Record]:
    """PyTorch's sides at genoml's weights, and why one is missing."""
    from benchmarks.speed.torch_side import Torch

    params = ours.model.params
    sides: dict[str, Any] = {"eager": Torch(row, params)}
    if "fused" in wanted:
        sides["fused"] = Torch(row, params, fused=True)
    if "compiled" in wanted:
        try:
            sides["compiled"] = Torch(row, params, fused=True, compiled=True)
        except Exception as error:  # whatever a compiler may say
            return sides, {"side": "compiled", "failed": str(error).strip().splitlines()[0]}
    return sides, {}


def compare(job: Job) -> Iterator[Record]:
    """Training step and inference of rows, genoml and the other sides interleaved."""
    from benchmarks.speed.measure import gemm_rate, interleaved
    from benchmarks.speed.rows import row_by_name
    from benchmarks.speed.sides import Genoml
    from benchmarks.speed.work import operations

    for name, threads in ((name, threads) for name in job["rows"] for threads in job["threads"]):
        row, common = row_by_name(name), {"row": name, "threads": threads}
        ours, missing = Genoml(row, threads), Record()
        with ours.running():
            rate = gemm_rate(threads)
            if job["task"] == "jax":
                from benchmarks.speed.jax_side import Jax

                sides: dict[str, Any] = {"jax": Jax(row, ours.model)}
            else:
                import torch

                torch.set_num_threads(threads)
                # compiling takes longer than all else: for the largest number of threads only
                wanted = [
                    side for side in job["sides"] if side != "compiled" or threads == max(job["threads"])
                ]
                sides, missing = torch_sides(row, ours, wanted)
            check_equal(ours, sides)
            for kind in job["kinds"]:
                # the optimiser's kernel plays no part in an inference
                chosen = {
                    side: getattr(sides[side], kind) for side in sides if (side, kind) != ("fused", "infer")
                }
                timings = interleaved(getattr(ours, kind), chosen, job["rounds"], job["least_s"])
                yield from ({**common, "kind": kind, "side": a, **b.as_dict()} for a, b in timings.items())
                if missing:
                    yield {**common, "kind": kind, **missing}
            step, infer = operations(ours.model, ours.x)
            rate = max(rate, gemm_rate(threads))
            yield {**common, "kind": "ceiling", "rate": rate, "step": step / rate, "infer": infer / rate}


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


def _start_genoml() -> Any:
    import genoml.models
    import genoml.nn  # noqa: F401 - counted as an import
    from benchmarks.speed.sides import Genoml

    def start(row: Any, threads: int, stack: ExitStack) -> Any:
        side = Genoml(row, threads)
        stack.enter_context(side.running())
        return side

    return start


def _start_torch() -> Any:
    import torch

    from benchmarks.speed.torch_side import Torch

    def start(row: Any, threads: int, stack: ExitStack) -> Any:
        torch.set_num_threads(threads)
        return Torch(row)

    return start


def _start_jax() -> Any:
    from benchmarks.speed.jax_side import Jax

    return lambda row, threads, stack: Jax(row, row.build())


#: imports a side, and gives what builds it
STARTS = {"genoml": _start_genoml, "plain": _start_genoml, "eager": _start_torch, "jax": _start_jax}


def main() -> None:
    job: Job = json.loads(sys.argv[1])
    if job["task"] in ("jax", "fresh"):  # before their libraries look at the machine
        use_cores(job["threads"][0])
    if job["task"] == "profile":
        from benchmarks.speed.profile import profiles as task
    elif job["task"] == "loop":
        from benchmarks.speed.loop import loops as task
    else:
        task = fresh if job["task"] == "fresh" else compare
    for record in task(job):
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
