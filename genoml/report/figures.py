"""Figures of a report, each with its description in words."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import ArrayLike

from genoml import plot
from genoml.evaluation import brier_score, expected_calibration_error
from genoml.explain.filters import FilterMotif
from genoml.explain.match import Match, chance_similarity
from genoml.metrics import aupr, auroc
from genoml.report.content import AttentionView, SequenceView
from genoml.runs.tasks import LABELS
from genoml.sequence.motifs.motif import Motif

__all__ = ["one_figure", "svg_address"]


# Letters of a longer logo are too small to read, in bp.
_LONGEST_LOGO = 120


def training_figures(history: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Loss and score of each epoch, where the log has them."""

    def has(key: str) -> bool:
        return any(row.get(key) is not None for row in history)

    figures = []
    if has("loss") or has("validation_loss"):
        figures.append(
            one_figure(
                f"Training and validation loss over {len(history)} epochs.",
                lambda ax: plot.training_curve(ax, history, best="min" if has("validation_loss") else None),
            )
        )
    score = next(
        (
            key
            for key in ("auroc", "accuracy", "deviance_explained", "pearson", "profile_pearson")
            if has(f"validation_{key}")
        ),
        None,
    )
    if score is not None:
        series = {f"validation_{score}": "validation"}
        label = LABELS[score]
        figures.append(
            one_figure(
                f"Validation {label} over {len(history)} epochs.",
                lambda ax: plot.training_curve(ax, history, series=series, ylabel=label, best="max"),
            )
        )
    return figures


def curve_figures(curves: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> list[dict[str, str]]:
    """ROC and precision-recall curves."""
    if not curves:
        return []

    def areas(metric: Callable[[Any, Any], Any]) -> str:
        pairs = [(name, metric(np.asarray(p), np.asarray(t))) for name, (p, t) in curves.items()]
        return ", ".join(f"{name} {_area(float(area))}" for name, area in pairs)

    roc_alt = f"ROC curves; area under each: {areas(auroc)}."
    pr_alt = f"Precision-recall curves; area under each: {areas(aupr)}."
    return [
        one_figure(roc_alt, lambda ax: plot.roc(ax, curves), height=4.3),
        one_figure(pr_alt, lambda ax: plot.pr(ax, curves), height=4.3),
    ]


def number(value: float | None, *, count: bool) -> str:
    """Text of a score, or of a number of examples."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if count else f"{value:.3f}"


def _area(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "undefined"


def probability_figures(
    probabilities: tuple[ArrayLike, ArrayLike] | None, threshold: float
) -> list[dict[str, str]]:
    """Calibration, confusion and spread of a model's probabilities."""
    if probabilities is None:
        return []
    predictions = np.asarray(probabilities[0])
    targets = np.asarray(probabilities[1])
    called = predictions.reshape(-1) >= threshold
    positive = targets.reshape(-1) == 1
    confusion_alt = (
        f"At threshold {threshold:.3g}, {int((called & positive).sum())} of {int(positive.sum())} positives and "
        f"{int((called & ~positive).sum())} of {int((~positive).sum())} negatives are called positive."
    )
    return [
        one_figure(
            f"Reliability diagram; expected calibration error "
            f"{expected_calibration_error(predictions, targets):.3f}, Brier score "
            f"{brier_score(predictions, targets):.3f}.",
            lambda ax: plot.reliability(ax, predictions, targets),
            height=4.1,
        ),
        one_figure(
            confusion_alt,
            lambda ax: plot.confusion(ax, predictions, targets, threshold=threshold),
            height=4.1,
        ),
        one_figure(
            "Histograms of the predicted probabilities of positives and of negatives.",
            lambda ax: plot.histogram(ax, predictions, targets, threshold=threshold),
            height=3.2,
        ),
    ]


def filter_card(
    motif: FilterMotif, match: Match | None, target: Motif | None, members: str = ""
) -> dict[str, Any]:
    """Logo of a filter above that of its match, aligned, and the text beside them."""
    if target is None:
        match = None
    alt = f"Logo of filter {motif.index}"
    if match is not None:
        alt += f" above the logo of {match.label}"
    return {
        "index": motif.index,
        "members": members,
        "n_sites": f"{motif.n_sites:,}",
        "match": match,
        "recognised": match is not None and match.similarity > chance_similarity(motif.probabilities),
        "similarity": "" if match is None else f"{match.similarity:.2f}",
        "p_value": "" if match is None or match.p_value is None else f"{match.p_value:.1g}",
        "alt": alt + ".",
        "image": svg_address(_logos(motif, match, target)),
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


def sequence_card(view: SequenceView) -> dict[str, Any]:
    """Two logos of a sequence, one above the other: saliency, and the effect of mutations, if it was computed."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    start, stop = _busiest(view)
    letters = view.sequence[start:stop]
    rows = 1 if view.mutations is None else 2
    figure = Figure(figsize=(9.6, 1.65 * rows), layout="constrained")
    panels = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    plot.contributions(panels[0], view.saliency[start:stop], letters, start=start, ylabel="gradient x input")
    effect, words = view.saliency[start:stop], "saliency; the strongest base"
    if view.mutations is not None:
        # how much the output falls, on average, when the base is another
        effect, words = (
            -view.mutations[start:stop].sum(axis=1) / 3.0,
            "saliency above, mutagenesis below; the ",
        )
        words += "strongest mutation"
        plot.contributions(panels[1], effect, letters, start=start, ylabel="loss when mutated")
        panels[0].set_xlabel("")
        figure.align_ylabels(panels)
    strongest = int(np.argmax(np.abs(effect)))
    alt = (
        f"Contributions of the bases {start} to {stop} of {view.name}: {words} is at position {start + strongest} "
        f"({letters[strongest]})."
    )
    return {
        "name": view.name,
        "probability": f"{view.probability:.3f}" if view.probability < 1000 else f"{view.probability:,.0f}",
        "cut": f"{start} to {stop} of {len(view.sequence)} bp" if stop - start < len(view.sequence) else "",
        "alt": alt,
        "image": svg_address(figure),
    }


def _busiest(view: SequenceView) -> tuple[int, int]:
    """Range of at most 120 bp in which bases matter most: longer logos are not readable."""
    length = len(view.sequence)
    if length <= _LONGEST_LOGO:
        return 0, length
    effects = view.saliency[:, None] if view.mutations is None else view.mutations
    summed = np.concatenate([[0.0], np.cumsum(np.abs(effects).sum(axis=1))])
    start = int(np.argmax(summed[_LONGEST_LOGO:] - summed[:-_LONGEST_LOGO]))
    return start, start + _LONGEST_LOGO


def attention_card(view: AttentionView) -> dict[str, Any]:
    """Attention maps of a layer's heads, in rows of two, on one colour scale."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    heads = len(view.weights)
    columns = min(heads, 2)
    rows = -(-heads // columns)
    figure = Figure(figsize=(4.8 * columns, 4.9 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"wspace": 0.08}).reshape(-1)
    for panel in panels[heads:]:
        panel.set_axis_off()
    for head, (panel, weights) in enumerate(zip(panels, view.weights, strict=False)):
        plot.attention_map(panel, weights, view.sequence, highest=float(view.weights.max()))
        panel.set_title(f"head {head}", color=plot.INK, fontsize=10, loc="left", pad=16)
    alt = f"Attention maps of layer {view.layer} for {view.name}, {heads} heads."
    return {
        "layer": view.layer,
        "name": view.name,
        "heads": heads,
        "alt": alt,
        "image": svg_address(figure),
    }


# The colours of figures where the reader's theme is dark.
_DARK = {
    plot.INK: "#e7ebf0",
    plot.MUTED: "#9ba6b4",
    plot.GRID: "#2c343d",
    plot.BAND: "#1f2730",
    plot.BASE_COLOURS["A"]: "#45b862",
    plot.BASE_COLOURS["C"]: "#5b94f5",
    plot.BASE_COLOURS["G"]: "#f2a52e",
    plot.BASE_COLOURS["T"]: "#f06464",
} | {
    light: dark
    for (light, _), dark in zip(plot.LINES, ("#56b4e9", "#f08a3c", "#2fc495", "#dd9bc0"), strict=True)
}
_RULES = "".join(
    f'[style*="{part}: {light}"]{{{part}:{dark}!important}}'
    for light, dark in _DARK.items()
    for part in ("fill", "stroke")
)
_STYLE = f"<style>@media (prefers-color-scheme: dark){{{_RULES}}}</style>"


def one_figure(
    alt: str, draw: Callable[[Any], Any], *, height: float = 3.2, title: str = ""
) -> dict[str, str]:
    """Figure with one axes, half a page wide: its title, its address, and its description in words."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4, height), layout="constrained")
    draw(figure.subplots())
    return {"alt": alt, "image": svg_address(figure), "title": title}


def svg_address(figure: Any) -> str:
    """Data address of a figure for the ``src`` of an image; the same figure gives the same address.

    It is an SVG file of its own, so that its names and styles cannot clash with the page's. Its style sheet follows
    the reader's light or dark theme: the rules match the colours that Matplotlib writes into each element.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "genoml"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue().removesuffix("</svg>\n") + _STYLE + "</svg>"
    return "data:image/svg+xml," + quote(svg.replace("\n", " "), safe=" ,:;=/()-!*")
