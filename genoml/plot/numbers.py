"""Figures of predicted numbers: against the true ones with density and marginals, and the calibration of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from genoml.plot.style import INK, LINES, MUTED, SMALL, require_matplotlib, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

#: examples from which on cells are drawn, not points
_MANY = 400
#: cells along an axis
_CELLS = 36


def scatter(ax: Axes, predictions: ArrayLike, targets: ArrayLike, *, unit: str = "") -> Axes:
    """Draw predicted numbers against true ones, with their marginal distributions above and beside.

    Up to 400 examples are points. More are cells, whose colour grows with the logarithm of the number of examples. On
    the dotted diagonal predictions are true. Predictions that hardly differ stay so: their axis spans at least a third
    of that of the true numbers.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    predictions, targets : (n,) array_like
        Numbers; examples with one that is not finite are left out.
    unit : str
        Added to the titles of the axes.

    Raises
    ------
    ValueError
        If they differ in shape, or no example is finite.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    x, y = (np.asarray(values, np.float64).reshape(-1) for values in (targets, predictions))
    if x.shape != y.shape:
        raise ValueError(f"scatter expects predictions and targets alike, got {y.shape} and {x.shape}")
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x):
        raise ValueError("scatter expects an example with a finite number, got none")
    style_axes(ax)
    limits = _limits(x), _limits(y)
    missing = (limits[0][1] - limits[0][0]) / 3.0 - (limits[1][1] - limits[1][0])
    if missing > 0.0:
        limits = limits[0], (limits[1][0] - 0.5 * missing, limits[1][1] + 0.5 * missing)
    if len(x) < _MANY:
        ax.scatter(x, y, s=12, color=LINES[0][0], alpha=0.45, linewidth=0)
    else:
        _cells(ax, x, y, limits)
    low, high = max(limits[0][0], limits[1][0]), min(limits[0][1], limits[1][1])
    if low < high:
        ax.plot([low, high], [low, high], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    ax.set(xlim=limits[0], ylim=limits[1], box_aspect=1)
    ax.set(xlabel=f"true{unit}", ylabel=f"predicted{unit}")
    _marginals(ax, x, y, limits)
    return ax


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or max(abs(high), 1.0) * 0.04
    return low - margin, high + margin


def _cells(ax: Axes, x: np.ndarray, y: np.ndarray, limits: tuple[Any, Any]) -> None:
    """Cells of a grid, each as strong as the logarithm of the number of examples in it."""
    from matplotlib.patches import Rectangle

    counts, columns, rows = np.histogram2d(x, y, _CELLS, limits)
    strongest = np.log1p(counts.max())
    width, height = columns[1] - columns[0], rows[1] - rows[0]
    for column, row in np.argwhere(counts > 0).tolist():
        strength = 0.12 + 0.83 * float(np.log1p(counts[column, row]) / strongest)
        place = float(columns[column]), float(rows[row])
        ax.add_patch(
            Rectangle(place, width, height, facecolor=LINES[0][0], linewidth=0, alpha=round(strength, 3))
        )


def _marginals(ax: Axes, x: np.ndarray, y: np.ndarray, limits: tuple[Any, Any]) -> None:
    """Histograms of both numbers, above and at the right of the axes."""
    above = ax.inset_axes((0.0, 1.02, 1.0, 0.13))
    beside = ax.inset_axes((1.02, 0.0, 0.13, 1.0))
    style: dict[str, Any] = {"fill": True, "color": LINES[0][0], "alpha": 0.35, "linewidth": 0}
    above.stairs(*np.histogram(x, _CELLS, limits[0]), **style)
    beside.stairs(*np.histogram(y, _CELLS, limits[1]), orientation="horizontal", **style)
    for panel in (above, beside):
        panel.set_axis_off()
    above.set(xlim=limits[0], ylim=(0, None))
    beside.set(ylim=limits[1], xlim=(0, None))


def count_calibration(ax: Axes, means: ArrayLike, counts: ArrayLike, *, bins: int = 10) -> Axes:
    """Draw mean counts against predicted means, in groups of equal size by the predicted mean, on logarithmic axes.

    On the diagonal the means are calibrated. Bars are 95 % intervals of the mean, 1.96 standard errors.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    means, counts : (n,) array_like
        Predicted means above 0, and the counts.
    bins : int
        The most groups.

    Raises
    ------
    ValueError
        If they differ in shape, or there are none.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    predicted, observed = (np.asarray(values, np.float64).reshape(-1) for values in (means, counts))
    if predicted.shape != observed.shape or not len(predicted):
        raise ValueError(
            f"count_calibration expects means and counts alike, got {predicted.shape} and {observed.shape}"
        )
    style_axes(ax)
    parts = np.array_split(np.argsort(predicted, kind="stable"), min(bins, len(predicted)))
    x = np.array([predicted[part].mean() for part in parts])
    y = np.array([observed[part].mean() for part in parts])
    error = np.array([1.96 * observed[part].std() / np.sqrt(len(part)) for part in parts])
    least = 0.5 * min(x[x > 0].min(initial=1.0), y[y > 0].min(initial=1.0))
    colour, dash = LINES[0]
    ends = [max(least, min(x.min(), y.min()) * 0.8), max(x.max(), y.max()) * 1.25]
    ax.plot(ends, ends, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    spread = np.stack([np.minimum(error, np.maximum(y - least, 0.0)), error])
    ax.errorbar(x, np.maximum(y, least), yerr=spread, color=colour, linestyle="", elinewidth=1.1)
    ax.plot(x, np.maximum(y, least), color=colour, linestyle=dash, linewidth=1.2, marker="o", markersize=4.5)
    ax.set(xscale="log", yscale="log", xlim=ends, xlabel="predicted mean", ylabel="mean count", box_aspect=1)
    for axis in (ax.xaxis, ax.yaxis):
        _logarithmic_ticks(axis, few=ends[1] > 50 * ends[0])
    ax.text(0.97, 0.03, f"{len(parts)} groups of {len(parts[0]):,}", transform=ax.transAxes, ha="right",
            color=INK, fontsize=SMALL)  # fmt: skip
    return ax


def _logarithmic_ticks(axis: Axis, *, few: bool) -> None:
    """Put ticks at 1, 2 and 5 of each power of ten, or at the powers alone, named as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0,) if few else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
