from __future__ import annotations

import numpy as np
import pytest

from genoml.evaluation import gini, specificity, specificity_scores

RNG = np.random.default_rng(0)


def test_gini_is_the_mean_difference_over_twice_the_mean() -> None:
    values = RNG.random((6, 5))
    differences = np.abs(values[:, :, None] - values[:, None, :]).mean(axis=(1, 2))
    np.testing.assert_allclose(gini(values), differences / (2.0 * values.mean(axis=1)))


def test_gini_is_0_for_equal_values_and_greatest_for_one_cell_type_alone() -> None:
    np.testing.assert_allclose(gini(np.array([[2.0, 2, 2, 2], [0, 0, 5, 0]])), [0.0, 0.75])
    assert np.isnan(gini(np.zeros((1, 3)))).all()
    with pytest.raises(ValueError, match="gini expects values of 0 or more, got -1"):
        gini(np.array([[-1.0, 2.0]]))
    with pytest.raises(ValueError, match=r"gini expects values \(regions, cell types\), got \(3,\)"):
        gini(np.ones(3))


def test_specificity_is_high_for_the_only_cell_type_and_0_in_rows_of_zeros() -> None:
    found = specificity(np.array([[0.0, 0, 9, 0], [1, 1, 1, 1], [0, 0, 0, 0]]))
    np.testing.assert_allclose(found, [[0, 0, 0.75, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_perfect_predictions_have_scores_of_1_and_constant_rows_are_left_out() -> None:
    values = RNG.random((20, 4))
    values[3] = 1.0
    found = specificity_scores(2.0 * values, values)
    assert found == pytest.approx({"top_cell_type": 1.0, "pearson_across": 1.0, "gini": 1.0})
    expected = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(values[:3], values[4:7], strict=True)])
    assert specificity_scores(values[:3], values[4:7])["pearson_across"] == pytest.approx(expected)


def test_one_cell_type_has_no_specificity() -> None:
    assert specificity_scores(np.ones((3, 1)), np.ones((3, 1))) == {}
