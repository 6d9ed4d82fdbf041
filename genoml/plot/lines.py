"""Line plots: the course of a training, ROC and precision-recall curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.evaluation.curves import precision_recall_curve, roc_curve
from genoml.metrics import aupr, auroc
from genoml.plot.style import (
    LINES,
    MUTED,
    SMALL,
    name_lines,
    require_matplotlib,
    style_axes,
    unit_square,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The most points of a curve: more cannot be distinguished on a page.
_MOST_POINTS = 600


def training_curve(
    ax: Axes,
    history: Sequence[Mapping[str, Any]],
    *,
    series: Mapping[str, str] | None = None,
    ylabel: str = "loss",
    best: str | None = None,
) -> Axes:
    """Draw quantities of a training log against the epoch.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    history : sequence of mappings
        One per epoch, with ``epoch`` and the quantities; missing quantities are left out.
    series : mapping, optional
        Key in the log -> name of the line; by default ``loss`` as training and ``validation_loss`` as
        validation.
    ylabel : str
        Title of the axis, with its unit where there is one.
    best : {"min", "max"}, optional
        Mark the smallest or largest value of the last series, the epoch that would be kept.

    Raises
    ------
    ValueError
        If ``best`` is neither of these.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    style_axes(ax)
    names = {"loss": "training", "validation_loss": "validation"} if series is None else dict(series)
    lines: list[tuple[str, NDArray[np.float64]]] = []
    for key, name in names.items():
        points = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
        values = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        values = values[np.isfinite(values).all(axis=1)]
        if len(values):
            lines.append((name, values))
    for (_, values), line in zip(lines, LINES, strict=False):
        colour, dash = line
        marker = "o" if len(values) == 1 else ""
        ax.plot(*values.T, color=colour, linestyle=dash, linewidth=1.8, marker=marker)
    labels = [name for name, _ in lines]
    if lines and best is not None:
        x, y = _best(lines[-1][1], best)
        ax.plot([x], [y], marker="o", markersize=6, color=LINES[len(lines) - 1][0])
        labels[-1] += f", best {y:.3f} at epoch {x:.0f}"
    name_lines(ax, labels)
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    whole_numbers(ax.xaxis)
    return ax


def _best(values: NDArray[np.float64], best: str) -> tuple[float, float]:
    if best not in ("min", "max"):
        raise ValueError(f"training_curve expects best 'min' or 'max', got {best!r}")
    x, y = values[values[:, 1].argmin() if best == "min" else values[:, 1].argmax()].tolist()
    return x, y


def roc(ax: Axes, curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Axes:
    """Draw receiver operating characteristic curves, with their AUROC.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    curves : mapping
        Name -> (predictions, targets), as host arrays.

    Raises
    ------
    ValueError
        If predictions and targets are not (N,) or (N, 1) alike, or hold NaN or targets other than 0 and 1.
    ImportError
        If Matplotlib is missing.
    """

    def points(predictions: ArrayLike, targets: ArrayLike) -> tuple[Any, Any]:
        return roc_curve(predictions, targets)[:2]

    unit_square(ax, "false positive rate", "true positive rate")
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    ax.text(0.93, 0.88, "chance", color=MUTED, fontsize=SMALL, ha="center", va="center", rotation=45)
    return _draw_curves(ax, curves, points, "AUROC", auroc)


def pr(ax: Axes, curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Axes:
    """Draw precision-recall curves, with their AUPR, as the steps whose area is the AUPR.

    The dotted line is the precision of a random ranking, the share of positives; in its colour for each curve, where
    they differ.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    curves : mapping
        Name -> (predictions, targets), as host arrays.

    Raises
    ------
    ValueError
        If predictions and targets are not (N,) or (N, 1) alike, or hold NaN or targets other than 0 and 1.
    ImportError
        If Matplotlib is missing.
    """

    def points(predictions: ArrayLike, targets: ArrayLike) -> tuple[Any, Any]:
        precision, recall, _ = precision_recall_curve(predictions, targets)
        # A precision holds from its own recall down to the next: a corner for each step.
        return np.repeat(recall, 2)[1:], np.repeat(precision, 2)[:-1]

    unit_square(ax, "recall", "precision")
    shares = [float(np.mean(np.asarray(targets))) for _, targets in curves.values()]
    alike = not shares or max(shares) - min(shares) < 0.005
    for share, (colour, _) in zip(shares[:1] if alike else shares, LINES, strict=False):
        ax.axhline(share, color=MUTED if alike else colour, linewidth=0.9, linestyle=(0, (1, 2)))
    if shares:
        ax.text(0.02, max(shares), "chance", color=MUTED, fontsize=SMALL, va="bottom")
    return _draw_curves(ax, curves, points, "AUPR", aupr)


def profile(ax: Axes, predicted: ArrayLike, observed: ArrayLike) -> Axes:
    """Draw a predicted profile over the observed one.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    predicted, observed : (length,) arrays
        Reads at each position, which is counted from the middle.

    Raises
    ------
    ValueError
        If they differ in length, or have more than one axis.
    ImportError
        Without Matplotlib.
    """
    require_matplotlib()
    lines = [np.asarray(values, np.float64) for values in (observed, predicted)]
    if lines[0].ndim != 1 or lines[0].shape != lines[1].shape:
        raise ValueError(f"profile expects two profiles (length,), got {lines[1].shape} and {lines[0].shape}")
    positions = np.arange(len(lines[0])) - len(lines[0]) // 2
    ax.fill_between(positions, lines[0], step="mid", color=MUTED, alpha=0.4, linewidth=0, label="observed")
    ax.plot(positions, lines[1], color=LINES[0][0], linewidth=1.6, label="predicted")
    ax.set_xlabel("position from the middle, bp")
    ax.set_ylabel("reads")
    ax.set_ylim(bottom=0.0)
    ax.legend(loc="upper left", fontsize=SMALL, frameon=False)
    style_axes(ax)
    return ax


def _draw_curves(
    ax: Axes,
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    points: Callable[[ArrayLike, ArrayLike], tuple[Any, Any]],
    area: str,
    metric: Callable[[Any, Any], Any],
) -> Axes:
    names = []
    for (name, (predictions, targets)), line in zip(curves.items(), LINES, strict=False):
        colour, dash = line
        x, y = _thinned(*points(predictions, targets))
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=1.8, clip_on=False)
        value = float(metric(np.asarray(predictions), np.asarray(targets)))
        names.append(f"{name}, {area} " + ("undefined" if math.isnan(value) else f"{value:.3f}"))
    name_lines(ax, names)
    return ax


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[Any, Any]:
    """At most 600 points, spread evenly over the length of the curve, including both ends."""
    if len(x) <= _MOST_POINTS or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return x, y
    length = np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0])))
    chosen = np.searchsorted(length, np.linspace(0, length[-1], _MOST_POINTS))
    chosen = np.unique(np.clip(np.append(chosen, len(x) - 1), 0, len(x) - 1))
    return x[chosen], y[chosen]
