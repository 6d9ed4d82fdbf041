"""The page about discovered motifs: what they are, what they are like, where they lie, and which come together."""

from __future__ import annotations

from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoml import plot
from genoml.explain import DiscoveredMotif, Match
from genoml.report.figures import one_figure, svg_address
from genoml.report.page import expect_writable
from genoml.report.template import write_page
from genoml.runs.discover import LEAST_SEQLETS, Discovery
from genoml.sequence.motifs.motif import Motif

__all__ = ["discovery_summary", "write_discovery_report"]

#: motifs with logos, and motifs in the figure of pairs, at most
_MOST_CARDS, _MOST_PAIRS = 60, 12
#: positions beside the core that a logo shows, and letters of a name beside it
_BESIDE, _LONGEST_NAME = 2, 14


class _Sites(NamedTuple):
    """Sites of one motif: middles in bp, sequences (n,) that have one, and the share of the contributions in them."""

    middle: NDArray[np.float64]
    present: NDArray[np.bool_]
    share: float

    @property
    def regions(self) -> float:
        """Share of the sequences that have one."""
        return float(self.present.mean())


def write_discovery_report(found: Discovery, out: str | PathLike[str], details: dict[str, str]) -> Path:
    """Write a page about discovered motifs: one HTML file, to open anywhere and offline.

    ``details`` are facts for its end: the command, the motifs' file. Those of the contributions are added.

    Raises
    ------
    ValueError
        If Matplotlib or Jinja is not installed; if ``out`` is a folder, or in none.
    """
    out = Path(out)
    expect_writable(out)
    sites = [_sites_of(found, [at]) for at in range(len(found.motifs))]
    order = range(min(len(found.motifs), _MOST_CARDS))
    counts = np.stack([each.present for each in sites]).astype(np.float64) if sites else np.zeros((0, 0))
    shown = np.argsort(-counts.sum(axis=1), kind="stable")[:_MOST_PAIRS]
    together = None
    if len(shown) > 1:
        pairs = counts[shown] @ counts[shown].T
        together = _together_figure(found, pairs, [_short(found, at) for at in shown.tolist()])
    unit = _unit(found)
    write_page(
        out,
        "discovery.html.j2",
        title=f"Motifs in contributions to {found.attributions.output}",
        summary=discovery_summary(found),
        notes=_notes(found),
        headings=["motif", "like", "seqlets", "sites", f"{unit} with a site", "explains"],
        rows=[_row(found, at, sites[at]) for at in range(len(found.motifs))],
        legend=_legend(found),
        cards=[_card(found, at, sites[at]) for at in order],
        together=together,
        square=min(16 + 3.5 * len(shown), 60),
        unit=unit,
        details=_details(found) | details,
    )
    return out


def discovery_summary(found: Discovery) -> str:
    """The result in a sentence, such as ``3,210 peaks: CTCF (MA0139.2) explains 61 % of the contributions ...``."""
    n, unit = len(found.regions.names), _unit(found)
    if not found.motifs:
        return f"{n:,} {unit}: no motif was found."
    groups: dict[str, list[int]] = {}
    for at in range(len(found.motifs)):
        groups.setdefault(_factor(found, at), []).append(at)
    sites = {name: _sites_of(found, members) for name, members in groups.items()}
    best = sorted(groups, key=lambda name: -sites[name].share)
    where = f"has a {'site' if found.hits is not None else 'seqlet'} in"
    line = (
        f"{n:,} {unit}: {_named(found, groups[best[0]])} explains {_percent(sites[best[0]].share)} of the "
        f"contributions and {where} {_percent(sites[best[0]].regions)} of the {unit}"
    )
    others = [f"{_named(found, groups[name])} {_percent(sites[name].share)}" for name in best[1:3]]
    line += f"; then {' and '.join(others)}" if others else ""
    rest = len(best) - 3
    return line + (f"; {rest} more explain{'s' if rest == 1 else ''} less." if rest > 0 else ".")


def _short(found: Discovery, at: int) -> str:
    match, name = found.clear_match(at), found.motifs[at].name
    return name if match is None else f"{name} {match.symbol or match.name}"


def _factor(found: Discovery, at: int) -> str:
    """The factor that a motif clearly is with the motif's sign, or its own name."""
    match, motif = found.clear_match(at), found.motifs[at]
    return motif.name if match is None else f"{motif.sign} {match.symbol or match.name}"


def _named(found: Discovery, members: list[int]) -> str:
    """Factor of motifs and accession of the first, or the name and letters of a motif without one."""
    match, motif = found.clear_match(members[0]), found.motifs[members[0]]
    name = f"{motif.name} ({motif.trimmed().pattern})"
    if match is not None:
        several = f", {len(members)} motifs" if len(members) > 1 else ""
        name = f"{match.symbol} ({match.name}{several})" if match.symbol else match.name
    return name if motif.sign > 0 else f"{name}, which lowers the output,"


def _unit(found: Discovery) -> str:
    return "peaks" if found.regions.chroms != found.regions.names else "sequences"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.095 or share == 0 else f"{100 * share:.1f} %"


def _sites_of(found: Discovery, members: list[int]) -> _Sites:
    """Sites of one or more motifs: their hits, or without these their seqlets; what several cover counts once."""
    size = np.abs(found.attributions.actual).astype(np.float64)
    n, length = size.shape
    if found.hits is not None:
        own = np.isin(found.hits.motif, members)
        example, start, end = (each[own] for each in (found.hits.example, found.hits.start, found.hits.end))
    else:
        motifs = [found.motifs[at].trimmed() for at in members]
        places = [(*motif.places(length), motif) for motif in motifs]
        example = np.concatenate([motif.example[inside] for *_, inside, motif in places])
        start, end = (np.concatenate([place[which] for place in places]) for which in (0, 1))
    change = np.zeros((n, length + 1), np.int32)
    np.add.at(change, (example, start), 1)
    np.add.at(change, (example, end), -1)
    covered: NDArray[np.bool_] = np.cumsum(change, axis=1)[:, :-1] > 0
    present = np.asarray(covered.any(axis=1))
    return _Sites((start + end) / 2, present, float(size[covered].sum() / size.sum()))


def _notes(found: Discovery) -> list[str]:
    notes = [f"{note[:1].upper()}{note[1:]}." for note in found.notes]
    in_motifs = sum(motif.n_seqlets for motif in found.motifs)
    rate = "" if found.seqlets.fdr is None else f" at a false discovery rate of {found.seqlets.fdr:.2g}"
    notes.insert(0, f"{len(found.seqlets):,} seqlets were called{rate}; {in_motifs:,} are in motifs.")
    if len(found.motifs) > _MOST_CARDS:
        notes.append(
            f"Logos are of the first {_MOST_CARDS} of {len(found.motifs)} motifs; motifs.meme has all."
        )
    return notes


def _legend(found: Discovery) -> str:
    where = "sites" if found.hits is not None else "seqlets"
    compared = (
        " Below, the three known motifs with the smallest p-values, aligned. p is Tomtom's: how often a random motif "
        "would score as much; E is expected among all known motifs; q is the false discovery rate over all pairs."
        if found.known
        else ""
    )
    return (
        "Of each motif the mean contributions of its seqlets' bases, and below how often each base is there, in bits; "
        f"the shaded columns are the motif without its flanks.{compared} What a motif explains is the share of all "
        f"contributions, whatever their sign, that lie in its {where}; what two motifs share counts for both."
    )


def _row(found: Discovery, at: int, sites: _Sites) -> list[str]:
    motif, match = found.motifs[at], found.clear_match(at)
    number = f"{len(sites.middle):,}" if found.hits is not None else "–"
    like = "–" if match is None else match.label
    return [motif.name, like, f"{motif.n_seqlets:,}", number, _percent(sites.regions), _percent(sites.share)]


def _card(found: Discovery, at: int, sites: _Sites) -> dict[str, Any]:
    motif, matches, unit = found.motifs[at], found.matches[at], _unit(found)
    core = motif.trimmed()
    kind = "sites" if found.hits is not None else "seqlets"
    note = (
        f"{motif.n_seqlets:,} seqlets; {len(sites.middle):,} {kind} in {_percent(sites.regions)} of the {unit}; "
        f"explains {_percent(sites.share)} of the contributions;"
    )
    match = found.clear_match(at)
    length = found.regions.length
    return {
        "name": motif.name,
        "title": motif.name if match is None else f"{motif.name}: {match.label}",
        "note": note,
        "pattern": core.pattern,
        "alt": f"Logos of {motif.name}: contributions, bases"
        + "".join(f", {match.label}" for match in matches)
        + ".",
        "image": svg_address(_logos(motif, matches, found)),
        "matches": [
            {
                "name": match.label,
                "p": _small(match.p_value),
                "e": _small(match.e_value),
                "q": _small(match.q_value),
            }
            for match in matches
        ],
        "positions": one_figure(
            f"Where the {len(sites.middle):,} {kind} of {motif.name} lie in the {unit}.",
            lambda ax: plot.positions(ax, sites.middle, length),
            height=2.2,
        ),
    }


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.1g}"


def _logos(motif: DiscoveredMotif, matches: list[Match], found: Discovery) -> Any:
    """Contributions, bases in bits and known motifs, one above the other, aligned."""
    from matplotlib.figure import Figure

    core = motif.core()
    low, high = max(0, core.start - _BESIDE), min(motif.width, core.stop + _BESIDE)
    first = low - core.start
    known: list[tuple[Match, NDArray[np.float64]]] = []
    for match in matches:
        target: Motif = found.known[match.target]
        rows = target.probabilities if match.strand == "+" else target.probabilities[::-1, ::-1]
        known.append((match, rows))
    starts = [first, *(-match.offset for match, _ in known)]
    ends = [high - core.start, *(len(rows) - match.offset for match, rows in known)]
    rows_count = 2 + len(known)
    figure = Figure(figsize=(4.6, 0.3 + 0.85 * rows_count))
    figure.subplots_adjust(left=0.21, right=0.995, top=0.98, bottom=0.02, hspace=0.3)
    panels = figure.subplots(rows_count, 1, squeeze=False)[:, 0]
    plot.letters(panels[0], motif.contributions[low:high], start=first)
    panels[0].set_ylabel("contributions")
    plot.logo(panels[1], motif.probabilities[low:high], start=first, n_sites=motif.n_seqlets or None)
    for panel, (match, rows) in zip(panels[2:], known, strict=True):
        plot.logo(panel, rows, start=-match.offset)
        name = match.symbol or match.name
        short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        panel.set_ylabel(f"{short}\n{match.name}" if match.symbol else short, parse_math=False)
    for panel in panels:
        panel.axvspan(-0.5, core.stop - core.start - 0.5, color=plot.BAND, zorder=-1, linewidth=0)
        panel.set(xlim=(min(starts) - 0.5, max(ends) - 0.5), xticks=[], xlabel="")
        panel.yaxis.label.set(rotation=0, ha="right", va="center", fontsize=8)
        panel.set_yticks([])
    return figure


def _together_figure(found: Discovery, pairs: NDArray[np.float64], names: list[str]) -> dict[str, str]:
    from matplotlib.figure import Figure

    size = 2.2 + 0.62 * len(names)
    figure = Figure(figsize=(size, size), layout="constrained")
    plot.co_occurrence(figure.subplots(), pairs, len(found.regions.names), names)
    alt = f"Numbers of {_unit(found)} with sites of both of two motifs, of {', '.join(names)}."
    return {"alt": alt, "image": svg_address(figure)}


def _details(found: Discovery) -> dict[str, str]:
    given = found.attributions
    n, length = given.actual.shape
    references = f", {given.references} references each" if given.references else ""
    control = (
        f", beside {len(given.control_actual):,} shuffled ones" if given.control_actual is not None else ""
    )
    facts = {
        "output": given.output,
        "contributions": f"{given.method}{references}" if given.method else "",
        "sequences": f"{n:,} of {length} bp{control}",
        "seqlets": f"{len(found.seqlets):,}: {int((found.seqlets.sign > 0).sum()):,} positive, "
        f"{int((found.seqlets.sign < 0).sum()):,} negative; a sign with fewer than {LEAST_SEQLETS} is left out",
        "known motifs": f"{len(found.known):,}" if found.known else "none",
        "time": f"{found.seconds:.0f} s",
        "version": f"genoml {version('genoml-xp')}",
    }
    return {key: value for key, value in facts.items() if value}
