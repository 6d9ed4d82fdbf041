"""Designed sequences on a page: the path of their scores, and what the edits change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml import plot
from genoml.explain import saliency
from genoml.nn.layer import Layer
from genoml.report.content import DesignView
from genoml.report.figures import one_figure, svg_address
from genoml.runs.design import DesignFiles
from genoml.sequence.codes import decode

#: bases of a logo at most
_LOGO_BP = 120


def design_views(model: Layer, result: DesignFiles, top: int) -> list[DesignView]:
    """The designed sequences with the highest scores, with the contributions of their bases before and after."""
    found, views = result.found, []
    edits = found.edits
    for place in np.argsort(-found.scores, kind="stable")[:top].tolist():
        start, made = found.start[found.rows[place]], found.codes[place]
        actual = saliency(model, np.stack([start, made]), task=result.task).actual
        edited = np.flatnonzero(start != made)
        cut = _window(edited, len(made))
        before, after = found.before[found.rows[place]], found.predictions[place]
        moved = ", ".join(
            f"{name} {old:.3g} to {new:.3g}" if len(found.names) > 1 else f"{old:.3g} to {new:.3g}"
            for name, old, new in list(zip(found.names, before, after, strict=True))[:4]
        )
        note = f"predicted {moved}; {len(edited)} edits: {', '.join(edits[place][:8]) or 'none'}"
        note += ", ..." if len(edited) > 8 else ""
        shown = [
            (str(decode(codes[cut])), own[cut]) for codes, own in zip((start, made), actual, strict=True)
        ]
        inside = tuple(int(at) for at in edited if cut.start <= at < cut.stop)
        name = result.names[found.rows[place]]
        views.append(DesignView(name, note, cut.start, shown[0], shown[1], inside))
    return views


def _window(edited: np.ndarray, length: int) -> slice:
    """The stretch of a logo's length that holds most edits."""
    if length <= _LOGO_BP:
        return slice(0, length)
    starts = np.arange(length - _LOGO_BP + 1)
    inside = (edited >= starts[:, None]) & (edited < starts[:, None] + _LOGO_BP)
    first = int(inside.sum(axis=1).argmax())
    return slice(first, first + _LOGO_BP)


def design_card(view: DesignView) -> dict[str, Any]:
    """Two logos of one scale: the start above, the designed sequence below, the edited bases shaded."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.3), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    both = np.concatenate([view.before[1], view.after[1], [0.0]])
    margin = 0.05 * float(np.ptp(both)) or 1.0
    limits = (float(both.min()) - margin, float(both.max()) + margin)
    for panel, name, (letters, heights) in zip(
        panels, ("start", "designed"), (view.before, view.after), strict=True
    ):
        plot.contributions(panel, heights, letters, start=view.start, ylabel=name, limits=limits)
        for place in view.edited:
            panel.axvspan(place - 0.5, place + 0.5, color=plot.BAND, zorder=-1, linewidth=0)
        panel.set_xlabel("")
    panels[1].set_xlabel("position (bp)")
    figure.align_ylabels(panels)
    alt = f"Contributions of the bases of {view.name}: the start above, the designed sequence below; {view.note}."
    return {"name": view.name, "note": view.note, "alt": alt, "image": svg_address(figure)}


def path_figures(history: NDArray[np.floating[Any]] | None) -> list[dict[str, str]]:
    """The score of the best sequence after each round (rounds + 1, n): of each start, and their mean."""
    if history is None or not history.size:
        return []
    rounds = np.arange(len(history))

    def draw(ax: Any) -> None:
        ax.plot(rounds, history[:, :200], color=plot.MUTED, linewidth=0.6, alpha=0.5)
        mean = [{"epoch": at, "score": value} for at, value in enumerate(history.mean(axis=1).tolist())]
        plot.training_curve(ax, mean, series={"score": "mean of all"}, ylabel="score of the goal")
        ax.set_xlabel("round")

    first, last = history[0].mean(), history[-1].mean()
    alt = f"Score of {history.shape[1]} sequences in {len(history) - 1} rounds, in the mean {first:.3g} to {last:.3g}."
    return [one_figure(alt, draw)]
