"""Tables of the default training for docs/accuracy.md, out of the file of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.accuracy.auto_sets import DataSet

BEGIN, END = "<!-- begin: auto -->", "<!-- end: auto -->"
#: task -> its score, in words, and another one
_SCORES = {
    "binary": ("auroc", "AUROC", "aupr", "AUPR"),
    "classes": ("accuracy", "accuracy", "mcc", "MCC"),
    "regression": ("pearson", "Pearson's r", "spearman", "Spearman's r"),
    "counts": ("pearson", "Pearson's r of log counts", "deviance_explained", "deviance explained"),
}
_TRAITS, _POSITIONS = "length and GC alone", "base at each position"

Rows = Sequence[Mapping[str, Any]]


def write_page(page: Path, sets: Mapping[str, DataSet], rows: Rows) -> None:
    """Put the tables between the two marks of the page."""
    text = page.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n\n{tables(sets, rows)}\n\n{END}{after}")


def tables(sets: Mapping[str, DataSet], rows: Rows) -> str:
    """A table for each task, and what the default is behind."""
    by_name = {name: [row for row in rows if row["set"] == name] for name in sets}
    measured = {name: found for name, found in by_name.items() if found}
    dates, versions = (sorted({row[key] for row in rows}) for key in ("date", "version"))
    lines = [f"Measured on {' and '.join(dates)}, version {', '.join(versions)}."]
    for task, (score, label, other, other_label) in _SCORES.items():
        names = [name for name, found in measured.items() if found[0]["splits"][0]["task"] == task]
        if not names:
            continue
        lines += [
            "",
            f"**{label}**",
            "",
            "| data | seeds | network | genoml | k-mers | one strand | positions | length, GC | elsewhere "
            f"| {other_label} | seconds |",
            "| --- |" + " --- |" * 10,
        ]
        lines += [_line(sets[name], measured[name], score, other) for name in names]
    lines += ["", *_behind(sets, measured)]
    missing = [name for name in sets if name not in measured]
    if missing:
        lines += ["", f"Not measured: {', '.join(missing)}."]
    return "\n".join(lines)


def _line(data: DataSet, rows: Rows, score: str, other: str) -> str:
    networks = sorted({split["network"] for row in rows for split in row["splits"]})
    baselines = _means_of_baselines(rows, score)
    kmers = next((name for name in baselines if name.endswith("-mers")), "")
    names = (kmers, f"{kmers} of one strand", _POSITIONS, _TRAITS)
    elsewhere = "; ".join(f"{peer} {found[score]:g}" for peer, found in data.peers.items() if score in found)
    found = [
        f"**{_mean(rows, score):.4f}**",
        *(f"{baselines[n]:.4f}" if n in baselines else "" for n in names),
    ]
    cells = [
        data.title,
        ", ".join(str(row["seed"]) for row in rows),
        ", ".join(f"`{network}`" for network in networks),
        *found,
        elsewhere,
        f"{_mean(rows, other):.4f}" if other in rows[0]["scores"] else "",
        f"{mean(row['seconds'] for row in rows):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _mean(rows: Rows, score: str) -> float:
    return mean(row["scores"][score] for row in rows)


def _means_of_baselines(rows: Rows, score: str) -> dict[str, float]:
    first: Mapping[str, Any] = rows[0]["baselines"]
    return {name: mean(row["baselines"][name][score] for row in rows) for name in first}


def _behind(sets: Mapping[str, DataSet], measured: Mapping[str, Rows]) -> list[str]:
    """A line for each figure that the default does not reach."""
    lines = []
    for name, rows in measured.items():
        score, label, *_ = _SCORES[rows[0]["splits"][0]["task"]]
        own = _mean(rows, score)
        known = _means_of_baselines(rows, score) | {
            peer: found[score] for peer, found in sets[name].peers.items() if score in found
        }
        lines += [
            f"- {name}: {label} {own:.4f}, behind {other}, {value:.4f}"
            for other, value in known.items()
            if value > own
        ]
    head = (
        "Behind a baseline, or a figure from elsewhere:"
        if lines
        else "Nowhere behind a baseline or a figure from elsewhere."
    )
    return [head, *([""] if lines else []), *lines]
