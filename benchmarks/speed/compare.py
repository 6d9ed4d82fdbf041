"""genoml and other sides in turn, each in a process of its own, after a look that they compute the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.measure import Timed, interleaved
from benchmarks.speed.process import Record, Worker

Outcome = tuple[Mapping[str, np.ndarray], list[float]]


def compared(
    row: str,
    threads: int,
    kernels: str,
    sides: Sequence[str],
    *,
    kinds: Sequence[str],
    rounds: int,
    least_s: float,
) -> Iterator[Record]:
    """Training step and inference of a row beside other sides, and what its operations take at full rate."""
    common = {"row": row, "threads": threads, "kernels": kernels}
    with ExitStack() as stack:
        workers, failed = _started(stack, ["genoml", *sides], threads, kernels, "build", row=row)
        yield from ({**common, "kind": kind, **record} for kind in kinds for record in failed)
        if "genoml" not in workers:
            return
        ours = workers.pop("genoml")
        rate = ours.ask("rate")
        _check_steps(ours, workers)
        for kind in kinds:
            # the optimiser's kernel plays no part in an inference
            timed = {
                side: _timed(worker, kind)
                for side, worker in workers.items()
                if (side, kind) != ("fused", "infer")
            }
            timings = interleaved(_timed(ours, kind), timed, rounds, least_s)
            yield from ({**common, "kind": kind, "side": a, **b.as_dict()} for a, b in timings.items())
        step, infer = ours.ask("operations")
        rate = max(rate, ours.ask("rate"))
        yield {**common, "kind": "ceiling", "rate": rate, "step": step / rate, "infer": infer / rate}


def compared_work(
    name: str, sides: Sequence[str], threads: int, rounds: int, least_s: float
) -> Iterator[Record]:
    """A piece of work beside another library's."""
    from benchmarks.speed.other_work import WORK

    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        workers, failed = _started(stack, ["genoml", *sides], threads, "native", "work", name=name)
        yield from ({"row": name, "threads": threads, **record} for record in failed)
        if "genoml" not in workers:
            return
        results = {side: _result(worker, Path(folder, f"{side}.npz")) for side, worker in workers.items()}
        for side in workers.keys() - {"genoml"}:
            _expect_near(f"{side}: {name}", results[side], results["genoml"], WORK[name].tolerance)
        ours = _timed(workers.pop("genoml"), "run")
        timings = interleaved(ours, {a: _timed(b, "run") for a, b in workers.items()}, rounds, least_s)
        yield from ({"row": name, "threads": threads, "side": a, **b.as_dict()} for a, b in timings.items())


def _started(
    stack: ExitStack, sides: Sequence[str], threads: int, kernels: str, do: str, **what: str
) -> tuple[dict[str, Worker], list[Record]]:
    """The workers by side, and a record for each side: its kernels, or why it is missing."""
    workers: dict[str, Worker] = {}
    records: list[Record] = []
    for side in sides:
        worker = stack.enter_context(Worker(side, threads, kernels))
        try:
            records.append({"side": side, "in use": worker.ask(do, **what)})
            workers[side] = worker
        except RuntimeError as error:
            records.append({"side": side, "failed": str(error)})
    return workers, records


def _timed(worker: Worker, kind: str) -> Timed:
    return lambda repeats: float(worker.ask("time", kind=kind, repeats=repeats))


def _result(worker: Worker, path: Path) -> np.ndarray:
    worker.ask("result", path=str(path))
    with np.load(path) as arrays:
        return np.asarray(arrays["output"])


def _check_steps(ours: Worker, others: Mapping[str, Worker]) -> None:
    """Raise ValueError unless all sides give the same output, losses and gradients."""
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for side, worker in {"": ours, **others}.items():
            path = Path(folder, f"{side}.npz")
            losses = worker.ask("check", path=str(path))
            with np.load(path) as arrays:
                found[side] = (dict(arrays), losses)
    check_equal(found.pop(""), found)


def check_equal(ours: Outcome, others: Mapping[str, Outcome]) -> None:
    """Raise ValueError unless all give the same output, loss and gradients, and nearly the same loss after a step.

    Outputs may differ by 1e-4 and the gradients of each parameter by 0.03 of their Euclidean norm, the loss by 1e-4 of
    itself. Gradients agree to about 1e-5 but for a ReLU or a maximum whose choice hangs on rounding: one in millions,
    which alone moves one filter's gradient by some hundredths. Parameters none of whose gradients reaches 1e-4 of the
    network's largest are left out: a bias in front of batch normalisation changes nothing, and its gradient is
    rounding. The loss after the step, where the optimiser shows, may differ by 1e-2: AdamW's first step has the same
    size whatever the gradient's, so those near zero, whose rounding differs, move their weights as far as the others.
    """
    arrays, losses = ours
    largest = max(abs(value).max() for name, value in arrays.items() if name != "output")
    for name, (found, other) in others.items():
        for what, value in arrays.items():
            if what == "output":
                _expect_near(f"{name}: outputs", found[what], value, 1e-4)
            elif abs(value).max() > 1e-4 * largest:
                _expect_near(f"{name}: gradients {what}", found[what], value, 0.03)
        for loss, its, tolerance in zip(losses, other, (1e-4, 1e-2), strict=True):
            if not abs(its - loss) <= tolerance * abs(loss):
                raise ValueError(f"{name}: the loss is {its:.6g}, genoml's {loss:.6g}")


def _expect_near(what: str, found: Any, expected: Any, tolerance: float) -> None:
    if found.shape != expected.shape:
        raise ValueError(f"{what} have shape {found.shape}, genoml's {expected.shape}")
    difference = float(((found - expected) ** 2).sum() / (expected**2).sum()) ** 0.5
    if not difference <= tolerance:
        raise ValueError(f"{what} differ by {difference:.1e} of their norm")
