"""Growth plots: the time of a training step against batch, length, filters and threads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.rows import GROWING
from genoml.plot import GRID, INK, LINES, MUTED

#: what grows, and the title of its axis
AXES = {
    "batch": "sequences in a batch",
    "length": "length (bp)",
    "filters": "filters of the first convolution",
    "threads": "threads",
}


def draw_growth(records: Sequence[dict[str, Any]], folder: Path) -> list[Path]:
    """One SVG for each quantity that grows, a panel for each network, drawn from the records alone."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for axis, title in AXES.items():
        found = [record for record in records if record["axis"] == axis]
        if not found:
            continue
        figure = Figure(figsize=(8.2, 3.3), layout="constrained")
        FigureCanvasSVG(figure)
        panels = figure.subplots(1, len(GROWING))
        for ax, panel in zip(panels, GROWING, strict=True):
            _panel(ax, panel, title, [record for record in found if record["panel"] == panel])
        path = folder / f"speed_{axis}.svg"
        # the same numbers give the same file
        with rc_context({"svg.hashsalt": "genoml", "svg.fonttype": "none", "font.family": "sans-serif"}):
            figure.savefig(path, metadata={"Date": None})
        made.append(path)
    return made


def _panel(ax: Any, panel: str, title: str, records: Sequence[dict[str, Any]]) -> None:
    """Time against the quantity, both in powers: equal steps are equal factors."""
    points = sorted(records, key=lambda record: record["value"])
    values = [record["value"] for record in points]
    for key, name, (colour, dash) in zip(("ours", "theirs"), ("genoml", "PyTorch"), LINES, strict=False):
        times = [1e3 * record[key] for record in points]
        ax.plot(
            values, times, color=colour, linestyle=dash, linewidth=1.8, marker="o", markersize=4, label=name
        )
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.minorticks_off()
    low, high = (
        bound(1e3 * record[key] for record in points for key in ("ours", "theirs")) for bound in (min, max)
    )
    ticks = [base * 10**power for power in range(-2, 6) for base in (1, 2, 5)]
    ticks = [tick for tick in ticks if low / 2.01 <= tick <= high * 2.01]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_ylim(low / 1.4, high * 1.4)
    ax.set_title(panel, color=INK, fontsize=10, loc="left")
    ax.set_xlabel(title, color=INK, fontsize=9.5)
    ax.set_ylabel("training step (ms)", color=INK, fontsize=9.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(colors=MUTED, labelsize=8.5, width=0.8, length=3)
    ax.grid(color=GRID, linewidth=0.8)
    ax.legend(frameon=False, labelcolor=INK, fontsize=9, handlelength=2.6)
