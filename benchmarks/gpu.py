"""Speed on an accelerator, beside PyTorch on the same one in the same process.

    python -m benchmarks.gpu --backend cupy --out speed.json [--seconds 150] [--compiled] [--smoke]

Training step and inference of every row of benchmarks/speed, batch 64 and 1,024, with TF32 off in both and on in both
where the device has it, and with ``--compiled`` beside PyTorch's compiler; what the device can do at most: a matrix
product, and a copy; and, if time is left, a scan of genome codes with the 879 motifs of JASPAR. Each time is the
median of rounds, a round being as many runs as fill 20 ms between two waits for the device; the sides take turns.
PyTorch runs on CUDA where there is some, else on the CPU, and is left out where it is not installed. The file is
written anew after every row; rows that the time does not suffice for are named as not run.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.rows import Row, promoter, rows
from genoml import losses
from genoml.backend import Array, Backend, get_backend, use_backend
from genoml.io import jaspar_motifs
from genoml.io.files import write_whole
from genoml.nn import Pass
from genoml.optim import AdamW
from genoml.sequence import PWM, MotifScanner

BATCHES = (64, 1024)
#: positions of a batch, so that the maps of SpliceAI's network fit into memory
MOST_POSITIONS = 1 << 22
#: rounds of a timing, and what a round takes
ROUNDS, ROUND_S = 7, 0.02

Work = Callable[[], object]
Write = Callable[[dict[str, Any]], None]


def repeated(work: Work, wait: Work, times: int) -> float:
    wait()
    start = time.perf_counter()
    for _ in range(times):
        work()
    wait()
    return (time.perf_counter() - start) / times


def median_seconds(sides: dict[str, tuple[Work, Work]], rounds: int) -> dict[str, float]:
    """The time of each side's work, which is queued, and of its wait, round by round in turn."""
    times = {}
    for name, (work, wait) in sides.items():
        repeated(work, wait, 2)  # compiles, and fetches memory
        times[name] = max(1, round(ROUND_S / max(repeated(work, wait, 1), 1e-6)))
    found = [{name: repeated(*side, times[name]) for name, side in sides.items()} for _ in range(rounds)]
    return {name: statistics.median(each[name] for each in found) for name in sides}


class Ours:
    """genoml on the backend; a step is what ``fit`` does with a batch on the device, the loss unread."""

    def __init__(self, row: Row, backend: Backend) -> None:
        self.backend, self.model = backend, row.build()
        host, self.steps = row.inputs(), 0
        if row.one_hot:  # channels-last, as encode_batch makes it
            self.x = backend.xp.permute_dims(backend.asarray(host.transpose(0, 2, 1).copy()), (0, 2, 1))
        else:
            self.x = backend.asarray(host)
        self.optimizer = AdamW(1e-3, weight_decay=0.01, decays=lambda name: True)
        self.targets = backend.asarray(np.zeros(self.infer().shape, np.float32))

    def infer(self) -> Array:
        return self.model.vjp(self.x)[0]

    def step(self) -> Array:
        y, pullback = self.model.vjp(self.x, Pass(training=True, step=self.steps))
        loss, grad = losses.mean_squared_error(y, self.targets)
        _, grads = pullback(grad, need_x=False)
        self.optimizer.update(self.model.params, grads)
        self.steps += 1
        return loss


class Torch:
    """PyTorch, eager or compiled."""

    def __init__(self, row: Row, compiled: bool = False) -> None:
        import torch

        from benchmarks.speed.torch_side import build

        self.torch, device = torch, "cuda" if torch.cuda.is_available() else "cpu"
        module = build(row).to(device)
        self.module = torch.compile(module) if compiled else module
        self.x = torch.tensor(np.ascontiguousarray(row.inputs()), device=device)
        self.optimizer = torch.optim.AdamW(self.module.parameters(), lr=1e-3, weight_decay=0.01)
        self.targets = torch.zeros_like(self.infer())

    def infer(self) -> Any:
        self.module.eval()
        with self.torch.inference_mode():
            return self.module(self.x)

    def step(self) -> Any:
        self.module.train()
        loss = self.torch.nn.functional.mse_loss(self.module(self.x), self.targets.clone())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def wait(self) -> None:
        if self.torch.cuda.is_available():
            self.torch.cuda.synchronize()


def torch_device() -> str | None:
    """Where PyTorch runs; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "cpu"


def set_tf32(backend: Backend, wanted: bool) -> None:
    """TF32 on in both, or off in both."""
    if hasattr(backend, "tf32"):
        backend.tf32 = wanted
    if torch_device() is not None:
        import torch

        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = wanted


def measure_row(row: Row, backend: Backend, rounds: int, compiled: bool) -> dict[str, Any]:
    """Times of a step and of an inference on both sides, in ms; or the reason why there are none."""
    try:
        ours = Ours(row, backend)
        theirs = Torch(row, compiled) if torch_device() is not None else None
        found: dict[str, Any] = {}
        for what in ("step", "infer"):
            sides: dict[str, tuple[Work, Work]] = {"genoml_ms": (getattr(ours, what), backend.synchronize)}
            if theirs is not None:
                sides["torch_ms"] = getattr(theirs, what), theirs.wait
            found[what] = {name: 1e3 * value for name, value in median_seconds(sides, rounds).items()}
        return found
    except (MemoryError, RuntimeError) as error:  # CuPy's and PyTorch's own errors of memory are among them
        return {"not_run": f"{type(error).__name__}: {str(error).splitlines()[0]}"}


def free_memory() -> None:
    """Give back what the pools of both sides keep for later."""
    gc.collect()
    for name, free in (
        ("cupy", lambda cupy: cupy.get_default_memory_pool().free_all_blocks()),
        ("torch", lambda torch: torch.cuda.empty_cache()),
    ):
        if name in sys.modules:
            free(sys.modules[name])


def sizes(smoke: bool) -> Iterator[Row]:
    """Every row at every batch size; one small one for a smoke test."""
    if smoke:
        yield promoter(4, 60)
        return
    for row in rows():
        for batch in BATCHES if row.one_hot else row.shape[:1]:
            if batch * row.shape[-1] > MOST_POSITIONS:
                continue
            name = f"{row.network}, {batch} x {row.shape[2]}" if row.one_hot else row.name
            yield replace(row, name=name, shape=(batch, *row.shape[1:]))


def ceilings(backend: Backend, size: int, rounds: int) -> dict[str, float]:
    """float32 operations a second of a product of two matrices, and bytes a second of a copy (read and written)."""
    a = backend.asarray(np.random.default_rng(0).standard_normal((size, size)).astype(np.float32))
    sides = {
        "product": (lambda: a @ a, backend.synchronize),
        "copy": (lambda: a + 1.0, backend.synchronize),
    }
    found = median_seconds(sides, rounds)
    return {"tflops": 2e-12 * size**3 / found["product"], "gigabytes_per_s": 8e-9 * size**2 / found["copy"]}


def scan_genome(backend: Backend, length_bp: int, motifs: int, copied: float) -> dict[str, float]:
    """Codes on the host to hits on the host, both strands, p < 1e-4.

    ``bandwidth_fraction`` is of the rate of a copy, a byte a base being what must be read at the least.
    """
    bank = [PWM.from_motif(motif) for motif in jaspar_motifs()[:motifs]]
    codes = np.random.default_rng(0).integers(0, 4, length_bp, dtype=np.uint8)
    scanner = MotifScanner(bank, backend=backend)
    scanner.scan(codes[: min(length_bp, 1 << 16)])  # compiles
    start = time.perf_counter()
    hits = sum(part.motif.size for part in scanner.blocks(codes))
    seconds = time.perf_counter() - start
    rate = length_bp / seconds
    return {
        "length_bp": length_bp, "motifs": len(bank), "seconds": seconds, "hits": hits, "bases_per_s": rate,
        "bandwidth_fraction": rate / (copied * 1e9),
    }  # fmt: skip


def passes(backend: Backend, compiled: bool) -> list[tuple[str, float]]:
    """What the rows are measured in, each with the share of the time at whose end it stops."""
    tf32, more = hasattr(backend, "tf32"), compiled and torch_device() is not None
    found = [("float32", 0.4 if tf32 and more else 0.6 if tf32 or more else 1.0)]
    found += [("tf32", 0.6 if more else 1.0)] if tf32 else []
    return [*found, ("compiled", 1.0)] if more else found


def measure(backend: Backend, *, seconds: float, smoke: bool, compiled: bool, write: Write) -> dict[str, Any]:
    """Everything, as far as the time goes; ``write`` gets the result as it grows."""
    begun, rounds = time.monotonic(), 1 if smoke else ROUNDS
    result: dict[str, Any] = {"backend": backend.name, **backend.describe(), "torch": torch_device()}
    for name, share in passes(backend, compiled):
        set_tf32(backend, name == "tf32")
        part: dict[str, Any] = {"rows": {}}
        if name != "compiled":
            part["ceilings"] = ceilings(backend, 64 if smoke else 8192, rounds)
        result[name] = part
        for row in sizes(smoke):
            late = time.monotonic() > begun + share * seconds
            figures = {"not_run": "time"} if late else measure_row(row, backend, rounds, name == "compiled")
            part["rows"][row.name] = figures
            write(result)
            free_memory()
            print(f"{name:8}  {line_of(row.name, figures)}", flush=True)
    set_tf32(backend, False)
    if time.monotonic() < begun + seconds:
        copied = result["float32"]["ceilings"]["gigabytes_per_s"]
        length_bp, motifs = (20_000, 5) if smoke else (100_000_000, len(jaspar_motifs()))
        result["scan"] = scan_genome(backend, length_bp, motifs, copied)
        write(result)
    return result


def line_of(name: str, figures: dict[str, Any]) -> str:
    """A row for people: PyTorch's time over ours."""
    if "not_run" in figures:
        return f"{name:28} not run: {figures['not_run']}"
    cells = []
    for what in ("step", "infer"):
        ours, theirs = figures[what]["genoml_ms"], figures[what].get("torch_ms", math.nan)
        cells.append(f"{what} {ours:9.3f} ms, PyTorch {theirs:9.3f} ms, ratio {theirs / ours:5.2f}")
    return f"{name:28} {';  '.join(cells)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="cupy")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--seconds", type=float, default=150.0, help="for the rows; a scan follows")
    parser.add_argument("--ceilings", action="store_true", help="only what the device can do at most")
    parser.add_argument("--compiled", action="store_true", help="also beside PyTorch's compiler")
    parser.add_argument("--smoke", action="store_true", help="only see that it runs")
    options = parser.parse_args()
    backend = get_backend(options.backend)

    def write(result: dict[str, Any]) -> None:
        if options.out is not None:
            with write_whole(options.out) as stream:
                stream.write((json.dumps(result, indent=1) + "\n").encode())

    with use_backend(backend):
        if options.ceilings:
            found = ceilings(backend, 64 if options.smoke else 8192, 1 if options.smoke else ROUNDS)
            write(found)
            print(json.dumps(found))
        else:
            measure(
                backend, seconds=options.seconds, smoke=options.smoke, compiled=options.compiled, write=write
            )


if __name__ == "__main__":
    main()
