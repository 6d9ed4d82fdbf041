"""Figures: sequence logos, training curves, ROC and precision-recall curves.

Every function draws on a Matplotlib ``Axes`` that it is given and returns it, so the figures compose; none
touches pyplot or the global settings. Lines differ in colour and in dash, in colours that colour-blind
readers tell apart (Okabe and Ito), and are named beside the plot.

Matplotlib is imported when a figure is drawn; ``pip install genoml-xp[plot]`` brings it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.curves import precision_recall_curve, roc_curve
from genoml.explain.information import base_probabilities, information_content
from genoml.metrics import aupr, auroc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

__all__ = ["letters", "logo", "pr", "require_matplotlib", "roc", "training_curve"]

#: Colours of text, of what stands back, of grid lines and of bands behind the data.
INK, MUTED, GRID, BAND = "#1d2530", "#5b6675", "#dfe4ea", "#eef3f9"
#: Colours of the bases, as sequence logos have them.
BASE_COLOURS = {"A": "#2f8f46", "C": "#2a63c4", "G": "#e08a00", "T": "#cf3030"}
#: Colour and dash of the first, second, third and fourth line.
LINES = (("#0072b2", "-"), ("#d55e00", (0, (5, 2))), ("#009e73", (0, (1.5, 1.5))), ("#cc79a7", "-."))

# More points than this in a curve are not told apart on a page.
_MOST_POINTS = 600
_SMALL, _NORMAL = 8.5, 9.5


def require_matplotlib() -> None:
    """Raise ImportError, with the remedy, where Matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("figures need Matplotlib: pip install genoml-xp[plot]") from error


# ---------------------------------------------------------------- logos


def logo(ax: Axes, matrix: ArrayLike, *, n_sites: float | None = None, start: int = 0) -> Axes:
    """Draw a motif as a sequence logo: letters as high as their share of the position's information.

        height[i, b] = p[i, b] IC[i]  bits

    Parameters
    ----------
    ax : Axes
        Where to draw.
    matrix : array_like
        Counts or probabilities.
    n_sites : float, optional
        Number of sites, for the small-sample correction of :func:`genoml.explain.information_content`.
    start : int
        Coordinate of the first position.

    Shapes
    ------
    matrix : (width, 4), columns A C G T

    Raises
    ------
    ValueError
        If the matrix is not one of counts or probabilities.
    ImportError
        If Matplotlib is missing.

    References
    ----------
    Schneider and Stephens (1990), doi:10.1093/nar/18.20.6097.
    """
    heights = base_probabilities(matrix) * information_content(matrix, n_sites=n_sites)[:, None]
    letters(ax, heights, start=start)
    ax.set_ylim(0, 2)
    ax.set_yticks([0, 1, 2])
    ax.set_ylabel("bits")
    return ax


def letters(ax: Axes, heights: ArrayLike, *, start: int = 0) -> Axes:
    """Draw a letter for every base at every position, of the height given; below zero, upside down.

    For contributions, saliency and other scores of the bases of a sequence. The largest letter of a position
    stands farthest from zero.

    Shapes
    ------
    heights : (length, 4), columns A C G T

    Raises
    ------
    ValueError
        If ``heights`` is not (length, 4) or holds a value that is not finite.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    values = np.asarray(heights, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 4 or not np.isfinite(values).all():
        raise ValueError(f"letters expects finite heights (length, 4), columns A C G T, got {values.shape}")
    bottoms = _stack(values)
    for column, (base, colour) in enumerate(BASE_COLOURS.items()):
        glyph = _glyph(base)
        shown = np.flatnonzero(values[:, column])
        corner = np.stack([start + shown - 0.47, bottoms[shown, column]], axis=1)
        size = np.stack([np.full(len(shown), 0.94), values[shown, column]], axis=1)
        vertices = corner[:, None] + size[:, None] * np.asarray(glyph.vertices)
        path = Path(vertices.reshape(-1, 2), np.tile(np.asarray(glyph.codes), len(shown)))
        ax.add_patch(PathPatch(path, facecolor=colour, linewidth=0))
    _style(ax, grid=False)
    ax.set_xlim(start - 0.5, start + len(values) - 0.5)
    low, high = np.minimum(values, 0).sum(axis=1), np.maximum(values, 0).sum(axis=1)
    if len(values) and high.max() > low.min():
        ax.set_ylim(low.min(), high.max())
    if len(values) and low.min() < 0:
        ax.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
    ax.set_xlabel("position (bp)")
    _whole_numbers(ax)
    return ax


def _stack(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each letter begins, when the letters of a position are stacked outwards from the smallest."""
    order = np.argsort(np.abs(heights), axis=1)
    ordered = np.take_along_axis(heights, order, axis=1)
    bottoms = np.empty_like(heights)
    begin = np.where(
        ordered > 0,
        np.cumsum(np.maximum(ordered, 0), axis=1) - ordered,
        np.cumsum(np.minimum(ordered, 0), axis=1) - ordered,
    )
    np.put_along_axis(bottoms, order, begin, axis=1)
    return bottoms


@lru_cache(maxsize=4)
def _glyph(base: str) -> Path:
    """The outline of a letter, filling the unit square."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.textpath import TextPath

    outline = TextPath((0, 0), base, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    vertices = np.asarray(outline.vertices)
    box = outline.get_extents()
    return Path((vertices - [box.x0, box.y0]) / [box.width, box.height], outline.codes)


# ---------------------------------------------------------------- curves


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
        One an epoch, with ``epoch`` and the quantities; what an epoch lacks is left out.
    series : mapping, optional
        Key in the log -> name beside the line; by default ``loss`` as training and ``validation_loss`` as
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
    _style(ax)
    names = {"loss": "training", "validation_loss": "validation"} if series is None else dict(series)
    found: list[tuple[str, NDArray[np.float64]]] = []
    for key, name in names.items():
        points = [(row["epoch"], row[key]) for row in history if row.get(key) is not None]
        values = np.asarray(points, dtype=np.float64).reshape(-1, 2)
        found.append((name, values[np.isfinite(values).all(axis=1)]))
    found = [(name, values) for name, values in found if len(values)]
    for (_, values), (colour, dash) in zip(found, LINES, strict=False):
        marker = "o" if len(values) == 1 else ""
        ax.plot(*values.T, color=colour, linestyle=dash, linewidth=1.8, marker=marker)
    labels = [name for name, _ in found]
    if found and best is not None:
        x, y = _best(found[-1][1], best)
        ax.plot([x], [y], marker="o", markersize=6, color=LINES[len(found) - 1][0])
        labels[-1] += f", best {y:.3f} at epoch {x:.0f}"
    _key(ax, labels)
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    _whole_numbers(ax)
    return ax


def _best(values: NDArray[np.float64], best: str) -> tuple[float, float]:
    if best not in ("min", "max"):
        raise ValueError(f"training_curve expects best 'min' or 'max', got {best!r}")
    x, y = values[values[:, 1].argmin() if best == "min" else values[:, 1].argmax()].tolist()
    return x, y


def roc(ax: Axes, curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Axes:
    """Draw receiver operating characteristic curves, each named with its AUROC.

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

    _unit_square(ax, "false positive rate", "true positive rate")
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    ax.text(0.93, 0.88, "chance", color=MUTED, fontsize=_SMALL, ha="center", va="center", rotation=45)
    return _draw_curves(ax, curves, points, "AUROC", auroc)


def pr(ax: Axes, curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> Axes:
    """Draw precision-recall curves, each named with its AUPR, as the steps whose sum the AUPR is.

    The dotted line is the precision of a random ranking, the share of positives (of the first curve).

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

    _unit_square(ax, "recall", "precision")
    for _, targets in list(curves.values())[:1]:
        share = float(np.mean(np.asarray(targets)))
        ax.axhline(share, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
        ax.text(0.02, share, "chance", color=MUTED, fontsize=_SMALL, va="bottom")
    return _draw_curves(ax, curves, points, "AUPR", aupr)


def _draw_curves(
    ax: Axes,
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    points: Callable[[ArrayLike, ArrayLike], tuple[Any, Any]],
    area: str,
    metric: Callable[[Any, Any], Any],
) -> Axes:
    names = []
    for (name, (predictions, targets)), (colour, dash) in zip(curves.items(), LINES, strict=False):
        x, y = _thinned(*points(predictions, targets))
        ax.plot(x, y, color=colour, linestyle=dash, linewidth=1.8, clip_on=False)
        value = float(metric(np.asarray(predictions), np.asarray(targets)))
        names.append(f"{name}, {area} " + ("undefined" if math.isnan(value) else f"{value:.3f}"))
    _key(ax, names)
    return ax


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[Any, Any]:
    """At most 600 points, spread evenly over the length of the curve, both ends among them."""
    if len(x) <= _MOST_POINTS or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return x, y
    length = np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0])))
    chosen = np.searchsorted(length, np.linspace(0, length[-1], _MOST_POINTS))
    chosen = np.unique(np.clip(np.append(chosen, len(x) - 1), 0, len(x) - 1))
    return x[chosen], y[chosen]


# ---------------------------------------------------------------- style


def _unit_square(ax: Axes, xlabel: str, ylabel: str) -> None:
    require_matplotlib()
    _style(ax)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel=xlabel, ylabel=ylabel, box_aspect=1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])


def _style(ax: Axes, *, grid: bool = True) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.spines[["left", "bottom"]].set_linewidth(0.8)
    ax.tick_params(colors=MUTED, labelcolor=MUTED, labelsize=_SMALL, width=0.8, length=3)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(color=INK, fontsize=_NORMAL)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(color=GRID, linewidth=0.8)


def _whole_numbers(ax: Axes) -> None:
    """Ticks of the x axis at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))


def _key(ax: Axes, names: Sequence[str]) -> None:
    """The names of the lines above the axes, where no curve can run through them."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import Affine2D, ScaledTranslation

    # In points, from the upper left corner of the axes.
    corner: Any = ScaledTranslation(0, 1, cast("Any", ax.transAxes))
    place = Affine2D().scale(1 / 72) + ax.figure.dpi_scale_trans + corner
    shown = list(zip(names, LINES, strict=False))
    for i, (name, (colour, dash)) in enumerate(shown):
        y = 10 + 14 * (len(shown) - 1 - i)
        ax.add_artist(
            Line2D([0, 22], [y, y], color=colour, linestyle=dash, lw=1.8, transform=place, clip_on=False)
        )
        ax.text(
            28, y, name, transform=place, color=INK, fontsize=_NORMAL, va="center_baseline", parse_math=False
        )
