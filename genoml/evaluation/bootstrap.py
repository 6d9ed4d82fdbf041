"""Confidence intervals: bootstrap intervals of any metric, and DeLong's interval of AUROC.

Host functions, in float64: move device arrays over with ``get_backend().to_numpy`` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.evaluation.curves import host_binary
from genoml.metrics import aupr, auroc, pearson, spearman
from genoml.random import host_generator

__all__ = ["ConfidenceInterval", "bootstrap", "delong", "per_task"]

Floats = NDArray[np.float64]

#: metrics that accept the counts of each example in many resamples
_COUNTED = (aupr, auroc, pearson, spearman)
#: numbers in an array of resamples, at most, which bounds memory: 32 MiB
_CHUNK = 1 << 22


@dataclass(frozen=True)
class ConfidenceInterval:
    """Metric with its confidence interval.

    Attributes
    ----------
    value : float
        Of the data as they are.
    low, high : float
        The ends of the interval.
    level : float
        Its confidence.
    """

    value: float
    low: float
    high: float
    level: float


def bootstrap(
    metric: Callable[..., Any],
    predictions: ArrayLike,
    targets: ArrayLike,
    n: int = 1000,
    *,
    seed: int = 0,
    stratified: bool = True,
    level: float = 0.95,
) -> ConfidenceInterval:
    """Percentile interval of a metric over n resamples of the examples, drawn with replacement.

    ``auroc``, ``aupr``, ``pearson`` and ``spearman`` are computed for many resamples at once, from how often
    each example is in them: the examples are sorted once. Any other metric is called n times.

    Parameters
    ----------
    metric : callable
        (predictions, targets) -> number.
    predictions, targets : array
        As the metric takes them, examples along the first axis.
    n : int
        Number of resamples.
    seed : int
        Fixes the draws.
    stratified : bool
        Whether each resample keeps the numbers of positives and of negatives, where the targets are 0 and 1
        only. Otherwise a resample may lack a rare class; those in which the metric is NaN are left out.
    level : float
        Of the interval.

    Raises
    ------
    ValueError
        If the lengths differ, there is no example, or an option is out of range.

    References
    ----------
    Efron and Tibshirani (1993), An introduction to the bootstrap, sec. 13.3.
    """
    x, y = np.asarray(predictions), np.asarray(targets)
    if not len(x) or len(x) != len(y):
        raise ValueError(f"bootstrap expects as many targets as predictions, got {len(y)} and {len(x)}")
    if n < 2 or not 0.0 < level < 1.0:
        raise ValueError(f"bootstrap expects n >= 2 and 0 < level < 1, got {n} and {level}")
    strata = _strata(y) if stratified else [np.arange(len(y))]
    resamples = _resamples(strata, n, seed)
    if metric in _COUNTED:
        samples = np.concatenate([metric(x, y, counts=_counts(block, len(y))) for block in resamples])
    else:
        samples = np.array([float(metric(x[index], y[index])) for block in resamples for index in block])
    samples = samples[~np.isnan(samples)]
    value, tail = float(metric(x, y)), (1.0 - level) / 2
    low, high = np.quantile(samples, [tail, 1.0 - tail]) if len(samples) else (np.nan, np.nan)
    return ConfidenceInterval(value, float(low), float(high), level)


def delong(predictions: ArrayLike, targets: ArrayLike, *, level: float = 0.95) -> ConfidenceInterval:
    """AUROC with DeLong's interval: the normal one of its asymptotic variance, kept within 0 and 1.

        V10_i = share of the negatives below positive i, a tie counting one half; V01_j likewise
        var(AUROC) = var(V10) / n_pos + var(V01) / n_neg

    Shapes
    ------
    predictions, targets : (N,) or (N, 1)

    Raises
    ------
    ValueError
        If the shapes differ or are not those above, a prediction is NaN, a target is neither 0 nor 1, a class
        has fewer than two examples, or the level is out of range.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595.
    """
    scores, positive = host_binary("delong", predictions, targets)
    if not 0.0 < level < 1.0:
        raise ValueError(f"delong expects 0 < level < 1, got {level}")
    high = np.sort(scores[positive])
    low = np.sort(scores[~positive])
    if min(len(high), len(low)) < 2:
        raise ValueError(f"delong expects two of each class at least, got {len(high)} and {len(low)}")
    of_positives = _placements(high, low)
    of_negatives = 1.0 - _placements(low, high)
    area = float(of_positives.mean())
    variance = of_positives.var(ddof=1) / len(high) + of_negatives.var(ddof=1) / len(low)
    half = NormalDist().inv_cdf(0.5 + level / 2) * float(np.sqrt(variance))
    return ConfidenceInterval(area, max(0.0, area - half), min(1.0, area + half), level)


def per_task(
    metric: Callable[..., Any], predictions: ArrayLike, targets: ArrayLike, mask: ArrayLike | None = None
) -> Floats:
    """Metric of each column, over the labels that are not missing.

    Parameters
    ----------
    metric : callable
        (predictions, targets) -> number.
    predictions, targets : array
        A column a task; further axes of predictions go to the metric.
    mask : array, optional
        0 where a label is missing.

    Shapes
    ------
    predictions : (N, tasks, ...)
    targets : (N, tasks)
    mask : (N, tasks), or what broadcasts to it
    result : (tasks,); NaN for a task without a label

    Raises
    ------
    ValueError
        If the shapes are not those above.
    """
    x, y = np.asarray(predictions), np.asarray(targets)
    if y.ndim != 2 or x.shape[:2] != y.shape:
        raise ValueError(f"per_task expects two arrays (N, tasks), got {x.shape} and {y.shape}")
    present = np.broadcast_to(True if mask is None else np.asarray(mask) != 0, y.shape)
    values = np.full(y.shape[1], np.nan)
    for task in range(y.shape[1]):
        rows = present[:, task]
        if rows.any():
            values[task] = float(metric(x[rows, task], y[rows, task]))
    return values


# ---------------------------------------------------------------- draws


def _strata(y: NDArray[Any]) -> list[NDArray[np.int64]]:
    """Positions of positives and of negatives; one stratum if targets are not one column of 0 and 1."""
    if y.size != len(y) or not np.isin(y, (0, 1)).all():
        return [np.arange(len(y))]
    positive = y.reshape(-1) == 1
    return [members for members in (np.flatnonzero(positive), np.flatnonzero(~positive)) if len(members)]


def _resamples(strata: list[NDArray[np.int64]], n: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Blocks (resamples, N) of positions; each stratum is drawn from itself."""
    rng = host_generator(seed, "bootstrap")
    rows = max(1, _CHUNK // sum(map(len, strata)))
    for start in range(0, n, rows):
        size = min(rows, n - start)
        drawn = [members[rng.integers(0, len(members), (size, len(members)))] for members in strata]
        yield np.concatenate(drawn, axis=1)


def _counts(block: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """(resamples, N): how often each example is in each resample."""
    flat = (block + size * np.arange(len(block))[:, None]).reshape(-1)
    return np.bincount(flat, minlength=size * len(block)).reshape(len(block), size)


def _placements(of: Floats, among: Floats) -> Floats:
    """For each value, the share of the others below it, a tie counting one half."""
    below = np.searchsorted(among, of, side="left") + np.searchsorted(among, of, side="right")
    return below / (2 * len(among))
