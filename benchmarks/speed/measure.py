"""Timing in turn: A B C A B C, so that a machine's moods fall on all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

#: runs a side's work so many times, and says how many seconds one took
Timed = Callable[[int], float]


@dataclass(frozen=True)
class Timing:
    """Median seconds of genoml and of another side, and the median and range of the ratios of neighbours."""

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def seconds(work: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def interleaved(ours: Timed, others: Mapping[str, Timed], rounds: int, least_s: float) -> dict[str, Timing]:
    """Each side once a round, as often as fills ``least_s``; genoml's time beside every other's of its round."""
    sides = {"": ours, **others}
    repeats = {}
    for name, timed in sides.items():
        first = timed(1)
        # the first run may have compiled or fetched memory; a long one is not worth another to find out
        once = first if first > 4 * least_s else timed(1)
        repeats[name] = max(1, round(least_s / max(once, 1e-6)))
    found = [{name: timed(repeats[name]) for name, timed in sides.items()} for _ in range(rounds)]
    return {name: _timing([a[""] for a in found], [a[name] for a in found]) for name in others}


def _timing(ours: list[float], theirs: list[float]) -> Timing:
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return Timing(
        statistics.median(ours),
        statistics.median(theirs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
    )


def gemm_rate(threads: int, size: int = 1024) -> float:
    """float32 operations a second of NumPy's matrix product on so many threads."""
    from threadpoolctl import threadpool_limits

    a = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    with threadpool_limits(threads, user_api="blas"):
        best = min(seconds(lambda: a @ a, 3) for _ in range(4))
    return 2.0 * size**3 / best
