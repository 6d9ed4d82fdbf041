"""Speed of a training on ranks beside one process, and of the sums that ranks exchange.

    python -m benchmarks.ranks [--ranks 2] [--seconds 5] [--rounds 3] [--out ranks.json]

A training step (both strands, shifts but for BPNet, clipping, AdamW) of three networks on one rank, on as many threads,
and on ranks that mpiexec starts, one thread each: the batch is that of all together. Each time is the median of the
steps that fill the seconds; the ways take turns, round by round, and the table has the median of the rounds. The
exchange is what rank 0 spends in sums, its wait for the others with it. A sum of 4.1 million numbers is that of
Basset's gradients.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from genoml.data import Augmentation, ProfileData, SequenceData
from genoml.io.files import write_whole
from genoml.models import build_model
from genoml.optim import AdamW
from genoml.parallel import Ranks
from genoml.parallel.mpi import world
from genoml.train import BinaryClassification, FitOptions, Objective, Profile
from genoml.train.step import Steps

#: network, batch, length of its sequences in bp
CASES = (("motif_cnn", 128, 200), ("basset", 64, 600), ("bpnet", 16, 2114))
#: numbers in a sum: of a batch normalisation, and of Basset's gradients
SMALL, LARGE = 1_000, 4_135_064
ROOT = Path(__file__).resolve().parents[1]


class Timed:
    """A method of ranks that says how many seconds it has taken."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method, self.seconds = method, 0.0

    def __call__(self, *given: Any) -> Any:
        start = time.perf_counter()
        found = self.method(*given)
        self.seconds += time.perf_counter() - start
        return found


def case_data(name: str, examples: int, length_bp: int) -> tuple[SequenceData, Objective]:
    """Random sequences, with the targets of a network."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (examples, length_bp), dtype=np.uint8)
    if name == "bpnet":
        reads = rng.poisson(0.2, (examples, 1, 1000)).astype(np.float32)
        return ProfileData(codes, reads, strands="."), Profile(count_weight=10.0, strands=".")
    labels = rng.integers(0, 2, (examples, 164 if name == "basset" else 1))
    return SequenceData(codes, labels.astype(np.float32)), BinaryClassification()


def steps_of(
    name: str, batch: int, length_bp: int, threads: int, ranks: Ranks, seconds: float
) -> dict[str, float]:
    """Milliseconds of a step, and of these in the sums of batch statistics and of gradients."""
    data, objective = case_data(name, 4 * batch, length_bp)
    options = FitOptions(
        batch_size=batch, optimizer=AdamW(1e-3), max_grad_norm=1.0, threads=threads, objective=objective,
        augmentation=Augmentation(True, 0 if name == "bpnet" else 5),
    )  # fmt: skip
    small, large = Timed(ranks.sum), Timed(ranks.sum_all)
    ranks.sum, ranks.sum_all = small, large  # type: ignore[method-assign]
    steps, times, parts = (
        Steps(build_model(name, {}), data, options, ranks),
        list[float](),
        list[tuple[float, float]](),
    )
    with steps.threads:
        end = None
        while end is None or not times or ranks.gather(time.perf_counter() < end)[0]:
            index = np.arange(batch) + batch * (steps.step % 4)
            given = steps.batch(steps.step, index)  # a training makes it ahead, in a thread
            small.seconds = large.seconds = 0.0
            start = time.perf_counter()
            steps.run(given)
            steps.read_losses()
            times.append(time.perf_counter() - start)
            parts.append((small.seconds, large.seconds))
            if end is None and len(times) == 2:  # what has warmed up
                times.clear(), parts.clear()
                end = time.perf_counter() + seconds
    del ranks.sum, ranks.sum_all
    small_s, large_s = (statistics.median(column) for column in zip(*parts, strict=True))
    return {
        "step_ms": 1e3 * statistics.median(times),
        "statistics_ms": 1e3 * small_s,
        "gradients_ms": 1e3 * large_s,
    }


def sums_of(ranks: Ranks, seconds: float) -> dict[str, float]:
    """Milliseconds of a small sum, twenty in a row, and of a large one."""
    rng = np.random.default_rng(ranks.rank)
    small, large = (rng.standard_normal(size).astype(np.float32) for size in (SMALL, LARGE))
    found = dict[str, float]()
    works = {"small": (20, lambda: ranks.sum(small)), "large": (1, lambda: ranks.sum_all({"": large}))}
    for name, (times, work) in works.items():
        each, end = list[float](), time.perf_counter() + seconds
        while len(each) < 3 or ranks.gather(time.perf_counter() < end)[0]:
            start = time.perf_counter()
            for _ in range(times):
                work()
            each.append((time.perf_counter() - start) / times)
        found[f"{name}_ms"] = 1e3 * statistics.median(each)
    return found


def measure(way: str, threads: int, seconds: float) -> None:
    """One way, in this process or these; rank 0 prints what it found."""
    with world() as ranks:
        found: dict[str, Any] = {
            f"{name}, {batch}": steps_of(name, batch, length_bp, threads, ranks, seconds)
            for name, batch, length_bp in CASES
        }
        if ranks.count > 1:
            found["sums"] = sums_of(ranks, seconds)
        if ranks.first:
            print(json.dumps({"way": way, "found": found}), flush=True)


def run(way: str, ranks: int, seconds: float) -> dict[str, Any]:
    """What a way gives, in processes of its own."""
    beside = Path(sys.executable).with_name("mpiexec")
    launch = [str(beside) if beside.exists() else "mpiexec", "-n", str(ranks)] if way == "ranks" else []
    threads = ranks if way == "threads" else 1
    command = [*launch, sys.executable, "-m", "benchmarks.ranks", "--way", way, "--threads", str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--seconds", str(seconds)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["found"]
    return found


def median_of(rounds: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    return {
        case: {name: statistics.median(found[case][name] for found in rounds) for name in numbers}
        for case, numbers in rounds[0].items()
    }


def table(found: dict[str, dict[str, dict[str, float]]], ranks: int) -> str:
    """The table as Markdown."""
    lines = [
        f"| network, batch | 1 rank | {ranks} threads | {ranks} ranks | against 1 | batch norm's sums | gradients "
        "| exchange, share |",
        "| --- " * 8 + "|",
    ]
    for case, numbers in found["ranks"].items():
        if case == "sums":
            continue
        one, threads = (found[way][case]["step_ms"] for way in ("one", "threads"))
        step, small, large = (numbers[name] for name in ("step_ms", "statistics_ms", "gradients_ms"))
        lines.append(
            f"| {case} | {one:.1f} | {threads:.1f} | {step:.1f} | {one / step:.2f} | {small:.2f} | {large:.2f} "
            f"| {(small + large) / step:.1%} |"
        )
    sums = found["ranks"]["sums"]
    lines += ["", f"ms a step. A sum of {SMALL:,} numbers takes {1e3 * sums['small_ms']:.1f} us, of {LARGE:,} "
              f"{sums['large_ms']:.1f} ms."]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each network and way of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="keep all numbers in a JSON file")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        measure(chosen.way, chosen.threads, chosen.seconds)
        return
    ways: dict[str, list[dict[str, Any]]] = {"one": [], "threads": [], "ranks": []}
    for _ in range(chosen.rounds):
        for way, rounds in ways.items():
            rounds.append(run(way, chosen.ranks, chosen.seconds))
    if chosen.out:
        with write_whole(chosen.out) as stream:
            stream.write(json.dumps(ways, indent=1).encode())
    print(table({way: median_of(rounds) for way, rounds in ways.items()}, chosen.ranks))


if __name__ == "__main__":
    main()
