"""Figures of experiments: ranked effects, curves and maps along distances, and their periods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.plot.style import (
    INK,
    LINES,
    MUTED,
    NORMAL,
    SMALL,
    name_lines,
    require_matplotlib,
    style_axes,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def ranked_effects(
    ax: Axes, names: Sequence[str], effects: ArrayLike, errors: ArrayLike, *, xlabel: str = "effect"
) -> Axes:
    """Draw effects one below the other, with bars of 95 % intervals, 1.96 standard errors.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    names : sequence of str
        Of the effects, from the top.
    effects, errors : (n,) array_like
        Effects, and their standard errors; no bar for NaN.
    xlabel : str
        Of the axis of the effects.

    Raises
    ------
    ValueError
        If they differ in number, or there are none.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    values, bars = _checked("ranked_effects", (len(names),), effects, errors)
    style_axes(ax)
    rows = np.arange(len(names))
    for sign, (colour, _) in zip((1, -1), LINES, strict=False):
        chosen = values >= 0 if sign > 0 else values < 0
        width = np.where(np.isnan(bars), 0.0, 1.96 * bars)[chosen]
        ax.errorbar(values[chosen], rows[chosen], xerr=width, color=colour, linestyle="", marker="o", markersize=4.5,
                    elinewidth=1.2)  # fmt: skip
    ax.axvline(0.0, color=MUTED, linewidth=0.9)
    ax.set(ylim=(len(names) - 0.4, -0.6), xlabel=xlabel)
    ax.set_yticks(rows, list(names), color=INK, fontsize=SMALL)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.08)
    return ax


def distance_curves(
    ax: Axes,
    distances: ArrayLike,
    curves: ArrayLike,
    errors: ArrayLike,
    names: Sequence[str],
    *,
    ylabel: str = "cooperativity",
) -> Axes:
    """Draw curves along distances, each with a band of 95 %, 1.96 standard errors.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    distances : (d,) array_like
        In bp.
    curves, errors : (n, d) array_like
        Values, and their standard errors; no band for NaN.
    names : sequence of str
        Of the curves, at most four.
    ylabel : str
        Of the axis of the values.

    Raises
    ------
    ValueError
        If shapes do not fit.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    x = np.asarray(distances, np.float64)
    values, bars = _checked("distance_curves", (len(names), len(x)), curves, errors)
    style_axes(ax)
    ax.axhline(0.0, color=MUTED, linewidth=0.9)
    for row, error, (colour, dash) in zip(values, bars, LINES, strict=False):
        band = 1.96 * error
        if not np.isnan(band).all():
            ax.fill_between(x, row - band, row + band, color=colour, alpha=0.18, linewidth=0)
        ax.plot(x, row, color=colour, linestyle=dash, linewidth=1.4, marker="o" if len(x) == 1 else "")
    name_lines(ax, names)
    whole_numbers(ax.xaxis)
    ax.set(xlabel="distance between the motifs (bp)", ylabel=ylabel)
    ax.margins(x=0.01)
    return ax


def distance_map(
    ax: Axes, distances: ArrayLike, curves: ArrayLike, names: Sequence[str], *, label: str = "cooperativity"
) -> Axes:
    """Draw curves along distances as rows of colours: orange above 0, blue below, nothing at 0.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    distances : (d,) array_like
        In bp, in any order; a column each.
    curves : (n, d) array_like
        Values.
    names : sequence of str
        Of the rows.
    label : str
        Of the colours.

    Raises
    ------
    ValueError
        If shapes do not fit.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    x = np.asarray(distances, np.float64)
    (values,) = _checked("distance_map", (len(names), len(x)), curves)
    order = np.argsort(x)
    x, values = x[order], values[:, order]
    blue, orange = to_rgb(LINES[0][0]), to_rgb(LINES[1][0])
    colours = LinearSegmentedColormap.from_list(
        "effects", [(*blue, 1.0), (*blue, 0.0), (*orange, 0.0), (*orange, 1.0)]
    )
    largest = float(np.abs(values).max()) or 1.0
    middles = 0.5 * (x[1:] + x[:-1])
    edges = np.concatenate([[x[0] - 0.5], middles, [x[-1] + 0.5]])
    drawn = ax.pcolormesh(
        edges,
        np.arange(len(names) + 1) - 0.5,
        values,
        cmap=colours,
        vmin=-largest,
        vmax=largest,
        rasterized=True,
    )
    style_axes(ax, grid=False)
    ax.set(xlabel="distance between the motifs (bp)", ylim=(len(names) - 0.5, -0.5))
    ax.set_yticks(range(len(names)), list(names), color=INK, fontsize=NORMAL)
    whole_numbers(ax.xaxis)
    figure = ax.figure
    bar = figure.colorbar(drawn, ax=ax, pad=0.015, fraction=0.05)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=MUTED, labelcolor=MUTED, labelsize=SMALL, width=0.8, length=3)
    bar.set_label(label, color=INK, fontsize=NORMAL)
    return ax


def period_curves(
    ax: Axes,
    periods: ArrayLike,
    amplitudes: ArrayLike,
    names: Sequence[str],
    *,
    marked: float | None = None,
    ylabel: str = "amplitude",
) -> Axes:
    """Draw amplitudes at periods, with one period marked.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    periods : (p,) array_like
        In bp.
    amplitudes : (n, p) array_like
        Such as ``genoml.explain.amplitudes`` gives.
    names : sequence of str
        Of the curves, at most four.
    marked : float, optional
        The period of a line across.
    ylabel : str
        Of the axis of the amplitudes.

    Raises
    ------
    ValueError
        If shapes do not fit.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    x = np.asarray(periods, np.float64)
    (values,) = _checked("period_curves", (len(names), len(x)), amplitudes)
    style_axes(ax)
    if marked is not None:
        ax.axvline(marked, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
        ax.annotate(
            f"{marked:g} bp, a turn of DNA", (marked, 1.0), xytext=(4, -9), xycoords=("data", "axes fraction"),
            textcoords="offset points", color=MUTED, fontsize=SMALL,
        )  # fmt: skip
    for row, (colour, dash) in zip(values, LINES, strict=False):
        ax.plot(x, row, color=colour, linestyle=dash, linewidth=1.4)
    name_lines(ax, names)
    ax.set(xlabel="period (bp)", ylabel=ylabel, ylim=(0, None))
    ax.margins(x=0.01)
    return ax


def _checked(what: str, shape: tuple[int, ...], *arrays: ArrayLike) -> list[NDArray[np.float64]]:
    """Arrays, which must have the shape."""
    found = [np.asarray(values, np.float64) for values in arrays]
    if any(values.shape != shape for values in found) or 0 in shape:
        raise ValueError(f"{what} expects arrays {shape}, got {', '.join(str(each.shape) for each in found)}")
    return found
