"""The parts of the benchmark, each a list of records from processes of their own."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import install
from benchmarks.speed.rows import growth_rows, row_by_name, rows
from benchmarks.speed.worker import Record, run_job


@dataclass(frozen=True)
class Plan:
    """What to measure, and how long."""

    rows: list[str]
    threads: list[int]
    profiled: list[str]
    rounds: int
    smoke: bool

    @property
    def least_s(self) -> float:
        """What a side runs for at least in each round."""
        return 0.0 if self.smoke else 0.1

    @property
    def most(self) -> int:
        """The threads of what is measured once."""
        return self.threads[-1]


def say(words: str) -> None:
    """Progress, beside the results."""
    print(words, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- the parts


def speed(plan: Plan) -> list[Record]:
    """Training step and inference beside every other side."""
    found: list[Record] = []
    common = {"kinds": ["step", "infer"], "rounds": plan.rounds, "least_s": plan.least_s}
    # what was compiled for another number of threads is not for this one
    environment = {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}
    for name in plan.rows:
        say(name)
        jobs: list[Record] = []
        if importlib.util.find_spec("torch"):
            sides = ["fused"] if plan.smoke else ["fused", "compiled"]
            jobs += [{"task": "torch", "threads": plan.threads, "sides": sides}]
        if importlib.util.find_spec("jax"):
            jobs += [{"task": "jax", "threads": [threads]} for threads in plan.threads]
        for job in jobs:
            found += run_job({**job, **common, "rows": [name]}, **environment)
    return found


def memory(plan: Plan) -> list[Record]:
    """Each side alone in a fresh process: peak memory, time to the first step."""
    others = {"plain": "numba", "eager": "torch", "jax": "jax"}
    sides = ["genoml", *(side for side, module in others.items() if importlib.util.find_spec(module))]
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
    if not importlib.util.find_spec("torch"):
        return []
    points = growth_rows()[:1] if plan.smoke else growth_rows()
    job = {"task": "torch", "sides": [], "kinds": ["step"], "rounds": min(plan.rounds, 3), "least_s": 0.05}
    say("growth")
    once = list(dict.fromkeys(row.name for *_, row in points))
    times = {
        record["row"]: record
        for record in run_job({**job, "rows": once, "threads": [plan.most]})
        if is_time(record)
    }
    found = [
        {"panel": panel, "axis": axis, "value": value, **times[row.name]}
        for panel, axis, value, row in points
        if row.name in times
    ]
    usual = {row.name: panel for panel, axis, value, row in points if (axis, value) == ("batch", 64)}
    counts = sorted({1, *(2**i for i in range(1, 10) if 2**i < plan.most), plan.most})
    if usual:
        for record in run_job({**job, "rows": list(usual), "threads": counts}):
            if is_time(record):
                place = {"panel": usual[record["row"]], "axis": "threads", "value": record["threads"]}
                found.append({**place, **record})
    return found


def is_time(record: Record) -> bool:
    return "ours" in record


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
        order = {row.name: place for place, row in enumerate(rows())}
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
