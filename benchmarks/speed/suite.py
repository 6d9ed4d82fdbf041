"""The parts of the benchmark, each a list of records from processes of their own."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import install
from benchmarks.speed.compare import compared, compared_work
from benchmarks.speed.other_work import WORK
from benchmarks.speed.page import KINDS
from benchmarks.speed.process import Record, run_job
from benchmarks.speed.rows import growth_rows, row_by_name, rows


@dataclass(frozen=True)
class Plan:
    """What to measure, and how long."""

    rows: list[str]
    threads: list[int]
    profiled: list[str]
    rounds: int
    smoke: bool

    @property
    def timing(self) -> Any:
        """How many rounds, and what a side runs for at least in each."""
        return {"rounds": self.rounds, "least_s": 0.0 if self.smoke else 0.1}

    @property
    def most(self) -> int:
        """The threads of what is measured once."""
        return self.threads[-1]


def say(words: str) -> None:
    """Progress, beside the results."""
    print(words, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- the parts


def speed(plan: Plan) -> list[Record]:
    """Training step and inference beside every other side; held to AVX2 on the larger number of threads."""
    found: list[Record] = []
    sides = [*(["eager", "fused"] if there("torch") else []), *(["jax"] if there("jax") else [])]
    groups = [("native", threads) for threads in plan.threads]
    for kernels, threads in groups if plan.smoke else [*groups, ("AVX2", plan.most)]:
        # compiling takes longer than all else: once for a row
        once = [] if plan.smoke or (kernels, threads) != ("native", plan.most) or not sides else ["compiled"]
        for name in plan.rows:
            say(f"{name}, {kernels}, threads: {threads}")
            records = compared(name, threads, kernels, [*sides, *once], kinds=list(KINDS), **plan.timing)
            found += _or_failed(name, records)
    return found


def other(plan: Plan) -> list[Record]:
    """Explaining, scanning and reading beside other libraries."""
    found: list[Record] = []
    modules = {"eager": "torch"}
    for name, work in list(WORK.items())[: 1 if plan.smoke else None]:
        sides = [side for side in work.sides if side != "genoml" and there(modules.get(side, side))]
        say(name)
        for threads in plan.threads:
            found += _or_failed(name, compared_work(name, sides, threads, **plan.timing))
    return found


def there(module: str) -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec(module) is not None


def _or_failed(name: str, records: Iterator[Record]) -> list[Record]:
    """The records until one says that the sides do not agree, or that one of them ended."""
    found: list[Record] = []
    try:
        found.extend(records)
    except (RuntimeError, ValueError) as error:
        found.append({"row": name, "failed": str(error)})
    return found


def memory(plan: Plan) -> list[Record]:
    """Each side alone in a fresh process: peak memory, time to the first step."""
    others = {"plain": "numba", "eager": "torch", "jax": "jax"}
    sides = ["genoml", *(side for side, module in others.items() if there(module))]
    found: list[Record] = []
    for name in plan.rows:
        say(f"{name}, alone")
        for side in sides[:1] if plan.smoke else sides:
            steps = 1 if plan.smoke else 3
            job = {"task": "fresh", "rows": [name], "threads": [plan.most], "side": side, "steps": steps}
            # genoml as a plain install has it, where Numba is there too
            found += run_job(job, **({"GENOML_COMPILED": "0"} if side == "plain" else {}))
    return found


def growth(plan: Plan) -> list[Record]:
    """A training step against what grows, beside PyTorch eager."""
    if not there("torch"):
        return []
    points = growth_rows()[:1] if plan.smoke else growth_rows()
    say("growth")
    once = list(dict.fromkeys(row.name for *_, row in points))
    times = {name: _step_beside_eager(plan, name, plan.most) for name in once}
    found = [
        {"panel": panel, "axis": axis, "value": value, **record}
        for panel, axis, value, row in points
        for record in times[row.name]
    ]
    usual = {row.name: panel for panel, axis, value, row in points if (axis, value) == ("batch", 64)}
    counts = sorted({1, *(2**i for i in range(1, 10) if 2**i < plan.most), plan.most})
    for name, panel in usual.items():
        for threads in counts:
            place = {"panel": panel, "axis": "threads", "value": threads}
            found += [place | record for record in _step_beside_eager(plan, name, threads)]
    return found


def _step_beside_eager(plan: Plan, name: str, threads: int) -> list[Record]:
    timing = {"rounds": min(plan.rounds, 3), "least_s": 0.05}
    records = _or_failed(name, compared(name, threads, "native", ["eager"], kinds=["step"], **timing))
    return [record for record in records if "ours" in record]


def profile(plan: Plan) -> list[Record]:
    """Where the time of a training step goes."""
    names = [row.name for row in rows() if any(word in row.name for word in plan.profiled)]
    job = {"task": "profile", "rows": names[:1] if plan.smoke else names, "threads": [plan.most]}
    return run_job({**job, "steps": 1 if plan.smoke else 8})


def loop(plan: Plan) -> list[Record]:
    """The rest of the loop, for the rows that read sequences."""
    names = [name for name in plan.rows if row_by_name(name).one_hot]
    # enough steps for the small ones to be timed, few of the large ones
    steps = {name: 2 if plan.smoke else 200 if "promoter" in name else 8 for name in names}
    return run_job({"task": "loop", "rows": names, "threads": [plan.most], "steps": steps}) if names else []


def installing(plan: Plan) -> Record:
    """Import time and installed size."""
    if plan.smoke:
        return {"modules": install.measure(runs=1)}
    say("import time and installed size")
    return {"modules": install.measure(), "fresh": install.fresh_install()}


PARTS: dict[str, Callable[[Plan], Any]] = {
    "speed": speed,
    "other": other,
    "memory": memory,
    "install": installing,
    "growth": growth,
    "profile": profile,
    "loop": loop,
}
#: where the records of a part are kept, if not under its own name
KEPT = {"memory": "fresh"}


def merge(results: dict[str, Any], part: str, found: Any) -> dict[str, Any]:
    """The results with this part's in place of the old ones: of the same rows, so that one can be measured again."""
    name = KEPT.get(part, part)
    if isinstance(found, list) and part != "growth":
        again = {record["row"] for record in found}
        order = {name: place for place, name in enumerate([*(row.name for row in rows()), *WORK])}
        kept = [record for record in results.get(name, []) if record["row"] not in again]
        found = sorted([*kept, *found], key=lambda record: order[record["row"]])
    return {**results, "machine": machine(), name: found}


def machine() -> dict[str, str]:
    """What it was measured on."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    found = {models[0].split(":")[1].strip(): f"({os.cpu_count()} cores)"} if models else {}
    found |= {platform.system(): platform.machine(), "Python": platform.python_version()}
    for name, package in (("NumPy", "numpy"), ("PyTorch", "torch"), ("JAX", "jax"), ("Numba", "numba")):
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    if os.environ.get("GENOML_COMPILED") == "0":
        found.pop("Numba", None)  # there, and not used
    return found
