"""Dispersion by maximum likelihood against SciPy's optimiser and simulated counts; the diagnosis; refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from genoml.evaluation.dispersion import diagnose_counts, estimate_dispersion
from genoml.losses import negative_binomial_loss_with_dispersion

RNG = np.random.default_rng(7)
DEPTH = RNG.uniform(50.0, 5000.0, 400)
COUNTS = RNG.negative_binomial(1.5, 1.5 / (1.5 + 0.4 * DEPTH))
POISSON = RNG.poisson(0.4 * DEPTH)


def scipy_loss(y: np.ndarray, m: np.ndarray, size: float) -> float:
    return float(np.mean(-stats.nbinom.logpmf(y, size, size / (size + m))))


def test_rate_and_dispersion_are_those_of_a_general_optimiser() -> None:
    fit = estimate_dispersion(COUNTS, offset=np.log(DEPTH))
    found = optimize.minimize(
        lambda p: scipy_loss(COUNTS, np.exp(p[0]) * DEPTH, math.exp(p[1])),
        [0.0, 0.0],
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-14},
    )
    assert fit.log_rate is not None
    np.testing.assert_allclose([fit.log_rate, math.log(fit.size)], found.x, atol=1e-6)
    assert fit.loss == pytest.approx(found.fun, rel=1e-12)
    assert fit.size == pytest.approx(1.0 / fit.dispersion)
    poisson = -stats.poisson.logpmf(COUNTS, DEPTH * COUNTS.sum() / DEPTH.sum()).mean()
    assert fit.poisson_loss == pytest.approx(poisson, rel=1e-12)


@pytest.mark.parametrize("offset", [None, "depth"])
def test_both_gradients_are_0_at_the_estimate(offset: str | None) -> None:
    base = np.log(DEPTH) if offset else np.zeros(400)
    fit = estimate_dispersion(COUNTS, offset=base if offset else None)
    assert fit.log_rate is not None
    _, (grad, grad_a) = negative_binomial_loss_with_dispersion(
        base + fit.log_rate, math.log(fit.dispersion), COUNTS, log_input=True
    )
    assert abs(np.sum(grad)) < 1e-12
    assert abs(grad_a) < 1e-12


@pytest.mark.parametrize("dispersion", [1e-3, 0.1, 1.0, 30.0])
def test_the_dispersion_of_simulated_counts_is_found(dispersion: float) -> None:
    size, m = 1.0 / dispersion, 200.0
    y = np.random.default_rng(1).negative_binomial(size, size / (size + m), 20000)
    by_mean = estimate_dispersion(y, m)
    assert by_mean.log_rate is None
    assert by_mean.dispersion == pytest.approx(dispersion, rel=0.1)
    assert estimate_dispersion(y).dispersion == pytest.approx(by_mean.dispersion, rel=0.05)


def test_counts_that_vary_less_than_a_poisson_have_dispersion_0() -> None:
    fit = estimate_dispersion([3] * 10 + [4] * 10)
    assert fit.dispersion == 0.0
    assert fit.size == math.inf
    assert fit.loss == fit.poisson_loss
    assert fit.log_rate == pytest.approx(math.log(3.5))


def test_extreme_counts_are_fitted() -> None:
    fit = estimate_dispersion([0] * 99 + [10**6])
    assert fit.dispersion > 50.0
    assert fit.log_rate == pytest.approx(math.log(10**4), rel=1e-6)
    far = estimate_dispersion(COUNTS, offset=np.log(DEPTH) + 300.0)
    near = estimate_dispersion(COUNTS, offset=np.log(DEPTH))
    assert far.log_rate == pytest.approx((near.log_rate or 0.0) - 300.0, abs=1e-9)
    assert far.dispersion == pytest.approx(near.dispersion, rel=1e-6)


# ---------------------------------------------------------------- diagnosis


def test_overdispersed_counts_are_told_from_poisson_counts() -> None:
    wide, narrow = (diagnose_counts(y, offset=np.log(DEPTH)) for y in (COUNTS, POISSON))
    assert f"negative_binomial_loss with dispersion near {wide.fit.dispersion:.3g}" in wide.verdict
    assert narrow.verdict.endswith("poisson_loss.")
    assert wide.chi_square_per_df > 100.0
    assert narrow.chi_square_per_df == pytest.approx(1.0, abs=0.2)
    assert wide.fit.poisson_loss > wide.fit.loss + 10.0


def test_pearsons_chi_square_is_by_degrees_of_freedom() -> None:
    rate = COUNTS.sum() / DEPTH.sum()
    m = rate * DEPTH
    fitted = diagnose_counts(COUNTS, offset=np.log(DEPTH))
    given = diagnose_counts(COUNTS, m)
    statistic = np.sum((COUNTS - m) ** 2 / m)
    assert fitted.chi_square_per_df == pytest.approx(statistic / 399)
    assert given.chi_square_per_df == pytest.approx(statistic / 400)


def test_the_table_groups_counts_by_their_means() -> None:
    m = 0.4 * DEPTH
    found = diagnose_counts(COUNTS, m, bins=7)
    order = np.argsort(m)
    assert [row.examples for row in found.table] == [58] + [57] * 6
    first = order[:58]
    row = found.table[0]
    assert row.mean == pytest.approx(COUNTS[first].mean())
    assert row.variance == pytest.approx(np.mean((COUNTS[first] - m[first]) ** 2))
    assert row.poisson_variance == pytest.approx(m[first].mean())
    expected = m[first].mean() + found.fit.dispersion * np.mean(m[first] ** 2)
    assert row.negative_binomial_variance == pytest.approx(expected)
    assert len(diagnose_counts(COUNTS).table) == 1


def test_expected_zeros_are_those_of_the_models() -> None:
    y = np.random.default_rng(0).negative_binomial(0.5, 0.2, 500)
    found = diagnose_counts(y, 2.0)
    size = found.fit.size
    assert found.zeros == np.sum(y == 0)
    assert found.poisson_zeros == pytest.approx(500 * math.exp(-2.0))
    assert found.negative_binomial_zeros == pytest.approx(500 * (size / (size + 2.0)) ** size)


def test_the_printed_diagnosis_holds_every_number_and_the_verdict() -> None:
    found = diagnose_counts(COUNTS, offset=np.log(DEPTH))
    text = str(found)
    assert len(text.splitlines()) == 1 + len(found.table) + 5
    for part in (f"{found.chi_square_per_df:.4g}", f"{found.fit.dispersion:.4g}", found.verdict):
        assert part in text


@pytest.mark.parametrize("function", [estimate_dispersion, diagnose_counts])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, -2, 3],), "expects counts >= 0, got -2 at position 1"),
        (([[1.0, np.nan]],), r"counts >= 0, got nan at position \(0, 1\)"),
        (([3],), "at least 2 counts, got 1"),
        (([0, 0, 0],), "expects a count above 0, got zeros only"),
        (([1, 2], [1.0, 0.0]), "means expects means > 0, got 0 at position 1"),
        (([1, 2], [1.0, 2.0, 3.0]), r"means of shape \(2,\), got \(3,\)"),
    ],
)
def test_what_cannot_be_fitted_is_refused(function: Any, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(*arguments)


def test_means_and_offset_together_and_no_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="expects means or offset, got both"):
        estimate_dispersion([1, 2], 1.0, offset=[0.0, 0.0])
    with pytest.raises(ValueError, match="offset expects finite targets, got inf at position 0"):
        estimate_dispersion([1, 2], offset=[np.inf, 0.0])
    with pytest.raises(ValueError, match="bins >= 1, got 0"):
        diagnose_counts([1, 2], bins=0)
