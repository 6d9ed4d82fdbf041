"""Figures of motifs' sites: where they lie in their sequences, and which motifs share sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from genoml.plot.style import INK, LINES, NORMAL, require_matplotlib, style_axes, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: logarithm of a ratio that has the strongest colour: eight times as many
_STRONGEST = 3.0


def positions(ax: Axes, centres: ArrayLike, length: int, *, bins: int = 40) -> Axes:
    """Draw how many sites lie where, from the middle of their sequences.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    centres : (n,) array_like
        Middles of sites, in bp from the start of their sequences.
    length : int
        Of a sequence, in bp.
    bins : int
        Number of bins of equal width, at most; a bin has a whole number of bp.

    Raises
    ------
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    style_axes(ax)
    width = -(-length // bins)
    count = -(-length // width)
    edges = (np.arange(count + 1) - count / 2) * width
    colour = LINES[0][0]
    counts = np.histogram(np.asarray(centres, np.float64) - length / 2, edges)[0]
    ax.stairs(counts, edges, color=colour, linewidth=1.2)
    ax.stairs(counts, edges, color=colour, alpha=0.18, fill=True, linewidth=0)
    ax.set(xlim=(edges[0], edges[-1]), xlabel="bp from the middle", ylabel="sites")
    ax.set_ylim(bottom=0)
    whole_numbers(ax.yaxis)
    return ax


def co_occurrence(ax: Axes, together: ArrayLike, total: int, names: Sequence[str]) -> Axes:
    """Draw how many sequences have sites of both of two motifs, and how many times as many as by chance.

    Blue are more than the product of both shares gives, orange fewer; on the diagonal stand those with the motif.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    together : (motifs, motifs) array_like
        Numbers of sequences.
    total : int
        Of all sequences.
    names : sequence of str
        Of the motifs.

    Raises
    ------
    ValueError
        If the table is not square, or names are missing.
    ImportError
        If Matplotlib is missing.
    """
    require_matplotlib()
    from matplotlib.patches import Rectangle

    table, size = np.asarray(together, np.float64), len(names)
    if table.shape != (size, size):
        raise ValueError(f"co_occurrence expects numbers ({size}, {size}), got {table.shape}")
    style_axes(ax, grid=False)
    own = np.diagonal(table)
    ratio = table * total / np.maximum(own[:, None] * own, 1.0)
    font = NORMAL if size <= 6 else max(4.0, 60.0 / size)
    for row, column in np.ndindex(size, size):
        change = 0.0 if row == column else float(np.log2(max(ratio[row, column], 2.0**-_STRONGEST)))
        alpha = 0.04 + 0.5 * min(abs(change) / _STRONGEST, 1.0)
        colour = LINES[0][0] if change >= 0 else LINES[1][0]
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, linewidth=0, alpha=alpha))
        words = f"{int(table[row, column]):,}"
        if row != column:
            words += f"\n{ratio[row, column]:.2g}x"
        ax.text(column + 0.5, row + 0.5, words, ha="center", va="center", fontsize=font, color=INK)
    ax.set(xlim=(0, size), ylim=(size, 0), box_aspect=1)
    places = np.arange(size) + 0.5
    ax.set_xticks(places, names, rotation=90, parse_math=False)
    ax.set_yticks(places, names, parse_math=False)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax
