"""Sequence logos: of motifs in bits, and of scores of the bases of a sequence."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.plot.style import BASE_COLOURS, MUTED, require_matplotlib, style_axes, whole_numbers
from genoml.sequence.motifs.bank import base_probabilities, information_content

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path


def logo(
    ax: Axes, matrix: ArrayLike, *, n_sites: float | None = None, start: int = 0, alphabet: str = "DNA"
) -> Axes:
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
    alphabet : {"DNA", "RNA"}
        Whether the last base is T or U.

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
    letters(ax, heights, start=start, alphabet=alphabet)
    ax.set_ylim(0, 2)
    ax.set_yticks([0, 1, 2])
    ax.set_ylabel("bits")
    return ax


def letters(ax: Axes, heights: ArrayLike, *, start: int = 0, alphabet: str = "DNA") -> Axes:
    """Draw a letter for every base at every position, with the given height; upside down below zero.

    For contributions, saliency and other scores of the bases of a sequence. The largest letter of a position is
    farthest from zero. With the alphabet RNA T is drawn as U.

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
        glyph = _glyph("U" if base == "T" and alphabet == "RNA" else base)
        shown = np.flatnonzero(values[:, column])
        corner = np.stack([start + shown - 0.47, bottoms[shown, column]], axis=1)
        size = np.stack([np.full(len(shown), 0.94), values[shown, column]], axis=1)
        vertices = corner[:, None] + size[:, None] * np.asarray(glyph.vertices)
        path = Path(vertices.reshape(-1, 2), np.tile(np.asarray(glyph.codes), len(shown)))
        ax.add_patch(PathPatch(path, facecolor=colour, linewidth=0))
    style_axes(ax, grid=False)
    ax.set_xlim(start - 0.5, start + len(values) - 0.5)
    low = np.minimum(values, 0).sum(axis=1)
    high = np.maximum(values, 0).sum(axis=1)
    if len(values) and high.max() > low.min():
        ax.set_ylim(low.min(), high.max())
    if len(values) and low.min() < 0:
        ax.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
    ax.set_xlabel("position (bp)")
    whole_numbers(ax.xaxis)
    return ax


def _stack(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bottom of each letter when the letters of a position are stacked outwards from the smallest."""
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


@lru_cache(maxsize=5)
def _glyph(base: str) -> Path:
    """The outline of a letter, scaled to the unit square."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.path import Path
    from matplotlib.textpath import TextPath

    outline = TextPath((0, 0), base, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    vertices = np.asarray(outline.vertices)
    box = outline.get_extents()
    return Path((vertices - [box.x0, box.y0]) / [box.width, box.height], outline.codes)


def contributions(
    ax: Axes,
    heights: ArrayLike,
    sequence: str,
    *,
    start: int = 0,
    ylabel: str = "contribution",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw the letters of a sequence, each as high as its score, such as saliency or the mean mutation effect.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    heights : array_like
        A score for each position; below zero the letter hangs down, upside down.
    sequence : str
        Its letters; those other than bases are left out.
    start : int
        Coordinate of the first position.
    ylabel : str
        Name of the scores, with their unit.
    limits : (float, float), optional
        Limits of the axis, to compare sequences.

    Shapes
    ------
    heights : (length,)

    Raises
    ------
    ValueError
        If the lengths differ, or a height is not finite.
    ImportError
        If Matplotlib is missing.
    """
    values = np.asarray(heights, dtype=np.float64)
    if values.shape != (len(sequence),):
        raise ValueError(f"contributions expects heights ({len(sequence)},), got {values.shape}")
    bases = np.array([list(BASE_COLOURS)])
    chosen = np.array(list(sequence.upper().replace("U", "T")))[:, None] == bases
    alphabet = "RNA" if "U" in sequence.upper() else "DNA"
    letters(ax, np.where(chosen, values[:, None], 0.0), start=start, alphabet=alphabet)
    if limits is not None:
        ax.set_ylim(*limits)
    ax.set_ylabel(ylabel)
    return ax
