"""Figures of attention maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike

from genoml.plot.style import BASE_COLOURS, LINES, MUTED, SMALL, require_matplotlib, style_axes, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Least width of a base, in points, for letters; narrower bases are drawn as strips of colour.
_LEAST_LETTER = 4.0


def attention_map(
    ax: Axes,
    weights: ArrayLike,
    sequence: str | None = None,
    *,
    highest: float | None = None,
    start: int = 0,
) -> Axes:
    """Draw the attention of one head as an image; row i shows the positions that position i reads.

    The sequence is drawn along both axes: as letters, or, if they would be too small, as a strip of the bases' colours
    with coordinates. A weight of 0 is transparent, so that the image suits light and dark backgrounds.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    weights : array_like
        Of one head and sequence, see :func:`genoml.explain.attention_maps`.
    sequence : str, optional
        Its letters. After pooling there are fewer positions than letters; the positions are then spread evenly over the
        letters.
    highest : float, optional
        The weight that gets the full colour; the largest one if None. Give the same to compare heads.
    start : int
        Coordinate of the first base.

    Shapes
    ------
    weights : (positions, positions), 0 or more

    Raises
    ------
    ValueError
        If ``weights`` is not square, or holds a value below 0 or not finite, or there are fewer letters than
        positions.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    values, length = _checked(weights, sequence)
    blue = to_rgb(LINES[0][0])
    low, high = start - 0.5, start + length - 0.5
    ax.imshow(
        values,
        cmap=LinearSegmentedColormap.from_list("attention", [(*blue, 0.0), (*blue, 1.0)]),
        vmin=0.0,
        vmax=float(values.max()) if highest is None else highest,
        interpolation="nearest",
        extent=(low, high, high, low),
        aspect="equal",
    )
    style_axes(ax, grid=False)
    ax.spines[["top", "right"]].set_visible(True)
    for spine in ax.spines.values():
        spine.set(color=MUTED, linewidth=0.6)
    letter = _side(ax) / length
    if sequence is not None and letter >= _LEAST_LETTER:
        _letters(ax, sequence, start, min(SMALL, 1.15 * letter))
        ax.set(xlabel="base read", ylabel="reading base")
        return ax
    whole_numbers(ax.xaxis)
    whole_numbers(ax.yaxis)
    ax.set(xlabel="position read (bp)", ylabel="reading position (bp)")
    if sequence is not None:
        _strips(ax, sequence, start)
    return ax


def _checked(weights: ArrayLike, sequence: str | None) -> tuple[np.ndarray, int]:
    """The weights as an array, and the number of letters on each side."""
    values = np.asarray(weights, dtype=np.float64)
    count = len(values) if values.ndim else 0
    if values.shape != (count, count) or not count:
        raise ValueError(f"attention_map expects weights (positions, positions), got {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("attention_map expects finite weights of 0 or more")
    length = count if sequence is None else len(sequence)
    if length < count:
        raise ValueError(f"attention_map expects at least {count} letters, got {length}")
    return values, length


def _side(ax: Axes) -> float:
    """Length of the axes' smaller side, in points."""
    box = ax.get_position()
    width, height = cast("Figure", ax.get_figure(root=True)).get_size_inches()
    return 72.0 * float(min(box.width * width, box.height * height))


def _colours(sequence: str) -> list[str]:
    return [BASE_COLOURS.get(base, MUTED) for base in sequence.upper().replace("U", "T")]


def _letters(ax: Axes, sequence: str, start: int, size: float) -> None:
    """Draw a letter for every base on both axes, in the colours of the logos."""
    places = list(range(start, start + len(sequence)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(places, list(sequence))
    ax.tick_params(length=0, pad=1.5, labelsize=size)
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        for label, colour in zip(labels, _colours(sequence), strict=True):
            label.set(color=colour, fontfamily="DejaVu Sans Mono", fontweight="bold")


def _strips(ax: Axes, sequence: str, start: int) -> None:
    """Draw the bases' colours along the upper and the right side, which have no ticks."""
    edges = np.arange(start, start + len(sequence) + 1) - 0.5
    colours = np.array(_colours(sequence))
    for colour in sorted(set(colours)):
        spans = [(edges[i], 1.0) for i in np.flatnonzero(colours == colour)]
        above, beside = ax.get_xaxis_transform(), ax.get_yaxis_transform()
        ax.broken_barh(spans, (1.012, 0.022), color=colour, transform=above, clip_on=False, linewidth=0)
        for low, _ in spans:
            ax.fill_betweenx(
                [low, low + 1], 1.012, 1.034, color=colour, transform=beside, clip_on=False, linewidth=0
            )
