"""A run's report: one HTML file that holds everything, to open anywhere and offline."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from genoml import plot
from genoml.explain.filters import FilterMotif
from genoml.explain.match import Match, chance_similarity
from genoml.io.files import write_whole
from genoml.io.motifs import Motif
from genoml.metrics import aupr, auroc

__all__ = ["ReportData", "build_report"]

# What the keys of a table of metrics are called; others appear as they are.
_HEADINGS = {
    "auroc": "AUROC",
    "aupr": "AUPR",
    "f1": "F1",
    "n_positives": "positives",
    "n_negatives": "negatives",
}
# The colours of text and lines that follow the reader's light or dark theme.
_THEME = (
    {plot.INK: "--ink", plot.MUTED: "--muted", plot.GRID: "--grid", plot.BAND: "--band"}
    | {colour: f"--line{i}" for i, (colour, _) in enumerate(plot.LINES)}
    | {colour: f"--base{base}" for base, colour in plot.BASE_COLOURS.items()}
)


@dataclass(frozen=True)
class ReportData:
    """What a report says. Every part but the title may be empty, and is then left out.

    Attributes
    ----------
    title, summary : str
        The heading, and the result in a sentence.
    metrics : mapping
        Row of the table (such as ``"model"``, ``"6-mer logistic regression"``) -> metric -> value; known
        metrics are ``auroc``, ``aupr``, ``f1``, ``n_positives`` and ``n_negatives``.
    history : sequence of mappings
        One an epoch: ``epoch``, ``loss``, ``validation_loss``, ``validation_auroc``.
    curves : mapping
        Name -> (predictions, targets), host arrays, for the ROC and precision-recall curves.
    filters : sequence of tuples
        (motif of a filter, its best match or None, the known motif matched or None), as they shall appear.
    details : mapping
        How the run was made: backend, versions, seed, command, data.
    """

    title: str
    summary: str = ""
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    filters: Sequence[tuple[FilterMotif, Match | None, Motif | None]] = ()
    details: Mapping[str, str] = field(default_factory=dict)


def build_report(path: str | PathLike[str], content: ReportData) -> None:
    """Write a report as one HTML file without any reference to the network.

    The figures are inline SVG, drawn by :mod:`genoml.plot`. The file appears under its name only when it is
    complete; the same content gives the same bytes.

    Parameters
    ----------
    path : path
        Where to write it; what stood there is replaced.
    content : ReportData
        What it says.

    Raises
    ------
    ImportError
        If Matplotlib or Jinja is missing: ``pip install genoml-xp[report]``.
    FileNotFoundError, IsADirectoryError
        If there is no directory for the file, or ``path`` is one.
    ValueError
        If the curves' predictions and targets do not fit each other.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise ImportError("a report needs Jinja and Matplotlib: pip install genoml-xp[report]") from error
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("genoml").joinpath("resources", "report.html.j2").read_text(encoding="utf-8")
    page = environment.from_string(source).render(
        content=content,
        table=_table(content.metrics),
        training=_training_figures(content.history),
        curves=_curve_figures(content.curves),
        filters=[_filter_card(i, *entry) for i, entry in enumerate(content.filters)],
    )
    with write_whole(path) as stream:
        stream.write(page.encode("utf-8"))


# ---------------------------------------------------------------- the table


def _table(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Headings and rows as text, the best of each score marked."""
    keys = list(dict.fromkeys(key for row in metrics.values() for key in row))
    scores = [key for key in keys if not key.startswith("n_")]
    best = {
        key: max(
            (row[key] for row in metrics.values() if math.isfinite(row.get(key, math.nan))), default=None
        )
        for key in scores
    }
    rows = [
        {
            "name": name,
            "cells": [
                {
                    "text": _number(row.get(key), count=key not in scores),
                    "best": len(metrics) > 1 and key in scores and row.get(key) == best[key],
                }
                for key in keys
            ],
        }
        for name, row in metrics.items()
    ]
    return {"headings": [_HEADINGS.get(key, key) for key in keys], "rows": rows}


def _number(value: float | None, *, count: bool) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if count else f"{value:.3f}"


# ---------------------------------------------------------------- the figures


def _training_figures(history: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    def has(key: str) -> bool:
        return any(row.get(key) is not None for row in history)

    figures = []
    if has("loss") or has("validation_loss"):
        figures.append(
            _figure(
                "loss",
                f"Training and validation loss over {len(history)} epochs.",
                lambda ax: plot.training_curve(ax, history, best="min" if has("validation_loss") else None),
            )
        )
    if has("validation_auroc"):
        series = {"validation_auroc": "validation"}
        figures.append(
            _figure(
                "auroc",
                f"Validation AUROC over {len(history)} epochs.",
                lambda ax: plot.training_curve(ax, history, series=series, ylabel="AUROC", best="max"),
            )
        )
    return figures


def _curve_figures(curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> list[dict[str, str]]:
    if not curves:
        return []

    def areas(metric: Callable[[Any, Any], Any]) -> str:
        pairs = [(name, metric(np.asarray(p), np.asarray(t))) for name, (p, t) in curves.items()]
        return ", ".join(f"{name} {_number(float(area), count=False)}" for name, area in pairs)

    roc_alt = f"ROC curves; area under each: {areas(auroc)}."
    pr_alt = f"Precision-recall curves; area under each: {areas(aupr)}."
    return [
        _figure("roc", roc_alt, lambda ax: plot.roc(ax, curves), height=4.3),
        _figure("pr", pr_alt, lambda ax: plot.pr(ax, curves), height=4.3),
    ]


def _figure(name: str, alt: str, draw: Callable[[Any], Any], *, height: float = 3.2) -> dict[str, str]:
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, height), layout="constrained")
    draw(figure.subplots())
    return {"alt": alt, "svg": _inline_svg(figure, name, alt)}


def _filter_card(place: int, motif: FilterMotif, match: Match | None, target: Motif | None) -> dict[str, Any]:
    """The filter's logo above its match's, column under column, and what to write beside them."""
    found = match if target is not None else None
    alt = f"Logo of filter {motif.index}"
    if found is not None:
        alt += f" above the logo of {found.label}"
    return {
        "index": motif.index,
        "n_sites": f"{motif.n_sites:,}",
        "match": found,
        "recognised": found is not None and found.similarity > chance_similarity(motif.probabilities),
        "similarity": "" if found is None else f"{found.similarity:.2f}",
        "svg": _inline_svg(_logos(motif, found, target), f"filter{place}", alt + "."),
    }


def _logos(motif: FilterMotif, match: Match | None, target: Motif | None) -> Any:
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    logos = [("filter", motif.probabilities, 0, motif.n_sites or None)]
    if match is not None and target is not None:
        known = target.probabilities if match.strand == "+" else target.probabilities[::-1, ::-1]
        logos.append(("known", known, -match.offset, None))
    low = min(start for _, _, start, _ in logos)
    high = max(start + len(matrix) for _, matrix, start, _ in logos)
    figure = Figure(figsize=(4.4, 1.2 * len(logos)))
    figure.subplots_adjust(left=0.1, right=0.995, top=1 - 0.06 / len(logos), bottom=0.03, hspace=0.12)
    for row, (name, matrix, start, n_sites) in enumerate(logos):
        ax = plot.logo(figure.add_subplot(len(logos), 1, row + 1), matrix, start=start, n_sites=n_sites)
        ax.axvspan(-0.5, len(motif.counts) - 0.5, color=plot.BAND, zorder=-1, linewidth=0)
        ax.set(xlim=(low - 0.5, high - 0.5), xticks=[], xlabel="", ylabel=f"{name}, bits")
    return figure


# ---------------------------------------------------------------- SVG


def _inline_svg(figure: Any, name: str, alt: str) -> str:
    """The figure as an SVG element for an HTML page.

    Identifiers are made unique to the figure and free of chance, colours become the page's variables, and
    what names an address (namespaces, metadata) or styles the whole page is removed. Coordinates keep two
    decimals of a point.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    for unwanted in (r"<!--.*?-->", r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<defs>\s*</defs>"):
        svg = re.sub(unwanted, "", svg, flags=re.DOTALL)
    view = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg {view.group() if view else ""} role="img" aria-label="{html.escape(alt)}">'
    svg = head + svg[svg.index(">") + 1 :]
    svg = svg.replace("xlink:href", "href")
    identifiers: dict[str, str] = {}
    for found in re.findall(r'\bid="([^"]+)"', svg):
        identifiers.setdefault(found, f"{name}-{len(identifiers)}")
    svg = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{identifiers[m[1]]}"', svg)
    svg = re.sub(r'(href="#|url\(#)([^")]+)', lambda m: m[1] + identifiers.get(m[2], m[2]), svg)
    svg = re.sub(r' d="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), svg)
    for colour, variable in _THEME.items():
        svg = svg.replace(colour, f"var({variable})")
    return re.sub(r"\n\s*", "\n", svg)
