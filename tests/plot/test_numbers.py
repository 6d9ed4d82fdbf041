"""Figures of predicted numbers and of classes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from genoml import plot


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def test_few_examples_are_points_and_many_are_cells(ax: Axes) -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=50)
    plot.scatter(ax, true + 1.0, true)
    np.testing.assert_allclose(
        np.asarray(ax.collections[0].get_offsets()), np.stack([true, true + 1.0], axis=1)
    )
    assert len(ax.child_axes) == 2
    other = Figure().subplots()
    true = rng.normal(size=5000)
    plot.scatter(other, true, true, unit=", log2")
    cells = [patch for patch in other.patches if isinstance(patch, Rectangle)]
    assert 20 < len(cells) < 36**2 / 4, "those on the diagonal"
    assert other.get_xlabel() == "true, log2"
    assert not other.collections


def test_numbers_that_are_not_finite_are_left_out_and_shapes_are_named(ax: Axes) -> None:
    plot.scatter(ax, [1.0, np.nan, 3.0], [1.0, 2.0, np.inf])
    assert len(np.asarray(ax.collections[0].get_offsets())) == 1
    with pytest.raises(ValueError, match="predictions and targets alike"):
        plot.scatter(ax, [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="a finite number, got none"):
        plot.scatter(ax, [np.nan], [1.0])


def test_counts_are_compared_in_groups_of_equal_size(ax: Axes) -> None:
    means = np.linspace(1.0, 100.0, 200)
    plot.count_calibration(ax, means, 2.0 * means, bins=4)
    line = next(each for each in ax.lines if len(np.asarray(each.get_xdata())) == 4)
    x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
    np.testing.assert_allclose(y, 2.0 * x)
    np.testing.assert_allclose(x, means.reshape(4, 50).mean(axis=1))
    plot.count_calibration(Figure().subplots(), [1.0, 2.0], [0, 0])  # nothing counted
    with pytest.raises(ValueError, match="means and counts alike"):
        plot.count_calibration(ax, [1.0], [])


def test_a_table_of_classes_counts_each_cell(ax: Axes) -> None:
    plot.class_table(ax, [[5, 1], [0, 1234]], ["a_$b", "c"])
    assert [each.get_text() for each in ax.texts] == ["5", "1", "0", "1,234"]
    assert [each.get_text() for each in ax.get_xticklabels()] == ["a_$b", "c"]
    with pytest.raises(ValueError, match=r"expects counts \(1, 1\), got \(2, 2\)"):
        plot.class_table(ax, np.eye(2), ["a"])


def test_predictions_that_hardly_differ_fill_no_axis(ax: Axes) -> None:
    rng = np.random.default_rng(0)
    plot.scatter(ax, 5.0 + 0.001 * rng.random(50), np.linspace(0.0, 9.0, 50))
    low, high = ax.get_ylim()
    assert high - low == pytest.approx((ax.get_xlim()[1] - ax.get_xlim()[0]) / 3.0)
    assert 0.5 * (low + high) == pytest.approx(5.0, abs=0.01)


def test_curves_of_labels_with_other_shares_have_a_chance_each(ax: Axes) -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.random(100), np.arange(100) % 4 == 0
    plot.pr(ax, {"a": (scores, labels), "b": (scores, ~labels)})
    level = [line for line in ax.lines if np.asarray(line.get_ydata()).tolist() in ([0.25] * 2, [0.75] * 2)]
    assert sorted(float(np.asarray(line.get_ydata())[0]) for line in level) == [0.25, 0.75]
    assert len({line.get_color() for line in level}) == 2
    plot.pr(other := Figure().subplots(), {"a": (scores, labels), "b": (1.0 - scores, labels)})
    assert [text.get_text() for text in other.texts].count("chance") == 1
