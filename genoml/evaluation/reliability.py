"""Measures of calibration: reliability curve, Brier score, expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.evaluation.curves import host_binary

Floats = NDArray[np.float64]
Strategy = Literal["uniform", "quantile"]


@dataclass(frozen=True)
class ReliabilityCurve:
    """Points of a reliability diagram, one for each non-empty bin, in ascending order.

    Attributes
    ----------
    mean_prediction : (B,) float64
        Mean of the probabilities in the bin.
    observed : (B,) float64
        Share of positives in the bin.
    count : (B,) int64
        Number of examples in the bin.
    low, high : (B,) float64
        Wilson's score interval of ``observed``.
    edges : (bins + 1,) float64
        Edges of all bins, including empty ones.
    """

    mean_prediction: Floats
    observed: Floats
    count: NDArray[np.int64]
    low: Floats
    high: Floats
    edges: Floats


def reliability_curve(
    probabilities: ArrayLike,
    targets: ArrayLike,
    bins: int = 10,
    strategy: Strategy = "uniform",
    *,
    level: float = 0.95,
) -> ReliabilityCurve:
    """Reliability curve: the observed share of positives against the predicted probability, by bins.

    Bin b holds the probabilities in (edge_b, edge_(b+1)], the first one also its lower edge. Of its n
    examples k are positive; Wilson's interval of the share is, with z the normal quantile of ``level``,

        (k + z^2/2 +- z sqrt(k (n - k) / n + z^2/4)) / (n + z^2).

    Parameters
    ----------
    probabilities : array
        Of the positive class, from 0 to 1.
    targets : array
        1 for a positive, 0 for a negative.
    bins : int
        Number of bins.
    strategy : {"uniform", "quantile"}
        Bins of equal width, or with equal numbers of examples; equal probabilities always share a bin, so that there
        may be fewer quantile bins. For a rare class, with probabilities near 0, quantile bins show more.
    level : float
        Of the intervals.

    Shapes
    ------
    probabilities, targets : (N,) or (N, 1), N >= 1

    Raises
    ------
    ValueError
        If the shapes differ or are not those above, a probability is outside [0, 1], a target is neither 0
        nor 1, or an option is not as above.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953. Niculescu-Mizil and Caruana (2005), Predicting good
    probabilities with supervised learning, doi:10.1145/1102351.1102430.
    """
    p, positive = host_probabilities("reliability_curve", probabilities, targets)
    if not 0.0 < level < 1.0:
        raise ValueError(f"reliability_curve expects 0 < level < 1, got {level}")
    edges = _edges("reliability_curve", p, bins, strategy)
    which = np.searchsorted(edges[1:-1], p, side="left")
    mean, observed, count = _grouped(p, positive, which, len(edges) - 1)
    low, high = _wilson(observed, count, NormalDist().inv_cdf(0.5 + level / 2))
    return ReliabilityCurve(mean, observed, count, low, high, edges)


def brier_score(probabilities: ArrayLike, targets: ArrayLike) -> float:
    """Brier score: the mean squared error of the probabilities, mean (p - y)^2; 0 at best.

    Predicting the share of positives s for every example scores s (1 - s): 0.0099 at 1 %. Compare a score with that,
    not with 0.25.

    Shapes
    ------
    probabilities, targets : (N,) or (N, 1), N >= 1

    Raises
    ------
    ValueError
        As reliability_curve.

    References
    ----------
    Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2, in its form for two classes (half of the
    sum over both).
    """
    p, positive = host_probabilities("brier_score", probabilities, targets)
    return float(np.mean(np.square(p - positive)))


@dataclass(frozen=True)
class BrierDecomposition:
    """Decomposition of the Brier score: score = reliability - resolution + uncertainty + within_bins.

    Attributes
    ----------
    score : float
        Brier's score.
    reliability : float
        sum_b n_b (mean prediction_b - observed_b)^2 / N: the loss that calibration would remove; 0 at best.
    resolution : float
        sum_b n_b (observed_b - s)^2 / N, s the share of positives: how well the bins separate the classes.
    uncertainty : float
        s (1 - s): the score of predicting s always.
    within_bins : float
        The remainder, because probabilities differ within a bin; 0 for bins of one value each.
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


def brier_decomposition(
    probabilities: ArrayLike, targets: ArrayLike, bins: int | None = 10, strategy: Strategy = "quantile"
) -> BrierDecomposition:
    """Decompose the Brier score as reliability - resolution + uncertainty.

    Parameters
    ----------
    probabilities, targets, strategy
        As in reliability_curve.
    bins : int or None
        Number of bins; None: one for each distinct probability, for which Murphy's identity is exact.

    Shapes
    ------
    probabilities, targets : (N,) or (N, 1), N >= 1

    Raises
    ------
    ValueError
        As reliability_curve.

    References
    ----------
    Murphy (1973), doi:10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2. Stephenson et al. (2008),
    doi:10.1175/2007WAF2006116.1, for what is left within bins.
    """
    p, positive = host_probabilities("brier_decomposition", probabilities, targets)
    if bins is None:
        values, which = np.unique(p, return_inverse=True)
        groups = len(values)
    else:
        edges = _edges("brier_decomposition", p, bins, strategy)
        which = np.searchsorted(edges[1:-1], p, side="left")
        groups = len(edges) - 1
    mean, observed, count = _grouped(p, positive, which, groups)
    share = positive.mean()
    weight = count / len(p)
    score = float(np.mean(np.square(p - positive)))
    reliability = float(weight @ np.square(mean - observed))
    resolution = float(weight @ np.square(observed - share))
    uncertainty = float(share * (1.0 - share))
    return BrierDecomposition(
        score, reliability, resolution, uncertainty, score - (reliability - resolution + uncertainty)
    )


def expected_calibration_error(
    probabilities: ArrayLike, targets: ArrayLike, bins: int = 15, strategy: Strategy = "uniform"
) -> float:
    """Expected calibration error: the mean of |mean prediction - observed share| over bins, weighted by examples.

        ECE = sum_b (n_b / N) |observed_b - mean prediction_b|

    It depends on the bins, and is positive by noise alone; the Brier score does not depend on bins. For several classes
    give the probability of the most likely class, and whether it was right.

    Shapes
    ------
    probabilities, targets : (N,) or (N, 1), N >= 1

    Raises
    ------
    ValueError
        As reliability_curve.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, arXiv:1706.04599, eq. 3, with their 15 bins.
    """
    curve = reliability_curve(probabilities, targets, bins, strategy)
    return float(curve.count @ np.abs(curve.observed - curve.mean_prediction) / curve.count.sum())


def host_probabilities(
    function: str, probabilities: ArrayLike, targets: ArrayLike
) -> tuple[Floats, NDArray[np.bool_]]:
    """Probabilities, float64, and whether each is a positive; both flat. ValueError if they are not valid."""
    p, positive = host_binary(function, probabilities, targets)
    if not len(p):
        raise ValueError(f"{function} expects at least one prediction, got none")
    outside = (p < 0.0) | (p > 1.0)
    if outside.any():
        raise ValueError(f"{function} expects probabilities from 0 to 1, got {p[outside][0]}")
    return p, positive


def _edges(function: str, p: Floats, bins: int, strategy: Strategy) -> Floats:
    if bins < 1:
        raise ValueError(f"{function} expects bins >= 1, got {bins}")
    if strategy == "uniform":
        return np.linspace(0.0, 1.0, bins + 1)
    if strategy == "quantile":
        last = -(-np.arange(1, bins + 1) * len(p) // bins) - 1
        ascending = np.sort(p)
        return np.append(ascending[0], np.unique(ascending[last]))
    raise ValueError(f"{function} expects strategy uniform or quantile, got {strategy!r}")


def _grouped(
    p: Floats, positive: NDArray[np.bool_], which: NDArray[np.int64], groups: int
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean prediction, share of positives and size of each non-empty group."""
    count = np.bincount(which, minlength=groups)
    nonempty = count > 0
    count = count[nonempty]
    total = np.bincount(which, weights=p, minlength=groups)[nonempty]
    positives = np.bincount(which, weights=positive, minlength=groups)[nonempty]
    return total / count, positives / count, count


def _wilson(share: Floats, count: NDArray[np.int64], z: float) -> tuple[Floats, Floats]:
    middle = count * share + z**2 / 2
    half = z * np.sqrt(count * share * (1.0 - share) + z**2 / 4)
    low = (middle - half) / (count + z**2)
    high = (middle + half) / (count + z**2)
    # at a share of 0 or 1 the interval ends exactly there
    return np.where(share == 0.0, 0.0, low), np.where(share == 1.0, 1.0, high)
