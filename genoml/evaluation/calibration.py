"""Calibration of logits: temperature scaling, Platt scaling, and correction of the prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.evaluation.curves import host_binary
from genoml.ops.activations import sigmoid, softmax, softplus

Floats = NDArray[np.float64]

#: Range of the slope 1 / T in which a temperature is sought.
_SLOPES = (0.01, 100.0)
#: Least slope of Platt scaling, which keeps the order of the logits.
_LEAST_SLOPE = 1e-6
#: Least step relative to the slope, near the precision of float64.
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Calibration:
    """A calibration of logits: logit -> slope * logit + offset.

    Attributes
    ----------
    slope : float
        1 / temperature, above 0: below 1, the model was too sure. The order of the predictions stays.
    offset : float or tuple of float
        Number added to the log-odds; of several labels one each.
    """

    slope: float = 1.0
    offset: float | tuple[float, ...] = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.slope < math.inf and np.isfinite(self.offset).all()):
            raise ValueError(
                f"Calibration expects a slope above 0 and a finite offset, got {self.slope} and {self.offset}"
            )

    @property
    def temperature(self) -> float:
        """The temperature T of softmax(logits / T)."""
        return 1.0 / self.slope

    def __call__(self, logits: ArrayLike) -> Floats:
        """Calibrate logits; the result has the same shape, in float64."""
        found: Floats = self.slope * np.asarray(logits, np.float64) + np.asarray(self.offset, np.float64)
        return found


def log_odds(prior: float) -> float:
    """The log-odds of a prior: log(prior / (1 - prior)).

    Raises
    ------
    ValueError
        If the prior is not between 0 and 1.
    """
    if not 0.0 < prior < 1.0:
        raise ValueError(f"log_odds expects a prior between 0 and 1, got {prior}")
    return math.log(prior) - math.log1p(-prior)


def prior_shift(logits: ArrayLike, trained_prior: float, true_prior: float) -> Floats:
    """Correct logits for the true prior of the positives, if training had another.

        logit' = logit - log(q / (1 - q)) + log(s / (1 - s))

    A model trained on resampled classes learns log p(x | 1) / p(x | 0) + log q / (1 - q), q being the share of
    positives among what it saw; with s in the place of q its probabilities are those of the data. Class
    weights w_0, w_1 act like a share q = w_1 s / (w_1 s + w_0 (1 - s)). Exact for the minimum of the
    cross-entropy, not for the focal loss.

    Parameters
    ----------
    logits : array
        Of any shape.
    trained_prior, true_prior : float
        q and s, the shares of positives in training and where the model is used.

    Returns
    -------
    array
        Of the same shape, in float64.

    Raises
    ------
    ValueError
        If a prior is not between 0 and 1.

    References
    ----------
    Saerens et al. (2002), doi:10.1162/089976602753284446, eq. 2.4; King and Zeng (2001),
    doi:10.1093/oxfordjournals.pan.a004868, eq. 7.
    """
    return np.asarray(logits, np.float64) + (log_odds(true_prior) - log_odds(trained_prior))


def fit_temperature(logits: ArrayLike, targets: ArrayLike) -> Calibration:
    """Temperature scaling: the T for which logits / T have the smallest cross-entropy on held-out data.

    With s = 1 / T the cross-entropy mean [log sum_k exp(s z_k) - s z_y] is convex in s; its derivative is the
    mean of (expected logit - logit of the true class), its second derivative the mean variance of the logits
    under the predicted probabilities. Solved in float64 by Newton's steps within a bracket that is halved
    where a step leaves it.

    Parameters
    ----------
    logits : array
        Of the positive class, or one for each class.
    targets : array
        0 or 1; for classes, one-hot.

    Shapes
    ------
    logits, targets : (N,) or (N, 1), or (N, classes) with classes > 1

    Returns
    -------
    Calibration
        With offset 0. T is between 0.01 and 100, and at an end if there is no minimum between: held-out examples
        without an error have their minimum at T = 0, uninformative logits at T = infinity.

    Raises
    ------
    ValueError
        If the shapes differ or are not those above, a logit is not finite, or a target is not as above.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, arXiv:1706.04599, sec. 4.2.
    """
    z, true = _classes(logits, targets)
    shifted = z - z.max(axis=1, keepdims=True)

    def derivatives(slope: float) -> tuple[float, float]:
        share = softmax(slope * shifted, axis=1)
        mean = np.sum(share * z, axis=1)
        variance = np.sum(share * np.square(z - mean[:, None]), axis=1)
        return float(np.mean(mean - true)), float(np.mean(variance))

    return Calibration(slope=_root(derivatives, *_SLOPES))


def fit_platt(logits: ArrayLike, targets: ArrayLike) -> Calibration:
    """Platt scaling: the slope and offset with the smallest cross-entropy on held-out data.

    The labels are smoothed, t_1 = (N_1 + 1) / (N_1 + 2) and t_0 = 1 / (N_0 + 2), so that the fit is finite even without
    errors and for few examples. Newton's method with backtracking.

    Parameters
    ----------
    logits, targets : array
        Of the positive class; 0 or 1.

    Shapes
    ------
    logits, targets : (N,) or (N, 1)

    Returns
    -------
    Calibration
        Its slope is at least 1e-6, with the best offset for it: a model whose order is worse than chance is not
        reversed.

    Raises
    ------
    ValueError
        If the shapes differ or are not those above, a logit is not finite, a target is neither 0 nor 1, or a
        class is absent.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines, in Advances in large margin classifiers.
    Lin, Lin and Weng (2007), doi:10.1007/s10994-007-5018-6, for the algorithm.
    """
    z, positive = host_binary("fit_platt", logits, targets)
    _refuse_not_finite("fit_platt", z)
    n_positives = int(positive.sum())
    if n_positives in (0, len(z)):
        raise ValueError(f"fit_platt expects both classes, got {n_positives} positives of {len(z)}")
    high = (n_positives + 1) / (n_positives + 2)
    low = 1 / (len(z) - n_positives + 2)
    labels = np.where(positive, high, low)
    design = np.stack([z, np.ones_like(z)], axis=1)
    # start at slope 0, where no probability is near 0 or 1, so that the curvature does not vanish
    slope, offset = _newton(design, labels, np.array([0.0, log_odds(labels.mean())]))
    if slope < _LEAST_SLOPE:
        slope = _LEAST_SLOPE
        (offset,) = _newton(design[:, 1:], labels, np.array([log_odds(labels.mean())]), slope * z)
    return Calibration(float(slope), float(offset))


def _newton(design: Floats, labels: Floats, start: Floats, fixed: Floats | None = None) -> Floats:
    """Minimise the cross-entropy over the coefficients of the columns of ``design``, by Newton's method."""
    base = np.zeros(len(design)) if fixed is None else fixed

    def value(at: Floats) -> float:
        logits = base + design @ at
        return float(np.mean(softplus(logits) - labels * logits))

    coefficients = start
    best = value(start)
    for _ in range(100):
        p = sigmoid(base + design @ coefficients)
        gradient = design.T @ (p - labels) / len(design)
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design / len(design)
        step = np.linalg.solve(curvature + 1e-12 * np.eye(len(start)), gradient)
        share = 1.0  # of the full step
        rounding = 1e-14 * (1.0 + abs(best))
        least = 1e-4 * float(gradient @ step)
        while share > 1e-10 and value(coefficients - share * step) > best - share * least + rounding:
            share /= 2
        if share <= 1e-10:
            break
        coefficients = coefficients - share * step
        best = value(coefficients)
        if np.all(np.abs(share * step) <= _TOLERANCE * (1.0 + np.abs(coefficients))):
            break
    return coefficients


def _root(derivatives: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """The zero of an increasing function, by guarded Newton steps; an end of the range if there is none."""
    if derivatives(low)[0] >= 0.0:
        return low
    if derivatives(high)[0] <= 0.0:
        return high
    at = 1.0
    for _ in range(100):
        value, slope = derivatives(at)
        low, high = (at, high) if value < 0.0 else (low, at)
        step = at - value / slope if slope > 0.0 else math.inf
        following = step if low < step < high else math.sqrt(low * high)
        if abs(following - at) <= _TOLERANCE * at or value == 0.0:
            break
        at = following
    return at


def _classes(logits: ArrayLike, targets: ArrayLike) -> tuple[Floats, Floats]:
    """The logits (N, classes), two for a binary label, and the logit of each example's true class."""
    values = np.asarray(logits)
    labels = np.asarray(targets)
    if values.ndim == 2 and values.shape[1] > 1:
        if (
            labels.shape != values.shape
            or np.any((labels != 0) & (labels != 1))
            or np.any(labels.sum(1) != 1)
        ):
            raise ValueError(
                f"fit_temperature expects one-hot targets {values.shape}, got shape {labels.shape}"
            )
        z = values.astype(np.float64)
        true = z[labels == 1]
    else:
        positive_logit, positive = host_binary("fit_temperature", logits, targets)
        z = np.stack([np.zeros_like(positive_logit), positive_logit], axis=1)
        true = np.where(positive, positive_logit, 0.0)
    _refuse_not_finite("fit_temperature", z)
    return z, true


def _refuse_not_finite(function: str, z: Floats) -> None:
    if not z.size:
        raise ValueError(f"{function} expects at least one example, got none")
    if not np.isfinite(z).all():
        raise ValueError(f"{function} expects finite logits, got {z[~np.isfinite(z)].flat[0]}")
