"""Figures of a report, each with its description in words."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import ArrayLike

from genoml import plot
from genoml.evaluation import brier_score, expected_calibration_error
from genoml.metrics import aupr, auroc
from genoml.report.content import Composition
from genoml.runs.tasks import LABELS

__all__ = ["one_figure", "svg_address"]


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


def composition_figures(composition: Composition | None) -> list[dict[str, str]]:
    """GC content and length of positives beside those of negatives; of one length, GC content alone."""
    if composition is None:
        return []
    known = ~np.isnan(composition.gc)
    columns = {"GC content": (composition.gc[known], composition.positive[known])}
    if composition.varies:
        columns["length (bp)"] = composition.length_bp, composition.positive
    return [
        one_figure(
            f"Histograms of the {name} of positives and of negatives; AUROC {_area(float(auroc(values, labels)))}.",
            partial(plot.histogram, predictions=values, targets=labels, xlabel=name),
            title=f"{name}: alone it tells them apart with AUROC {_area(float(auroc(values, labels)))}",
        )
        for name, (values, labels) in columns.items()
    ]


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
_PATH, _DIGITS = re.compile(r' d="[^"]*"'), re.compile(r"(\.\d\d)\d+")
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
    # a hundredth of a point is less than a pixel of any screen
    svg = _PATH.sub(lambda path: _DIGITS.sub(r"\1", path[0]), buffer.getvalue())
    svg = svg.removesuffix("</svg>\n") + _STYLE + "</svg>"
    return "data:image/svg+xml," + quote(svg.replace("\n", " "), safe=" ,:;=/()-!*")
