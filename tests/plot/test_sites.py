"""Figures of sites: where they lie, and which motifs come together."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from genoml import plot


@pytest.mark.parametrize("length", [10, 99, 400])
def test_positions_count_every_site_from_the_middle(length):
    centres = np.array([0.5, 0.5, length / 2, length - 0.5])
    ax = plot.positions(Figure().subplots(), centres, length)
    values, edges, _ = ax.patches[0].get_data()
    assert values.sum() == len(centres)
    assert edges[0] == -edges[-1] <= -length / 2
    assert values[0] == 2
    assert len(values) <= 40


def test_co_occurrence_writes_numbers_and_ratios_to_chance():
    table = np.array([[50, 40, 0], [40, 40, 5], [0, 5, 20]])
    ax = plot.co_occurrence(Figure().subplots(), table, 100, ["a", "$b_1$", "c"])
    words = [text.get_text() for text in ax.texts]
    assert words[:3] == ["50", "40\n2x", "0\n0x"]
    assert words[5] == "5\n0.62x"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "$b_1$", "c"]
    with pytest.raises(ValueError, match=r"expects numbers \(2, 2\), got \(3, 3\)"):
        plot.co_occurrence(Figure().subplots(), table, 100, ["a", "b"])
