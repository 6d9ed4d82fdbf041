"""Patterns that are one are joined, patterns that are two are split."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoml.explain.discovery.communities import Graph, communities
from genoml.explain.discovery.patterns import MOTIF_BP, Pattern, aggregated, pattern
from genoml.explain.discovery.tracks import Sites, Tracks, concatenated, turned
from genoml.ops.jaccard import jaccard
from genoml.parallel.parts import Workers

# least confusion and least correlation to join; below both of a pair two patterns are never joined
_JOIN = ((0.8, 0.8), (0.5, 0.85), (0.2, 0.9))
_REFUSE = ((0.4, 0.75), (0.2, 0.8), (0.1, 0.85), (0.0, 0.9))
_LEAST_CORRELATION = 0.7
_LEAST_OVERLAP = 0.7
# seqlets of a pattern whose similarities are looked at
_SAMPLE = 100
_RUNS = 10


class Fit(NamedTuple):
    """How the second of two patterns lies best on the first."""

    correlation: float
    offset: int
    flipped: bool


def fit(a: NDArray[np.float32], b: NDArray[np.float32]) -> Fit:
    """Cosine of two means at the best offset and strand: b[p] lies on a[p + offset]."""
    width = len(a)
    shift = width - math.ceil(_LEAST_OVERLAP * width)
    padded = np.zeros((width + 2 * shift, a.shape[1]))
    padded[shift : shift + width] = a
    windows = np.stack([padded[o : o + width] for o in range(2 * shift + 1)]).reshape(2 * shift + 1, -1)
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    found = np.stack([windows @ b.ravel(), windows @ turned(b[None])[0].ravel()]) / max(norm, 1e-30)
    strand, at = np.unravel_index(int(np.argmax(found)), found.shape)
    return Fit(float(found[strand, at]), int(at) - shift, bool(strand))


def laid_on(sites: Sites, how: Fit) -> Sites:
    """Sites of the second pattern as sites of the first."""
    n = len(sites.start)
    return sites.moved(-how.offset, np.full(n, how.flipped), MOTIF_BP, MOTIF_BP)


def confusion(tracks: Tracks, a: Sites, b: Sites) -> float:
    """How little similarities between two aligned patterns differ from those within: 0 (never) to 1 (not at all).

    2 (1 - AUROC) of similarities J within a pattern against those between, the mean over both patterns, at most 1; of
    at most 100 seqlets each.
    """
    own = [_some(sites) for sites in (a, b)]
    pairs = [tracks.pair(sites, MOTIF_BP) for sites in own]
    n, m = len(pairs[0]), len(pairs[1])
    across = jaccard(pairs[0], pairs[1], np.repeat(np.arange(n), m), np.tile(np.arange(m), n))[0]
    found = []
    for matrices in pairs:
        within = jaccard(matrices, matrices, *np.triu_indices(len(matrices), 1))[0]
        found.append(min(1.0, 2 * (1 - _auroc(within, across))))
    return sum(found) / 2


def _some(sites: Sites) -> Sites:
    """At most 100 of them, evenly spread."""
    n = len(sites.start)
    return sites.take(np.arange(min(n, _SAMPLE)) * n // min(n, _SAMPLE))


def _auroc(high: NDArray[Any], low: NDArray[Any]) -> float:
    """Share of pairs in which the first is larger; equals count half."""
    if not len(high) or not len(low):
        return 0.5
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / 2 / len(low))


def _matches(found: float, correlation: float, rules: tuple[tuple[float, float], ...]) -> bool:
    return any(found >= least and correlation >= least_fit for least, least_fit in rules)


def _refused(found: float, correlation: float) -> bool:
    return any(found <= most and correlation < least for most, least in _REFUSE)


def joined(tracks: Tracks, patterns: list[Pattern], workers: Workers) -> list[Pattern]:
    """Patterns of which no two are one: the pair with the largest correlation is joined first.

    Two are one if their seqlets are as hard to tell apart as their means are alike (confusion and correlation at least
    0.8 and 0.8, 0.5 and 0.85, or 0.2 and 0.9), unless one holds a part that differs from a part of the other
    (confusion at most, and correlation below: 0.4 and 0.75, 0.2 and 0.8, 0.1 and 0.85, 0 and 0.9).
    """
    alive = {number: one._replace(members=frozenset([number])) for number, one in enumerate(patterns)}
    refused: set[tuple[int, int]] = set()
    wanted: dict[tuple[int, int], Fit] = {}

    def compare(i: int, j: int) -> None:
        how = fit(alive[i].mean, alive[j].mean)
        found = 0.0
        if how.correlation >= _LEAST_CORRELATION:
            found = confusion(tracks, alive[i].sites, laid_on(alive[j].sites, how))
        if _matches(found, how.correlation, _JOIN):
            wanted[i, j] = how
        if len(alive[i].members) == len(alive[j].members) == 1 and _refused(found, how.correlation):
            refused.add((i, j))

    for j in alive:
        for i in range(j):
            compare(i, j)
    while True:
        open_pairs = {
            pair: how
            for pair, how in wanted.items()
            if not any((min(two), max(two)) in refused for two in product(*(alive[i].members for i in pair)))
        }
        if not open_pairs:
            return list(alive.values())
        i, j = max(open_pairs, key=lambda pair: (open_pairs[pair].correlation, -pair[0], -pair[1]))
        both = _together(tracks, alive[i], alive.pop(j), wanted[i, j], workers)
        alive[i] = both
        wanted = {pair: how for pair, how in wanted.items() if not {i, j} & set(pair)}
        for other in sorted(alive):
            if other != i:
                compare(min(i, other), max(i, other))


def _together(tracks: Tracks, a: Pattern, b: Pattern, how: Fit, workers: Workers) -> Pattern:
    """One pattern of two."""
    sites = concatenated([a.sites, laid_on(b.sites, how)])
    nodes = np.concatenate([a.nodes, b.nodes])
    found = aggregated(tracks, nodes, sites, MOTIF_BP, None, workers)
    return found._replace(members=a.members | b.members)


def parts(graph: Graph, nodes: NDArray[np.int64], seed: int, workers: Workers) -> NDArray[np.int64]:
    """Communities of some nodes among themselves."""
    number = np.full(len(graph.at) - 1, -1)
    number[nodes] = np.arange(len(nodes))
    row = np.repeat(np.arange(len(graph.at) - 1), np.diff(graph.at))
    kept = (number[row] >= 0) & (number[graph.node] >= 0)
    own = Graph.from_entries(number[row[kept]], number[graph.node[kept]], graph.weight[kept], len(nodes))
    return communities(own, seed, workers, _RUNS)


def split(tracks: Tracks, one: Pattern, graph: Graph, seed: int, workers: Workers) -> list[Pattern]:
    """The patterns that a pattern consists of: its communities, joined where these are one."""
    labels = parts(graph, one.nodes, seed, workers)
    if labels.max() == 0:
        return [one]
    pieces = [
        pattern(tracks, one.nodes[labels == label], one.sites.take(np.flatnonzero(labels == label)))
        for label in range(int(labels.max()) + 1)
    ]
    found = joined(tracks, pieces, workers)
    return [one] if len(found) == 1 else found
