"""Figures of experiments."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from genoml import plot


def test_effects_stand_below_each_other_with_intervals() -> None:
    ax = plot.ranked_effects(Figure().subplots(), ["a", "b", "$c"], [2.0, -1.0, 0.5], [0.5, np.nan, 0.1])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "$c"]
    low, high = ax.get_ylim()
    assert low > high  # the first on top
    (bar,) = ax.containers[0].lines[2]  # type: ignore[union-attr]
    np.testing.assert_allclose(bar.get_segments()[0][:, 0], [2 - 0.98, 2 + 0.98])


def test_curves_have_bands_and_names() -> None:
    curves = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, -1.0]])
    ax = plot.distance_curves(Figure().subplots(), [0, 5, 9], curves, 0.1 * np.ones((2, 3)), ["+ +", "+ -"])
    assert {"+ +", "+ -"} <= {text.get_text() for text in ax.texts}
    assert len(ax.collections) == 2


def test_a_map_is_centred_on_zero() -> None:
    ax = plot.distance_map(Figure().subplots(), [3, 0, 1], [[1.0, -4.0, 0.0]], ["+ +"])
    (mesh,) = [each for each in ax.collections if each.get_array() is not None]
    assert mesh.get_clim() == (-4.0, 4.0)
    assert np.asarray(mesh.get_array()).ravel().tolist() == [-4.0, 0.0, 1.0]


def test_a_period_is_marked() -> None:
    ax = plot.period_curves(Figure().subplots(), [5.0, 10.5, 20.0], [[0.1, 0.4, 0.2]], ["+ +"], marked=10.5)
    assert "10.5 bp, a turn of DNA" in [text.get_text() for text in ax.texts]


def test_shapes_that_do_not_fit_are_named() -> None:
    ax = Figure().subplots()
    with pytest.raises(ValueError, match=r"ranked_effects expects arrays \(1,\), got \(2,\), \(1,\)"):
        plot.ranked_effects(ax, ["a"], [1.0, 2.0], [0.1])
    with pytest.raises(ValueError, match=r"distance_map expects arrays \(1, 2\), got \(1, 3\)"):
        plot.distance_map(ax, [1, 2], [[1.0, 2.0, 3.0]], ["a"])
