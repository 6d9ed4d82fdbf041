"""Figures of a classifier: reliability diagram, confusion table, histogram of scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from genoml.evaluation import reliability_curve
from genoml.evaluation.curves import host_binary
from genoml.plot.style import (
    INK,
    LINES,
    MUTED,
    NORMAL,
    SMALL,
    name_lines,
    require_matplotlib,
    style_axes,
    unit_square,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reliability(
    ax: Axes, predictions: ArrayLike, targets: ArrayLike, *, bins: int = 10, strategy: Any = "uniform"
) -> Axes:
    """Draw a reliability diagram: the observed share of positives against the predicted probability.

    On the diagonal the probabilities are calibrated; below it the model is too sure of positives. Bars are Wilson's 95
    % intervals; the size of a point shows the number of examples in its bin.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    predictions, targets : array_like
        Probabilities and labels, see :func:`genoml.evaluation.reliability_curve`.
    bins, strategy
        As there.

    Raises
    ------
    ValueError
        As ``reliability_curve``.
    ImportError
        If Matplotlib is missing.
    """
    unit_square(ax, "predicted probability", "share of positives")
    curve = reliability_curve(predictions, targets, bins, strategy)
    colour, dash = LINES[0]
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    ax.text(0.55, 0.49, "calibrated", color=MUTED, fontsize=SMALL, ha="center", va="center", rotation=45)
    spread = np.abs(np.stack([curve.observed - curve.low, curve.high - curve.observed]))
    x = curve.mean_prediction
    ax.errorbar(x, curve.observed, yerr=spread, color=colour, linestyle="", elinewidth=1.1, clip_on=False)
    ax.plot(x, curve.observed, color=colour, linestyle=dash, linewidth=1.2, clip_on=False)
    sizes = 12.0 + 60.0 * curve.count / curve.count.max()
    ax.scatter(x, curve.observed, s=sizes, color=colour, linewidth=0, clip_on=False, zorder=3)
    return ax


def confusion(ax: Axes, predictions: ArrayLike, targets: ArrayLike, *, threshold: float = 0.5) -> Axes:
    """Draw the table of true and predicted classes; a prediction of at least ``threshold`` is positive.

    Each cell shows its number of examples and its share of the true class; a stronger colour is a larger share.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    predictions, targets : array_like
        Probabilities or scores, and labels.
    threshold : float
        The smallest prediction that is positive.

    Raises
    ------
    ValueError
        If predictions and targets are not (N,) or (N, 1) alike, or hold NaN or targets other than 0 and 1.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.patches import Rectangle

    scores, positive = host_binary("confusion", predictions, targets)
    called = scores >= threshold
    style_axes(ax, grid=False)
    for row, true in enumerate((True, False)):
        members = positive == true
        for column, predicted in enumerate((True, False)):
            number = int((members & (called == predicted)).sum())
            share = number / members.sum() if members.any() else 0.0
            cell = Rectangle(
                (column, row), 1, 1, facecolor=LINES[0][0], linewidth=0, alpha=0.05 + 0.45 * share
            )
            ax.add_patch(cell)
            ax.text(
                column + 0.5,
                row + 0.5,
                f"{number:,}\n{share:.1%}",
                ha="center",
                va="center",
                fontsize=NORMAL + 1.5,
                color=INK,
                linespacing=1.5,
            )
    ax.set(xlim=(0, 2), ylim=(2, 0), box_aspect=1)
    ax.set(xlabel=f"predicted, threshold {threshold:.3g}", ylabel="true class")
    ax.set_xticks([0.5, 1.5], ["positive", "negative"])
    ax.set_yticks([0.5, 1.5], ["positive", "negative"], rotation=90, va="center")
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def class_table(ax: Axes, counts: ArrayLike, names: Sequence[str]) -> Axes:
    """Draw the table of true and predicted classes; each cell shows its number, a stronger colour a larger share.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    counts : (classes, classes) array_like
        Examples of each true class (row) that are called each class (column).
    names : sequence of str
        Of the classes.

    Raises
    ------
    ValueError
        If the table is not square, or names are missing.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.patches import Rectangle

    table = np.asarray(counts)
    size = len(names)
    if table.shape != (size, size):
        raise ValueError(f"class_table expects counts ({size}, {size}), got {table.shape}")
    style_axes(ax, grid=False)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    font = NORMAL if size <= 8 else max(3.0, 80.0 / size)
    for row, column in np.ndindex(size, size):
        alpha = 0.05 + 0.45 * float(shares[row, column])
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor=LINES[0][0], linewidth=0, alpha=alpha))
        ax.text(
            column + 0.5,
            row + 0.5,
            f"{int(table[row, column]):,}",
            ha="center",
            va="center",
            fontsize=font,
            color=INK,
        )
    ax.set(xlim=(0, size), ylim=(size, 0), box_aspect=1, xlabel="predicted class", ylabel="true class")
    places = np.arange(size) + 0.5
    ax.set_xticks(places, names, rotation=0 if size <= 4 else 90, parse_math=False)
    ax.set_yticks(places, names, parse_math=False)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def histogram(
    ax: Axes,
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    bins: int = 25,
    threshold: float | None = None,
    xlabel: str = "predicted probability",
) -> Axes:
    """Draw a histogram of the scores of each class, as shares of the class.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    predictions, targets : array_like
        Scores and labels.
    bins : int
        Number of bins of equal width, from 0 to 1, or over the range of the scores if that is wider.
    threshold : float, optional
        Marked with a line.
    xlabel : str
        Name of the scores.

    Raises
    ------
    ValueError
        As :func:`confusion`.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    scores, positive = host_binary("histogram", predictions, targets)
    style_axes(ax)
    low = min(float(scores.min()), 0.0)
    high = max(float(scores.max()), 1.0)
    edges = np.linspace(low, high, bins + 1)
    names = []
    classes = {"positives": positive, "negatives": ~positive}
    for (name, members), line in zip(classes.items(), LINES, strict=False):
        colour, dash = line
        counts = np.histogram(scores[members], edges)[0] / max(int(members.sum()), 1)
        ax.stairs(counts, edges, color=colour, linestyle=dash, linewidth=1.6)
        ax.stairs(counts, edges, color=colour, alpha=0.18, fill=True, linewidth=0)
        names.append(f"{name}, {int(members.sum()):,}")
    if threshold is not None:
        ax.axvline(threshold, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    ax.set(xlim=(low, high), xlabel=xlabel, ylabel="share of the class")
    ax.set_ylim(bottom=0)
    name_lines(ax, names)
    return ax
