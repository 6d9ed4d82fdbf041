"""Figures of experiments: effects one below the other, motifs, contributions around sites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from genoml import plot
from genoml.explain import saliency
from genoml.explain.experiments.motifs import DrawnMotif
from genoml.explain.tasks import Task
from genoml.report.figures import svg_address
from genoml.runs import Run
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import decode

#: bases of a logo on each side of a site
_FLANK_BP = 25


def wide_figure(alt: str, draw: Callable[[Any], Any], height: float) -> dict[str, str]:
    """Figure over the whole width of the page."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, height), layout="constrained")
    draw(figure.subplots())
    return {"alt": alt, "image": svg_address(figure)}


def effects_figure(
    names: Sequence[str], means: np.ndarray, errors: np.ndarray, xlabel: str
) -> dict[str, str]:
    """Effects one below the other, with their intervals."""
    alt = f"Effects of {len(names)}, from {names[0]} ({means[0]:+.3g}) to {names[-1]} ({means[-1]:+.3g})."
    return wide_figure(
        alt, lambda ax: plot.ranked_effects(ax, names, means, errors, xlabel=xlabel), 0.8 + 0.22 * len(names)
    )


def motif_card(motif: DrawnMotif, note: str) -> dict[str, str]:
    """Logo of a motif, with a note."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, 1.3), layout="constrained")
    ax = plot.logo(figure.subplots(), motif.probabilities)
    ax.set(xticks=[], xlabel="")
    return {"name": motif.label, "note": note, "alt": f"Logo of {motif.label}.", "image": svg_address(figure)}


def site_logo(run: Run, codes: np.ndarray, start: int, end: int, task: Task) -> str:
    """Logo of the contributions around a site of letters, which may be padded."""
    from matplotlib.figure import Figure

    inside = codes != PAD_CODE
    own = codes[inside]
    low, high = max(0, start - _FLANK_BP), min(len(own), end + _FLANK_BP)
    heights = saliency(run.model, codes[None], task=task).actual[0, inside][low:high]
    figure = Figure(figsize=(9.6, 1.65), layout="constrained")
    letters = str(decode(own[low:high]))
    ax = plot.contributions(figure.subplots(), heights, letters, start=low, ylabel="gradient x input")
    ax.axvspan(start - 0.5, end - 0.5, color=plot.BAND, zorder=-1, linewidth=0)
    return svg_address(figure)
