"""Shared style of the figures: colours, axes, and names of lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

#: Colour of text.
INK = "#1d2530"
#: Colour of ticks and reference lines.
MUTED = "#5b6675"
#: Colour of grid lines.
GRID = "#dfe4ea"
#: Colour of bands behind the data.
BAND = "#eef3f9"
#: Colours of the bases in sequence logos.
BASE_COLOURS = {"A": "#2f8f46", "C": "#2a63c4", "G": "#e08a00", "T": "#cf3030"}
#: Colour and dash of the first, second, third and fourth line.
LINES = (("#0072b2", "-"), ("#d55e00", (0, (5, 2))), ("#009e73", (0, (1.5, 1.5))), ("#cc79a7", "-."))

#: Sizes of text, in points.
SMALL, NORMAL = 8.5, 9.5


def require_matplotlib() -> None:
    """Raise ImportError with the remedy if Matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("figures need Matplotlib: pip install genoml-xp[plot]") from error


def unit_square(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Make the axes square, from 0 to 1."""
    require_matplotlib()
    style_axes(ax)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel=xlabel, ylabel=ylabel, box_aspect=1)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])


def style_axes(ax: Axes, *, grid: bool = True) -> None:
    """Apply the common style of axes: two thin spines, muted ticks, a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.spines[["left", "bottom"]].set_linewidth(0.8)
    ax.tick_params(colors=MUTED, labelcolor=MUTED, labelsize=SMALL, width=0.8, length=3)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(color=INK, fontsize=NORMAL)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(color=GRID, linewidth=0.8)


def whole_numbers(axis: Axis) -> None:
    """Put the ticks of an axis at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))


def name_lines(ax: Axes, names: Sequence[str]) -> None:
    """Write the names of the lines above the axes, where no curve crosses them."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import Affine2D, ScaledTranslation

    # In points, from the upper left corner of the axes.
    corner: Any = ScaledTranslation(0, 1, cast("Any", ax.transAxes))
    place = Affine2D().scale(1 / 72) + ax.figure.dpi_scale_trans + corner
    shown = list(zip(names, LINES, strict=False))
    for i, (name, line) in enumerate(shown):
        colour, dash = line
        y = 10 + 14 * (len(shown) - 1 - i)
        ax.add_artist(
            Line2D([0, 22], [y, y], color=colour, linestyle=dash, lw=1.8, transform=place, clip_on=False)
        )
        ax.text(
            28, y, name, transform=place, color=INK, fontsize=NORMAL, va="center_baseline", parse_math=False
        )
