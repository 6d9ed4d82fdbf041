"""Page of an experiment: ranked effects with logos, curves and maps along distances, and their periods."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml import plot
from genoml.explain import HELICAL_BP, Ablation, Marginalisation, Spacing
from genoml.explain.tasks import Task
from genoml.report.content import ReportData, Section
from genoml.report.details import run_details
from genoml.report.experiment_figures import effects_figure, motif_card, site_logo, wide_figure
from genoml.report.html import build_report
from genoml.report.page import expect_writable
from genoml.runs import Run
from genoml.runs.explained import explained_output

__all__ = ["write_experiment_report"]

#: effects of a figure, motifs with a logo, and the rate at which effects are called
_RANKED, _LOGOS, _FDR = 24, 12, 0.05
#: periods of the spectrum, in bp
_PERIODS = np.linspace(3.0, 30.0, 271)


def write_experiment_report(
    run: Run,
    found: Marginalisation | Ablation | Spacing,
    out: str | PathLike[str],
    *,
    codes: np.ndarray | None = None,
    names: Sequence[str] = (),
    explain: str | None = None,
) -> Path:
    """Write a page about an experiment with a run: one HTML file, to open anywhere and offline.

    Parameters
    ----------
    run : Run
        The run.
    found : Marginalisation, Ablation or Spacing
        Results of ``genoml.explain``.
    out : path
        HTML file to write.
    codes : array of shape (n, length), optional
        Of an ablation the sequences, letters that may be padded, for logos of the contributions around sites.
    names : sequence of str
        Of these.
    explain : str, optional
        The output that was explained, see ``explained_output``.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    ValueError
        If Matplotlib or Jinja is not installed; if ``out`` is a folder, or in none; without an ablation's sequences.
    """
    out = Path(out)
    expect_writable(out)
    explained = explained_output(run, explain)
    what, title = explained.what or "the output", run.path.resolve().name
    if isinstance(found, Marginalisation):
        parts = _of_motifs(found, what)
    elif isinstance(found, Spacing):
        parts = _of_distances(found, what)
    else:
        if codes is None:
            raise ValueError("a page about sites expects their sequences: codes and names")
        parts = _of_sites(run, found, codes, names, what, explained.task)
    heading, summary, sections, facts = parts
    details = {"effects on": what, **facts, **run_details(run)}
    build_report(
        out, ReportData(title=f"{heading}: {title}", summary=summary, sections=sections, details=details)
    )
    return out


#: heading, summary, sections and facts of a page
_Parts = tuple[str, str, list[Section], dict[str, str]]


def _of_motifs(found: Marginalisation, what: str) -> _Parts:
    own = found.statistics
    order = np.argsort(-np.abs(own.mean), kind="stable")
    called = int((own.fdr <= _FDR).sum())
    strongest = found.motifs[order[0]]
    verb = "raises" if own.mean[order[0]] >= 0 else "lowers"
    summary = (
        f"Of {len(order):,} motifs {strongest.label} does most: put into {found.n_backgrounds:,} backgrounds it {verb} "
        f"{what} by {abs(own.mean[order[0]]):.3g}, in the mean."
    )
    if own.n > 1:
        summary += f" {called:,} motifs have an effect at a false discovery rate of 5 %."
    ranked = sorted(order[:_RANKED].tolist(), key=lambda row: -own.mean[row])
    names = [found.motifs[row].label for row in ranked]
    forest = effects_figure(names, own.mean[ranked], own.standard_error[ranked], f"change of {what}")
    cards = []
    for row in order[:_LOGOS].tolist():
        each = dict(zip(found.strands, found.by_strand[row], strict=True))
        words = {"+": "forward", "-": "reverse"}
        strands = ", ".join(f"{words[strand]} {value:+.3g}" for strand, value in each.items())
        cards.append(motif_card(found.motifs[row], f"{_effect(found, row)}; {strands}"))
    sections = [
        Section(
            "What motifs do alone",
            f"How much {what} changes when a motif takes the place of a background's bases, in the mean over the "
            "backgrounds and strands, with its 95 % interval. Each background is compared with itself.",
            [forest],
            "wide",
        ),
        Section(
            "The strongest motifs",
            "The motif that was put in, in bits, and its effect with standard error.",
            cards,
            "cards",
        ),
    ]
    return "Motifs in backgrounds", summary, sections, _background_facts(found.n_backgrounds, found.gc)


def _effect(found: Marginalisation | Ablation, row: int) -> str:
    own = found.statistics
    error = "" if own.n == 1 else f" ± {own.standard_error[row]:.2g}, false discovery rate {own.fdr[row]:.2g}"
    return f"effect {own.mean[row]:+.3g}{error}"


def _of_distances(found: Spacing, what: str) -> _Parts:
    own, (first, second) = found.statistics, found.motifs
    row, column = np.unravel_index(int(np.abs(own.mean).argmax()), own.mean.shape)
    value, sign = own.mean[row, column], "more" if own.mean[row, column] >= 0 else "less"
    summary = (
        f"Together {first.label} and {second.label} add up to {abs(value):.3g} {sign} to {what} than both alone add in "
        f"sum: at {found.distances[column]} bp, on the strands {found.orientations[row]}."
    )
    names = [f"{each[0]} {each[1]}" for each in found.orientations]
    span = f"{found.distances.min()} to {found.distances.max()} bp"

    def curves(ax: Any) -> None:
        plot.distance_curves(ax, found.distances, own.mean, own.standard_error, names)

    figures = [
        wide_figure(f"Cooperativity at distances of {span}, a curve for each pair of strands.", curves, 3.6),
        wide_figure(
            f"The same as colours, {len(names)} rows of strands by {len(found.distances)} distances.",
            lambda ax: plot.distance_map(ax, found.distances, own.mean, names),
            1.1 + 0.3 * len(names),
        ),
    ]
    sections = [
        Section(
            "What two motifs do together",
            f"Cooperativity: {what} with both motifs, less that with either alone, plus that with neither; 0 where "
            f"effects add up. Strands are those of the first motif ({first.label}) and of the second behind it "
            f"({second.label}). Bands: 95 % intervals over backgrounds.",
            figures,
            "wide",
        )
    ]
    if np.ptp(found.distances) >= 2 * HELICAL_BP and len(found.distances) > 4:
        periods = _PERIODS[np.ptp(found.distances) / 2 >= _PERIODS]
        waves = found.spectrum(periods)
        strand, place = np.unravel_index(int(waves.argmax()), waves.shape)
        alt = f"Amplitudes at periods of 3 to 30 bp; the largest at {periods[place]:.1f} bp, strands {names[strand]}."
        figure = wide_figure(
            alt, lambda ax: plot.period_curves(ax, periods, waves, names, marked=HELICAL_BP), 3.4
        )
        sections.append(
            Section(
                "Periods of the curves",
                "How large a wave of each period is in a curve, its trend taken away. Motifs that must lie on the same "
                "side of the double helix have one at 10.5 bp.",
                [figure],
                "wide",
            )
        )
    cards = [
        motif_card(motif, f"{word} motif, {motif.width} bp")
        for motif, word in zip(found.motifs, ("first", "second"), strict=True)
    ]
    sections.append(Section("The motifs", "", cards, "cards"))
    facts = {"fixed": f"the {found.fixed} motif, at position {found.position}"}
    return (
        "Two motifs at distances",
        summary,
        sections,
        facts | _background_facts(found.n_backgrounds, found.gc),
    )


def _of_sites(
    run: Run, found: Ablation, codes: np.ndarray, names: Sequence[str], what: str, task: Task
) -> _Parts:
    own, sites = found.statistics, found.sites
    order = np.argsort(-np.abs(own.mean), kind="stable")
    places = [
        f"{names[row]}, {start} to {end}" + (f", {label}" if label else "")
        for row, start, end, label in zip(sites.example, sites.start, sites.end, sites.names, strict=True)
    ]
    top = int(order[0])
    verb = "falls" if own.mean[top] < 0 else "rises"
    summary = (
        f"Of {len(sites):,} sites {places[top]} matters most: when its bases are replaced, {what} {verb} by "
        f"{abs(own.mean[top]):.3g}, in the mean over {own.n} replacement{'s' if own.n > 1 else ''}."
    )
    ranked = sorted(order[:_RANKED].tolist(), key=lambda row: own.mean[row])
    sections = [
        Section(
            "What sites are worth",
            f"How much {what} changes when a site's bases are replaced ({found.how}), in the mean over replacements, "
            "with its 95 % interval. A site that falls far below 0 is one that the model relies on.",
            [effects_figure([places[row] for row in ranked], own.mean[ranked], own.standard_error[ranked],
                     f"change of {what}")],
            "wide",
        )
    ]  # fmt: skip
    if any(sites.names):
        sections.append(_by_name(found, what))
    figures = []
    for row in order[: _LOGOS // 2].tolist():
        figure = site_logo(run, codes[sites.example[row]], int(sites.start[row]), int(sites.end[row]), task)
        alt = f"Contributions of the bases around {places[row]}; the site is shaded."
        figures.append({"name": places[row], "note": _effect(found, row), "alt": alt, "image": figure})
    sections.append(
        Section(
            "The strongest sites",
            "Gradient times input of the bases around a site, which is shaded: what each base adds to the output, to "
            "first order.",
            figures,
            "wide",
        )
    )
    facts = {"replaced by": found.how, "replacements": str(own.n), "sequences": f"{len(codes):,}"}
    return "Sites taken out", summary, sections, facts


def _by_name(found: Ablation, what: str) -> Section:
    """Effects of the sites of each name, in the mean."""
    labels = np.array(found.sites.names)
    groups = [(name or "no name", found.statistics.mean[labels == name]) for name in np.unique(labels)]
    groups = sorted(groups, key=lambda each: float(each[1].mean()))
    groups = [*groups[: _RANKED // 2], *groups[max(_RANKED // 2, len(groups) - _RANKED // 2) :]]
    errors = [each.std(ddof=1) / len(each) ** 0.5 if len(each) > 1 else np.nan for _, each in groups]
    names = [f"{name} ({len(each)})" for name, each in groups]
    figure = effects_figure(
        names, np.array([each.mean() for _, each in groups]), np.array(errors), f"change of {what}"
    )
    note = "The mean effect of the sites of a name, with their number and the 95 % interval over them."
    return Section("What motifs are worth", note, [figure], "wide")


def _background_facts(count: int, gc: np.ndarray) -> dict[str, str]:
    return {"backgrounds": f"{count:,}, GC content {100 * float(np.nanmean(gc)):.1f} % in the mean"}
