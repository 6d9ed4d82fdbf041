"""Interleaved timing: A B A B, so that a machine's moods fall on both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Median seconds of each side, and the median and range of the ratios of neighbours."""

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


def seconds(work: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], pairs: int, least: float) -> Timing:
    """At least ``pairs`` pairs; each side runs as often as fills ``least`` seconds."""
    for work in (ours, theirs):
        work()
    repeats = [max(1, round(least / max(seconds(work, 1), 1e-6))) for work in (ours, theirs)]
    found = [(seconds(ours, repeats[0]), seconds(theirs, repeats[1])) for _ in range(pairs)]
    ratios = [b / a for a, b in found]
    return Timing(
        _median(a for a, _ in found), _median(b for _, b in found), _median(ratios), min(ratios), max(ratios)
    )


def _median(values: Sequence[float] | object) -> float:
    return statistics.median(values)  # type: ignore[arg-type, type-var]


def gemm_rate(size: int = 1024) -> float:
    """float32 operations a second of this machine's matrix product, in 1e9."""
    import numpy as np

    a = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    best = min(seconds(lambda: a @ a, 3) for _ in range(5))
    return 2.0 * size**3 / best / 1e9
