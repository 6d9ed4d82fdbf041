"""Statistics of paired differences, beside SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from genoml.evaluation import benjamini_hochberg, paired_statistics, signed_rank_p_value


def test_mean_error_and_t_are_those_of_the_paired_test() -> None:
    rng = np.random.default_rng(0)
    pairs = rng.standard_normal((2, 3, 12)) + np.array([0.0, 1.0])[:, None, None]
    found = paired_statistics(pairs[1] - pairs[0])
    expected = stats.ttest_rel(pairs[1], pairs[0], axis=1)
    np.testing.assert_allclose(found.t, expected.statistic, rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, stats.sem(pairs[1] - pairs[0], axis=1), rtol=1e-12)
    assert found.n == 12
    np.testing.assert_allclose(found.fdr, stats.false_discovery_control(found.p_value), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 25, 50])
def test_few_differences_are_counted_exactly(n: int) -> None:
    d = np.random.default_rng(n).standard_normal(n) + 0.3
    expected = stats.wilcoxon(d, method="exact").pvalue
    np.testing.assert_allclose(signed_rank_p_value(d), expected, rtol=1e-12)


@pytest.mark.parametrize("n", [51, 200])
def test_many_differences_are_taken_as_normal(n: int) -> None:
    d = np.random.default_rng(n).standard_normal(n) + 0.2
    expected = stats.wilcoxon(d, method="approx", correction=False).pvalue
    np.testing.assert_allclose(signed_rank_p_value(d), expected, rtol=1e-10)


def test_ties_and_zeros_are_corrected_for() -> None:
    d = np.array([0.0, 1, 1, -1, 2, 2, 3, -4, 5, 5, 5, 0.0, 7])
    expected = stats.wilcoxon(d, method="approx", correction=False).pvalue
    np.testing.assert_allclose(signed_rank_p_value(d), expected, rtol=1e-10)
    assert signed_rank_p_value([0.0, 0.0]) == 1.0


def test_one_difference_has_a_mean_alone() -> None:
    found = paired_statistics([[2.0], [-1.0]])
    assert found.mean.tolist() == [2.0, -1.0]
    assert all(np.isnan(each).all() for each in (found.standard_error, found.t, found.p_value, found.fdr))


def test_differences_that_are_all_zero_show_nothing() -> None:
    found = paired_statistics(np.zeros((1, 5)))
    assert (found.t[0], found.p_value[0], found.fdr[0]) == (0.0, 1.0, 1.0)


def test_a_p_value_that_is_unknown_is_not_counted() -> None:
    found = benjamini_hochberg([0.01, np.nan, 0.04, 0.03])
    np.testing.assert_allclose(found, [0.03, np.nan, 0.04, 0.04])


def test_rounding_is_no_difference() -> None:
    noise = 1e-9 * np.arange(1.0, 21.0)
    assert paired_statistics(noise).p_value < 1e-5
    found = paired_statistics(noise, rounding=1e-7)
    assert found.p_value == 1.0
    assert found.mean > 0


def test_differences_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expects finite differences \(..., n >= 1\), got \(2,\)"):
        paired_statistics([1.0, np.nan])
