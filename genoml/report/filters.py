"""Filters of a model's first layer, or of those an ensemble's members, beside the known motifs they resemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genoml.explain import FilterMotif, Match, chance_similarity, filter_motifs, match_motifs
from genoml.io.motifs import jaspar_motifs
from genoml.nn import Ensemble
from genoml.nn.containers import Container
from genoml.nn.conv import Conv1D
from genoml.nn.layer import Layer
from genoml.nn.motif import MotifLayer
from genoml.nn.strand_layers import RCConv1D
from genoml.sequence.motifs.motif import Motif
from genoml.train.trained import reading_of

__all__ = ["FoundFilter", "filter_matches"]

#: filters that are compared for each entry: those that agree become one
_COMPARED = 8

#: motif of a filter, its match, the known motif matched, and what else it stands for: filters, members of an ensemble
FoundFilter: TypeAlias = (
    tuple[FilterMotif, Match | None, Motif | None] | tuple[FilterMotif, Match | None, Motif | None, str]
)


def known_matches(
    found: Sequence[NDArray[np.floating[Any]]], known: Sequence[Motif] | None, alphabet: str
) -> tuple[list[list[Match]], list[Motif]]:
    """The best match of each motif (width, 4) among the known ones, and these; of RNA JASPAR has none."""
    own = [] if alphabet == "RNA" else jaspar_motifs()
    targets = own if known is None else list(known)
    if not targets:
        return [[] for _ in found], []
    return match_motifs(found, targets, limit=1, p_values=True), targets


def filter_matches(
    model: Layer,
    codes: NDArray[np.uint8],
    *,
    limit: int = 8,
    both_strands: bool | None = None,
    known: Sequence[Motif] | None = None,
) -> list[FoundFilter]:
    """Strongest filters of a model's first layer as motifs, each with its best known motif and a p-value.

    Filters that clearly match known motifs of one factor are one entry, the strongest, with their number; of an
    ensemble, with the members that have it.

    Parameters
    ----------
    model : Layer
        Model with a first convolution over bases, or bank of motifs; a model without one has no filters.
    codes : array
        Sequences (n, length), base codes, whose windows excite the filters: the positives.
    limit : int
        Number of entries; up to eight times as many filters are compared.
    both_strands : bool, optional
        As in :func:`genoml.explain.filter_motifs`; as the model was trained if None.
    known : sequence of Motif, optional
        Motifs to compare them with; JASPAR's vertebrate motifs if None, of RNA none.
    """
    read = reading_of(model, both_strands=both_strands)
    both = read.both_strands
    members = list(model) if isinstance(model, Ensemble) else [model]
    most = max(limit, _COMPARED * limit // len(members))
    active: list[tuple[int, FilterMotif]] = []
    for number, member in enumerate(members, 1):
        scan = _first_scan(member)
        if scan is None:
            continue
        weights = scan.log_odds() if isinstance(scan, MotifLayer) else scan.params["weights"]
        kernels = model.backend.to_numpy(weights)
        if codes.shape[1] >= kernels.shape[2]:
            motifs = filter_motifs(kernels, None, codes, both_strands=both)
            active += [(number, motif) for motif in motifs[:most] if motif.n_sites]
    best, targets = known_matches([motif.probabilities for _, motif in active], known, read.alphabet)
    found = [
        (number, motif, *((matches[0], targets[matches[0].target]) if matches else (None, None)))
        for (number, motif), matches in zip(active, best, strict=True)
    ]
    return _merged(found, len(members))[:limit]


def _merged(
    found: Sequence[tuple[int, FilterMotif, Match | None, Motif | None]], count: int
) -> list[FoundFilter]:
    """Filters of all members, the strongest first: those that clearly match motifs of one factor as one."""
    groups: dict[Any, list[tuple[int, FilterMotif, Match | None, Motif | None]]] = {}
    for place, entry in enumerate(sorted(found, key=lambda each: -each[1].strength)):
        _, motif, match, _ = entry
        clear = match is not None and match.similarity > chance_similarity(motif.probabilities)
        name = (match.symbol or match.accession) if clear and match is not None else ("alone", place)
        groups.setdefault(name, []).append(entry)
    merged: list[FoundFilter] = []
    for group in groups.values():
        number, motif, match, target = group[0]
        words = _words([each[0] for each in group], number, count)
        merged.append((motif, match, target, words) if words else (motif, match, target))
    return merged


def _words(members: Sequence[int], shown: int, count: int) -> str:
    """What stands behind one entry: how many filters, or, of an ensemble, which members."""
    if count == 1:
        return f"{len(members)} filters agree; the strongest is shown" if len(members) > 1 else ""
    own = sorted(set(members))
    words = f"member{'s' if len(own) > 1 else ''} {', '.join(map(str, own))} of {count}"
    return words + (f"; that of member {shown}" if len(own) > 1 else "")


def _first_scan(layer: Layer) -> Layer | Any:
    """The first layer that scans bases, in the order of the model."""
    if isinstance(layer, MotifLayer):
        return layer
    if isinstance(layer, Conv1D | RCConv1D) and layer.in_channels == 4:
        return layer if not isinstance(layer, Conv1D) or layer.groups == 1 else None
    if isinstance(layer, Container):
        return next((scan for scan in map(_first_scan, layer.layers) if scan is not None), None)
    return None
