"""Estimates of the dispersion of counts, Poisson or more, on the host in float64.

A negative binomial (NB2) with mean m and dispersion a has variance m + a m^2. A Poisson fitted to counts that vary more
treats their noise as signal: ``diagnose_counts`` tells which loss fits the data, and ``estimate_dispersion`` gives the
dispersion for ``negative_binomial_loss``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from genoml.losses import poisson_loss
from genoml.losses.labels import COUNTS, FINITE, Domain, check_host_labels
from genoml.losses.negative_binomial import LIMIT, negative_binomial_terms

_MEANS = Domain("means > 0", low=np.nextafter(0.0, 1.0))


@dataclass(frozen=True)
class DispersionFit:
    """Negative binomial fitted by maximum likelihood.

    Attributes
    ----------
    dispersion : float
        a >= 0; 0 if the counts vary no more than a Poisson's.
    log_rate : float or None
        The intercept: mean = exp(log_rate + offset). None where the means were given.
    loss, poisson_loss : float
        Mean negative log-likelihood of a count, for this fit and for a Poisson fitted in the same way.
    """

    dispersion: float
    log_rate: float | None
    loss: float
    poisson_loss: float

    @property
    def size(self) -> float:
        """The inverse of the dispersion, r; R calls it size and SciPy n."""
        return 1.0 / self.dispersion if self.dispersion > 0.0 else math.inf


class MeanVariance(NamedTuple):
    """Group of counts with similar means: size, mean, variance, and the variances that both models expect."""

    examples: int
    mean: float
    variance: float
    poisson_variance: float
    negative_binomial_variance: float


def _inputs(counts: Any, means: Any, offset: Any, what: str) -> tuple[np.ndarray, np.ndarray, bool]:
    """Counts, the logarithms of their means (or their offsets), and whether to fit an intercept."""
    check_host_labels(counts, COUNTS, what)
    y = np.asarray(counts, np.float64).ravel()
    if y.size < 2:
        raise ValueError(f"{what} expects at least 2 counts, got {y.size}")
    if means is not None and offset is not None:
        raise ValueError(f"{what} expects means or offset, got both")
    fitted = means is None
    name = "offset" if fitted else "means"
    values = offset if fitted else means
    values = np.asarray(0.0 if values is None else values, np.float64)
    check_host_labels(values, FINITE if fitted else _MEANS, f"{what}: {name}")
    if values.shape not in ((), np.shape(counts)):
        raise ValueError(f"{what} expects {name} of shape {np.shape(counts)}, got {values.shape}")
    values = np.broadcast_to(values, np.shape(counts)).ravel()
    if not fitted:
        return y, np.log(values), False
    if not y.any():
        raise ValueError(f"{what} expects a count above 0, got zeros only")
    return y, values, True


def _intercept(y: np.ndarray, offset: np.ndarray, log_dispersion: float, start: float) -> float:
    """The best intercept for a dispersion: the zero of the gradient, by guarded Newton steps."""
    a = math.exp(log_dispersion)
    low, high = start - 1.0, start + 1.0

    def slopes(b: float) -> tuple[float, float]:
        with np.errstate(over="ignore"):
            m = np.exp(b + offset)
            spread = 1.0 + a * m
        return float(np.mean((m - y) / spread)), float(np.mean(m * (1.0 + a * y) / spread**2))

    while slopes(low)[0] > 0.0:
        low -= 2.0 * (start + 1.0 - low)
    while slopes(high)[0] < 0.0:
        high += 2.0 * (high - start + 1.0)
    b = start
    for _ in range(200):
        slope, curvature = slopes(b)
        low, high = (b, high) if slope < 0.0 else (low, b)
        step = b - slope / curvature if curvature > 0.0 else math.nan
        new = step if low < step < high else 0.5 * (low + high)
        if abs(new - b) <= 1e-14 * (1.0 + abs(b)):
            return new
        b = new
    return b


class _Profile:
    """The profile likelihood of the dispersion, with the best intercept for each."""

    def __init__(self, y: np.ndarray, base: np.ndarray, fitted: bool) -> None:
        self.y = y
        self.base = base
        self.fitted = fitted
        # the Poisson's intercept in closed form: sum m = sum y
        top = float(np.max(base))
        total = float(np.sum(np.exp(base - top)))
        self.start = math.log(float(np.sum(y)) / total) - top if fitted else 0.0

    def intercept(self, log_dispersion: float) -> float:
        """The best intercept; 0 if the means were given."""
        return _intercept(self.y, self.base, log_dispersion, self.start) if self.fitted else 0.0

    def at(self, log_dispersion: float) -> tuple[float, float]:
        """Mean loss and its slope; at the best intercept the total derivative equals the partial one."""
        log_mean = self.base + self.intercept(log_dispersion)
        terms = negative_binomial_terms(log_mean, np.full_like(log_mean, log_dispersion), self.y)
        return float(np.mean(terms.entries)), float(np.mean(terms.log_dispersion_grad))

    def poisson(self) -> float:
        """Mean loss of the Poisson."""
        loss, _ = poisson_loss(self.base + self.start, self.y, log_input=True, full=True)
        return float(loss)


def _best(profile: _Profile) -> float | None:
    """The log dispersion with the highest likelihood; None if that is the Poisson."""
    grid = np.linspace(-30.0, 30.0, 61)
    losses = [profile.at(float(value))[0] for value in grid]
    best = int(np.argmin(losses))
    if best == 0 or not losses[best] < profile.poisson():
        return None
    low = float(grid[best - 1])
    high = float(grid[min(best + 1, len(grid) - 1)])
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if profile.at(middle)[1] < 0.0 else (low, middle)
    return 0.5 * (low + high)


def estimate_dispersion(counts: Any, means: Any = None, *, offset: Any = None) -> DispersionFit:
    """Fit a negative binomial to counts by maximum likelihood.

        mean = means, or exp(log_rate + offset) with log_rate fitted too;  variance = mean + dispersion mean^2

    Parameters
    ----------
    counts : array or list
        Counts >= 0 of any shape, with one common dispersion. For a dispersion per task, call it once per task.
    means : array or number, optional
        The counts' means, for example a model's predictions.
    offset : array, optional
        Logarithm of what the mean is proportional to: sequencing depth, or the reads of the input.

    Returns
    -------
    DispersionFit

    Raises
    ------
    ValueError
        If counts, means or offsets are out of range, their shapes differ, or all counts are 0.

    References
    ----------
    Hilbe (2011), Negative binomial regression, 2nd ed., doi:10.1017/CBO9780511973420, chapter 8.
    """
    profile = _Profile(*_inputs(counts, means, offset, "estimate_dispersion"))
    log_dispersion = _best(profile)
    poisson = profile.poisson()
    if log_dispersion is None:
        return DispersionFit(0.0, profile.start if profile.fitted else None, poisson, poisson)
    log_rate = profile.intercept(log_dispersion) if profile.fitted else None
    return DispersionFit(math.exp(log_dispersion), log_rate, profile.at(log_dispersion)[0], poisson)


@dataclass(frozen=True)
class CountDiagnosis:
    """Result of ``diagnose_counts``; ``print`` shows it.

    Attributes
    ----------
    examples, zeros : int
        Counts, and how many of them are 0.
    poisson_zeros, negative_binomial_zeros : float
        Numbers of zeros expected by the two models.
    chi_square_per_df : float
        Pearson's sum (y - m)^2 / m, by degrees of freedom: 1 for a Poisson.
    fit : DispersionFit
    table : tuple of MeanVariance
        Groups of counts, by rising mean.
    """

    examples: int
    zeros: int
    poisson_zeros: float
    negative_binomial_zeros: float
    chi_square_per_df: float
    fit: DispersionFit
    table: tuple[MeanVariance, ...]

    @property
    def likelihood_ratio(self) -> float:
        """Twice the gain in log likelihood of the negative binomial."""
        return 2.0 * self.examples * (self.fit.poisson_loss - self.fit.loss)

    @property
    def overdispersed(self) -> bool:
        """Whether the counts vary more than a Poisson's."""
        # the 99.9 % point of half a chi-square with one degree of freedom and half a point mass at 0
        return self.fit.dispersion > 0.0 and self.likelihood_ratio >= 9.55

    @property
    def verdict(self) -> str:
        """Which loss to use, and why."""
        if not self.overdispersed:
            return "The counts vary no more than a Poisson's: poisson_loss."
        return (
            f"The counts vary more than a Poisson's ({self.chi_square_per_df:.3g} times, likelihood ratio "
            f"{self.likelihood_ratio:.4g}): negative_binomial_loss with dispersion near {self.fit.dispersion:.3g}."
        )

    def __str__(self) -> str:
        lines = [f"{'counts':>8} {'mean':>12} {'variance':>12} {'Poisson':>12} {'neg. binomial':>14}"]
        cells = "{:8d} {:12.5g} {:12.5g} {:12.5g} {:14.5g}"
        lines += [cells.format(*row) for row in self.table]
        zeros = f"{self.zeros}, expected {self.poisson_zeros:.1f} and {self.negative_binomial_zeros:.1f}"
        losses = f"{self.fit.poisson_loss:.4f} and {self.fit.loss:.4f}"
        lines += [
            f"Pearson chi-square / df: {self.chi_square_per_df:.4g} (1 for a Poisson)",
            f"zeros: {zeros} (Poisson, negative binomial)",
            f"-log likelihood a count: {losses} (Poisson, negative binomial)",
            f"dispersion: {self.fit.dispersion:.4g} (size {self.fit.size:.4g})",
            self.verdict,
        ]
        return "\n".join(lines)


def _table(y: np.ndarray, m: np.ndarray, dispersion: float, bins: int) -> tuple[MeanVariance, ...]:
    """Counts in groups of equal size by their mean; the variance is about the mean of each count."""
    if np.ptp(m) == 0.0:
        bins = 1
    rows = []
    for index in np.array_split(np.argsort(m, kind="stable"), min(bins, len(y))):
        means = m[index]
        spread = float(np.mean((y[index] - means) ** 2))
        poisson = float(np.mean(means))
        expected = poisson + dispersion * float(np.mean(means**2))
        rows.append(MeanVariance(len(index), float(np.mean(y[index])), spread, poisson, expected))
    return tuple(rows)


def diagnose_counts(counts: Any, means: Any = None, *, offset: Any = None, bins: int = 10) -> CountDiagnosis:
    """Compare counts with a Poisson and a negative binomial of the same means.

    Parameters
    ----------
    counts, means, offset
        As in ``estimate_dispersion``.
    bins : int
        The most groups of the mean-variance table; one if all means are equal.

    Returns
    -------
    CountDiagnosis
        Mean-variance table, Pearson's chi-square, zeros, likelihoods, and a verdict in words.

    Raises
    ------
    ValueError
        As ``estimate_dispersion``, or if bins < 1.

    References
    ----------
    The likelihood-ratio test at the edge of the parameter space: Self and Liang (1987), doi:10.2307/2289471.
    """
    if bins < 1:
        raise ValueError(f"diagnose_counts expects bins >= 1, got {bins}")
    y, base, fitted = _inputs(counts, means, offset, "diagnose_counts")
    fit = estimate_dispersion(counts, means, offset=offset)
    poisson_mean = np.exp(base + _Profile(y, base, fitted).start)
    mean = np.exp(base + (fit.log_rate or 0.0))
    log_a = np.full_like(base, math.log(fit.dispersion) if fit.dispersion > 0.0 else -LIMIT)
    no_counts = negative_binomial_terms(np.log(mean), log_a, np.zeros_like(y)).entries
    ratio = float(np.sum((y - poisson_mean) ** 2 / poisson_mean)) / (y.size - int(fitted))
    zeros = int(np.sum(y == 0.0)), float(np.sum(np.exp(-poisson_mean))), float(np.sum(np.exp(-no_counts)))
    return CountDiagnosis(y.size, *zeros, ratio, fit, _table(y, mean, fit.dispersion, bins))
