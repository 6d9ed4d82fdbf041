"""Patterns that are one are joined, patterns that are two are split."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoml.explain.discovery.communities import Graph, communities
from genoml.explain.discovery.patterns import MOTIF_BP, Pattern, aggregated, pattern
from genoml.explain.discovery.tracks import Sites, Tracks, concatenated, turned
from genoml.ops.jaccard import jaccard
from genoml.parallel.parts import Workers

# least confusion and least correlation to join
_JOIN = ((0.8, 0.8), (0.5, 0.85), (0.2, 0.9))
_LEAST_CORRELATION = 0.7
# positions that two patterns share at least
_LEAST_OVERLAP_BP = 10
# seqlets of a pattern whose similarities are looked at
_SAMPLE = 100
_RUNS = 4
# a pattern of fewer seqlets may be two sites side by side; cosine of it with these, and share of a site within it
_FEW = 100
_LEAST_TOGETHER = 0.9
_LEAST_WITHIN = 0.7


class Fit(NamedTuple):
    """How the second of two patterns lies best on the first."""

    correlation: float
    offset: int
    flipped: bool


def fit(a: NDArray[np.float32], b: NDArray[np.float32]) -> Fit:
    """Cosine of two means at the best offset and strand: b[p] lies on a[p + offset]."""
    width = len(a)
    shift = width - _LEAST_OVERLAP_BP
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


def joined(tracks: Tracks, patterns: list[Pattern], workers: Workers) -> list[Pattern]:
    """Patterns of which no two are one: the pair with the largest correlation is joined first.

    Two are one if their seqlets are as hard to tell apart as their means are alike: confusion and correlation at least
    0.8 and 0.8, 0.5 and 0.85, or 0.2 and 0.9. What was joined is aligned and compared anew.
    """
    alive = dict(enumerate(patterns))
    wanted: dict[tuple[int, int], Fit] = {}

    def compare(i: int, j: int) -> None:
        how = fit(alive[i].mean, alive[j].mean)
        if how.correlation < _JOIN[0][1]:
            return
        found = confusion(tracks, alive[i].sites, laid_on(alive[j].sites, how))
        if any(found >= least and how.correlation >= least_fit for least, least_fit in _JOIN):
            wanted[i, j] = how

    for j in alive:
        for i in range(j):
            compare(i, j)
    while wanted:
        i, j = max(wanted, key=lambda pair: (wanted[pair].correlation, -pair[0], -pair[1]))
        alive[i] = _together(tracks, alive[i], alive.pop(j), wanted[i, j], workers)
        wanted = {pair: how for pair, how in wanted.items() if not {i, j} & set(pair)}
        for other in alive:
            if other != i:
                compare(min(i, other), max(i, other))
    return list(alive.values())


def _together(tracks: Tracks, a: Pattern, b: Pattern, how: Fit, workers: Workers) -> Pattern:
    """One pattern of two."""
    sites = concatenated([a.sites, laid_on(b.sites, how)])
    nodes = np.concatenate([a.nodes, b.nodes])
    return aggregated(tracks, nodes, sites, MOTIF_BP, None, workers)


def absorbed(tracks: Tracks, patterns: list[Pattern], workers: Workers) -> list[Pattern]:
    """Patterns without those that are two sites of larger ones side by side; their seqlets join the stronger site.

    At a high density of sites windows with two of them at the same distance repeat by chance. A pattern with fewer
    than 100 seqlets is taken for that if its mean has a cosine of at least 0.9 with its least-squares fit by two
    means of larger patterns, at any offsets and strands.
    """
    order = sorted(patterns, key=lambda one: (-len(one.nodes), int(one.nodes.min())))
    for number in range(len(order) - 1, 0, -1):
        larger = order[:number]
        if len(order[number].nodes) < _FEW and (found := _side_by_side(order[number], larger)):
            which, how = found
            order[which] = _together(tracks, larger[which], order.pop(number), how, workers)
    return order


def _side_by_side(one: Pattern, larger: list[Pattern]) -> tuple[int, Fit] | None:
    """Which of the larger patterns is the stronger of two sites, and how it lies; None if it is not two sites."""
    width = len(one.mean)
    sites, rows = [], []
    for which, other in enumerate(larger):
        for flipped in (False, True):
            mean = turned(other.mean[None])[0] if flipped else other.mean
            for offset in range(_LEAST_OVERLAP_BP - width, width - _LEAST_OVERLAP_BP + 1):
                row = np.zeros_like(mean)
                own = slice(max(0, offset), min(width, width + offset))
                row[own] = mean[own.start - offset : own.stop - offset]
                if (norm := np.linalg.norm(row)) >= _LEAST_WITHIN * np.linalg.norm(mean):
                    rows.append(row.ravel() / norm)
                    sites.append((which, offset, flipped))
    basis, target = np.stack(rows).astype(np.float64), one.mean.ravel().astype(np.float64)
    target /= max(float(np.linalg.norm(target)), 1e-30)
    along = basis @ target
    first = int(np.argmax(along))
    # of the rest, as seen at a right angle to the first
    across = basis - np.outer(basis @ basis[first], basis[first])
    size = np.linalg.norm(across, axis=1)
    rest = (across @ target) / np.where(size > 0.5, size, np.inf)
    if along[first] ** 2 + max(0.0, float(rest.max())) ** 2 < _LEAST_TOGETHER**2:
        return None
    which, offset, flipped = sites[first]
    # the site lies on the pattern at the offset: turned about, the pattern lies on the site
    return which, Fit(float(along[first]), offset if flipped else -offset, flipped)


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
