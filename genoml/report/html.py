"""The page of a report as one HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from typing import Any
from urllib.parse import quote

from genoml.report.cards import attention_card, filter_card, motif_card, sequence_card, variant_card
from genoml.report.content import ReportData
from genoml.report.figures import (
    composition_figures,
    curve_figures,
    number,
    probability_figures,
    training_figures,
)
from genoml.report.tasks import (
    class_figures,
    number_figures,
    specificity_figures,
)
from genoml.report.template import write_page
from genoml.runs.tasks import ERRORS, LABELS

__all__ = ["build_report"]

#: sections in the order of the page, and their titles
_TITLES = {
    "metrics": "How good it is",
    "validation": "Beside simple methods",
    "curves": "Positives against negatives",
    "probabilities": "What a probability is worth",
    "false_calls": "Worst false calls",
    "composition": "GC content and length",
    "numbers": "Predicted against true",
    "classes": "True and predicted classes",
    "motifs": "Motifs found in what bases contribute",
    "sequences": "Which bases matter",
    "variants": "What variants change",
    "attention": "What attends to what",
    "filters": "What the first layer looks for",
    "training": "Training",
    "downloads": "Files",
    "details": "How this was made",
}
# Headings of the table of metrics; other keys appear as they are.
_HEADINGS = {
    "n_examples": "examples",
    "n_positives": "positives",
    "n_negatives": "negatives",
}


def build_report(path: str | PathLike[str], content: ReportData) -> None:
    """Write a report as one HTML file without any reference to the network.

    The figures are SVG images within it, drawn by :mod:`genoml.plot`. The file appears under its name only
    when it is complete; the same content gives the same bytes.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced.
    content : ReportData
        Its content.

    Raises
    ------
    ImportError
        If Matplotlib or Jinja is missing: ``pip install genoml-xp[report]``.
    FileNotFoundError, IsADirectoryError
        If there is no directory for the file, or ``path`` is one.
    ValueError
        If the curves' predictions and targets do not fit each other.
    """
    parts: dict[str, Any] = {
        "metrics": _table(content.metrics, content.ranked),
        "validation": _table(content.validation, ranked=True),
        "curves": curve_figures(content.curves),
        "probabilities": probability_figures(content.probabilities, content.threshold),
        "false_calls": content.false_calls,
        "composition": composition_figures(content.composition),
        "numbers": [*number_figures(content), *specificity_figures(content)],
        "classes": class_figures(content.confusion),
        "sequences": [sequence_card(view) for view in content.sequences],
        "variants": [variant_card(view) for view in content.variants],
        "attention": [attention_card(view) for view in content.attention],
        "motifs": [motif_card(*entry, alphabet=content.alphabet) for entry in content.motifs]
        or content.motifs_note,
        "filters": [filter_card(*entry, alphabet=content.alphabet) for entry in content.filters],
        "training": training_figures(content.history),
        "downloads": {name: _address(name, text) for name, text in content.downloads.items()},
        "details": content.details,
    }
    write_page(
        path,
        "report.html.j2",
        content=content,
        titles=_TITLES,
        contents={name: _TITLES[name] for name in _TITLES if parts[name]},
        mutated=any(view.mutations is not None for view in content.sequences),
        methods=sorted({view.method for view in content.sequences}),
        merged=any(len(entry) > 3 for entry in content.filters),
        **parts,
    )


def _address(name: str, text: str) -> str:
    """Data address of a file."""
    kind = "tab-separated-values" if name.endswith(".tsv") else "plain"
    return f"data:text/{kind};charset=utf-8,{quote(text)}"


def _table(metrics: Mapping[str, Mapping[str, float]], ranked: bool) -> dict[str, Any]:
    """Headings and rows as text, the best of each score marked where rows are models; nothing without rows."""
    if not metrics:
        return {}
    keys = list(dict.fromkeys(key for row in metrics.values() for key in row))
    scores = [key for key in keys if not key.startswith("n_")]
    best = {}
    for key in scores:
        known = [row[key] for row in metrics.values() if math.isfinite(row.get(key, math.nan))]
        best[key] = (min if key in ERRORS else max)(known, default=None)
    rows = [
        {
            "name": name,
            "cells": [
                {
                    "text": number(row.get(key), count=key not in scores),
                    "best": ranked and len(metrics) > 1 and key in scores and row.get(key) == best[key],
                }
                for key in keys
            ],
        }
        for name, row in metrics.items()
    ]
    # a line does not break within "Pearson's r"
    headings = [_HEADINGS.get(key, LABELS.get(key, key)).replace("'s r", "'s\u00a0r") for key in keys]
    return {"headings": headings, "rows": rows, "first": "model" if ranked else "task"}
