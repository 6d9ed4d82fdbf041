"""Page about designed sequences: the path of their scores, and what the edits change."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml import plot
from genoml.explain import saliency
from genoml.report.content import ReportData, Section
from genoml.report.details import run_details
from genoml.report.figures import one_figure, svg_address
from genoml.report.html import build_report
from genoml.report.page import expect_writable
from genoml.runs import Run
from genoml.runs.design import DesignFiles
from genoml.sequence.codes import decode

__all__ = ["write_design_report"]

#: bases of a logo, and starts whose path is drawn, at most
_LOGO_BP, _PATHS = 120, 200


def write_design_report(run: Run, result: DesignFiles, out: str | PathLike[str], *, top: int = 5) -> Path:
    """Write a page about designed sequences: one HTML file, to open anywhere and offline.

    It draws the path of the goal's score over the rounds, and for the sequences with the highest scores the
    contributions of the bases before and after.

    Parameters
    ----------
    run : Run
        The run that designed them; of several the first.
    result : DesignFiles
        Result of :func:`genoml.runs.design.design_sequences`.
    out : path
        HTML file to write.
    top : int
        Number of sequences.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    ValueError
        If Matplotlib or Jinja is not installed; if ``out`` is a folder, or in none.
    """
    out = Path(out)
    expect_writable(out)
    found = result.found
    edits = sorted(set(map(len, found.edits)))
    spread = f", with {' to '.join(map(str, dict.fromkeys((edits[0], edits[-1]))))} edits" if edits else ""
    failed = f" {len(found.failed)} could not be made to satisfy the constraints." if found.failed else ""
    sections = [
        Section(
            "The path of the score",
            "The goal's number for the best sequence of each start after each round; it is what was made as large as "
            "possible. Round 0 is the start, repaired if it violated a constraint.",
            [_path(found.history)],
        ),
        Section(
            "What the edits change",
            "Gradient times input of the bases: what each base adds to the output, to first order, with the start "
            "above and the designed sequence below, on one scale. The shaded bases are the edits; positions begin at "
            "0.",
            list(_cards(run, result, top)),
            "wide",
        ),
    ]
    data = ReportData(
        title=f"Sequences designed by {run.path.resolve().name}",
        summary=f"{len(found.rows)} of {len(found.start)} sequences designed{spread}.{failed}",
        sections=sections if len(found.rows) else (),
        details=run_details(run),
    )
    build_report(out, data)
    return out


def _path(history: NDArray[np.floating[Any]]) -> dict[str, str]:
    """The score (rounds + 1, n) of the best sequence after each round: of each start, and their mean."""
    rounds = np.arange(len(history))

    def draw(ax: Any) -> None:
        ax.plot(rounds, history[:, :_PATHS], color=plot.MUTED, linewidth=0.6, alpha=0.5)
        mean = [{"epoch": at, "score": value} for at, value in enumerate(history.mean(axis=1).tolist())]
        plot.training_curve(ax, mean, series={"score": "mean of all"}, ylabel="score of the goal")
        ax.set_xlabel("round")

    first, last = history[0].mean(), history[-1].mean()
    sequences = f"{history.shape[1]} sequences over {len(history) - 1} rounds"
    return one_figure(f"Score of {sequences}: their mean goes from {first:.3g} to {last:.3g}.", draw)


def _cards(run: Run, result: DesignFiles, top: int) -> Iterator[dict[str, str]]:
    """The designed sequences with the highest scores: two logos of one scale, the start above."""
    found, edits = result.found, result.found.edits
    for place in np.argsort(-found.scores, kind="stable")[:top].tolist():
        row = int(found.rows[place])
        both = np.stack([found.start[row], found.codes[place]])
        actual = saliency(run.model, both, task=result.task).actual
        edited = np.flatnonzero(both[0] != both[1])
        image = _logos(both, actual, edited, _window(edited, both.shape[1]))
        named = len(found.names) > 1
        moved = ", ".join(
            f"{name} {old:.3g} to {new:.3g}" if named else f"{old:.3g} to {new:.3g}"
            for name, old, new in list(
                zip(found.names, found.before[row], found.predictions[place], strict=True)
            )[:4]
        )
        shown = ", ".join(edits[place][:8]) + (", ..." if len(edited) > 8 else "")
        note = f"predicted {moved}; {len(edited)} edits: {shown or 'none'}"
        name = result.names[row]
        alt = f"Contributions of the bases of {name}: the start above, the designed sequence below; {note}."
        yield {"name": name, "note": note, "alt": alt, "image": image}


def _window(edited: np.ndarray, length: int) -> slice:
    """The stretch of a logo's length that holds most edits."""
    if length <= _LOGO_BP:
        return slice(0, length)
    starts = np.arange(length - _LOGO_BP + 1)
    inside = (edited >= starts[:, None]) & (edited < starts[:, None] + _LOGO_BP)
    first = int(inside.sum(axis=1).argmax())
    return slice(first, first + _LOGO_BP)


def _logos(codes: np.ndarray, heights: np.ndarray, edited: np.ndarray, cut: slice) -> str:
    """Address of two logos, the edited bases shaded."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.3), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    every = np.append(heights[:, cut], 0.0)
    margin = 0.05 * float(np.ptp(every)) or 1.0
    limits = (float(every.min()) - margin, float(every.max()) + margin)
    for panel, name, row, own in zip(panels, ("start", "designed"), codes, heights, strict=True):
        letters = str(decode(row[cut]))
        plot.contributions(panel, own[cut], letters, start=cut.start, ylabel=name, limits=limits)
        for place in edited[(edited >= cut.start) & (edited < cut.stop)].tolist():
            panel.axvspan(place - 0.5, place + 0.5, color=plot.BAND, zorder=-1, linewidth=0)
        panel.set_xlabel("")
    panels[1].set_xlabel("position (bp)")
    figure.align_ylabels(panels)
    return svg_address(figure)
