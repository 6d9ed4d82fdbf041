"""Cards of a report: logos of filters, motifs, sequences and variants, attention maps, and the text beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml import plot
from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.explain.filters import FilterMotif
from genoml.explain.match import Match, chance_similarity
from genoml.report.content import AttentionView, SequenceView, VariantView
from genoml.report.figures import svg_address
from genoml.sequence.motifs.motif import Motif

# Letters of a longer row of a logo are too small to read, in bp: on a page, and on a phone.
_LONGEST_LOGO, _LONGEST_ON_PHONE = 120, 40

#: name of the axis, letters, and the height of each
Track = tuple[str, str, NDArray[np.floating[Any]]]


def filter_card(
    motif: FilterMotif, match: Match | None, target: Motif | None, members: str = "", *, alphabet: str = "DNA"
) -> dict[str, Any]:
    """Logo of a filter above that of its match, aligned, and the text beside them."""
    logo = ("filter", motif.probabilities, motif.n_sites or None)
    return {
        "name": f"filter {motif.index}",
        "members": members,
        "n_sites": f"{motif.n_sites:,} sites",
        **_matched(f"filter {motif.index}", [logo], match, target, alphabet),
    }


def motif_card(
    motif: DiscoveredMotif, match: Match | None, target: Motif | None, *, alphabet: str = "DNA"
) -> dict[str, Any]:
    """Contributions of a found motif above its bases and those of its match, aligned, and the text beside them."""
    logos = [
        ("contribution", motif.contributions, None),
        ("bases", motif.probabilities, motif.n_seqlets),
    ]
    return {
        "name": motif.name,
        "sign": "raises" if motif.sign > 0 else "lowers",
        "n_sites": f"{motif.n_seqlets:,} seqlets",
        **_matched(f"motif {motif.name}", logos, match, target, alphabet),
    }


def is_clear(probabilities: NDArray[np.floating[Any]], match: Match | None) -> bool:
    """Whether a match is above what 19 of 20 random motifs reach."""
    return match is not None and match.similarity > chance_similarity(probabilities)


def _matched(
    what: str,
    logos: Sequence[tuple[str, Any, float | None]],
    match: Match | None,
    target: Motif | None,
    alphabet: str,
) -> dict[str, Any]:
    """Text about a match, and the logos, of which the last is the one that was matched."""
    if target is None:
        match = None
    rows = [(name, matrix, 0, n_sites) for name, matrix, n_sites in logos]
    alt = f"Logo of {what}"
    if match is not None and target is not None:
        alt += f" above the logo of {match.label}"
        known = target.probabilities if match.strand == "+" else target.probabilities[::-1, ::-1]
        rows.append(("known", known, -match.offset, None))
    return {
        "match": match,
        "recognised": is_clear(logos[-1][1], match),
        "similarity": "" if match is None else f"{match.similarity:.2f}",
        "p_value": "" if match is None or match.p_value is None else f"{match.p_value:.1g}",
        "alt": alt + ".",
        "image": svg_address(_logos(rows, alphabet)),
    }


def _logos(logos: list[tuple[str, Any, int, float | None]], alphabet: str) -> Any:
    """Logos one above the other: name, matrix, first position and number of sites of each; the first's is shaded."""
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    low = min(start for _, _, start, _ in logos)
    high = max(start + len(matrix) for _, matrix, start, _ in logos)
    figure = Figure(figsize=(4.4, 1.2 * len(logos)))
    figure.subplots_adjust(left=0.1, right=0.995, top=1 - 0.06 / len(logos), bottom=0.03, hspace=0.12)
    for row, (name, matrix, start, n_sites) in enumerate(logos):
        ax = figure.add_subplot(len(logos), 1, row + 1)
        if name == "contribution":
            plot.letters(ax, matrix, start=start, alphabet=alphabet)
            ax.set(ylabel=name, yticks=[])
        else:
            plot.logo(ax, matrix, start=start, n_sites=n_sites, alphabet=alphabet).set_ylabel(f"{name}, bits")
        ax.axvspan(-0.5, len(logos[0][1]) - 0.5, color=plot.BAND, zorder=-1, linewidth=0)
        ax.set(xlim=(low - 0.5, high - 0.5), xticks=[], xlabel="")
    return figure


def sequence_card(view: SequenceView) -> dict[str, Any]:
    """Two logos of a sequence, one above the other: contributions, and the effect of mutations, if it was computed."""
    start, stop = _busiest(view)
    letters = view.sequence[start:stop]
    tracks: list[Track] = [(view.method, letters, view.contributions[start:stop])]
    words = f"{view.method}; the strongest base"
    if view.falls is not None:
        tracks.append(("loss when mutated", letters, view.falls[start:stop]))
        words = f"{view.method} above, mutagenesis below; the strongest mutation"
    strongest = int(np.argmax(np.abs(tracks[-1][2])))
    alt = (
        f"Contributions of the bases {start} to {stop} of {view.name}: {words} is at position {start + strongest} "
        f"({letters[strongest]})."
    )
    r = view.correlation
    return {
        "name": view.name,
        "probability": f"{view.probability:.3f}" if view.probability < 1000 else f"{view.probability:,.0f}",
        "cut": f"{start} to {stop} of {len(view.sequence)} bp" if stop - start < len(view.sequence) else "",
        "correlation": "" if r is None else f"{r:.2f}",
        "alt": alt,
        **_wide_and_narrow(tracks, start),
    }


def _busiest(view: SequenceView) -> tuple[int, int]:
    """Range of at most 120 bp in which bases matter most: longer logos are not readable."""
    length = len(view.sequence)
    if length <= _LONGEST_LOGO:
        return 0, length
    effects = view.contributions[:, None] if view.mutations is None else view.mutations
    summed = np.concatenate([[0.0], np.cumsum(np.abs(effects).sum(axis=1))])
    start = int(np.argmax(summed[_LONGEST_LOGO:] - summed[:-_LONGEST_LOGO]))
    return start, start + _LONGEST_LOGO


def variant_card(view: VariantView) -> dict[str, Any]:
    """Two logos of the bases around a variant on one scale: the reference allele above, the alternative below."""
    both = np.concatenate([view.reference[1], view.alternative[1], [0.0]])
    margin = 0.05 * float(np.ptp(both)) or 1.0
    limits = (float(both.min()) - margin, float(both.max()) + margin)
    tracks: list[Track] = [("reference", *view.reference), ("alternative", *view.alternative)]
    alt = f"Contributions of the bases around {view.name}: reference allele above, alternative below; {view.note}."
    images = _wide_and_narrow(
        tracks,
        view.start,
        limits=[limits] * 2,
        shaded=view.alleles_bp,
        xlabel="position from the variant (bp)",
    )
    return {"name": view.name, "note": view.note, "alt": alt, **images}


def _wide_and_narrow(tracks: Sequence[Track], start: int, **options: Any) -> dict[str, str]:
    """Addresses of the image in one row, and of the one in rows for a phone, which stands in a ``srcset``."""
    wide = svg_address(_rows(tracks, start, per_row=max(len(letters) for _, letters, _ in tracks), **options))
    narrow = svg_address(_rows(tracks, start, per_row=_LONGEST_ON_PHONE, **options))
    # an address in a srcset ends at a space
    return {"image": wide, "narrow": narrow.replace(" ", "%20")}


def _rows(
    tracks: Sequence[Track],
    start: int,
    *,
    per_row: int,
    limits: Sequence[tuple[float, float]] = (),
    shaded: Sequence[int] = (),
    xlabel: str = "position (bp)",
) -> Any:
    """Rows of logos of at most ``per_row`` positions, in each the tracks one above the other.

    ``limits`` are those of each track's axis, ``shaded`` how many positions from 0 are shaded in each.
    """
    plot.require_matplotlib()
    from matplotlib.figure import Figure

    length = max(len(letters) for _, letters, _ in tracks)
    firsts = range(0, length, per_row)
    limits = limits or [_limits(heights) for _, _, heights in tracks]
    wide_in, high_in = (4.4, 1.2) if len(firsts) > 1 else (9.6, 1.65)
    figure = Figure(figsize=(wide_in, high_in * len(tracks) * len(firsts)), layout="constrained")
    panels = figure.subplots(len(tracks) * len(firsts), 1, squeeze=False)[:, 0]
    for place, panel in enumerate(panels):
        first, (name, letters, heights) = firsts[place // len(tracks)], tracks[place % len(tracks)]
        part, low = slice(first, first + per_row), start + first
        plot.contributions(
            panel, heights[part], letters[part], start=low, ylabel=name, limits=limits[place % len(tracks)]
        )
        panel.set_xlim(low - 0.5, low + min(per_row, length) - 0.5)
        panel.set_xlabel(xlabel if place == len(panels) - 1 else "")
        if place % len(tracks) < len(tracks) - 1:
            panel.tick_params(labelbottom=False)
        if shaded:
            panel.axvspan(-0.5, shaded[place % len(tracks)] - 0.5, color=plot.BAND, zorder=-1, linewidth=0)
    figure.align_ylabels(panels)
    return figure


def _limits(heights: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Limits of an axis that hold all rows of a track."""
    low, high = min(0.0, float(heights.min())), max(0.0, float(heights.max()))
    return (low, high) if high > low else (0.0, 1.0)


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
