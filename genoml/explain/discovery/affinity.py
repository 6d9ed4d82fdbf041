"""The graph of seqlets: nearest neighbours, fine similarities, and weights of equal density."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.explain.discovery import words
from genoml.explain.discovery.communities import Graph
from genoml.explain.discovery.tracks import Sites, Tracks, turned
from genoml.ops.jaccard import jaccard
from genoml.parallel.parts import Workers

_NEIGHBOURS = 500
_LEAST_OVERLAP = 0.7
_LEAST_RANK_CORRELATION = 0.15
_PERPLEXITY = 10.0
_BISECTIONS = 40
_LEAST_WEIGHT = 1e-5
_PAIRS_AT_ONCE = 1 << 17


def affinities(tracks: Tracks, sites: Sites, width: int, workers: Workers) -> tuple[Graph, NDArray[np.int64]]:
    """Graph of the seqlets whose coarse and fine similarities agree, and their indices."""
    values, codes = tracks.read(sites, width)
    actual = np.take_along_axis(values, np.minimum(codes, 3)[:, :, None], 2)[:, :, 0]
    forward, backward = words.words(codes, np.where(codes < 4, actual, 0), workers)
    k = min(_NEIGHBOURS, len(codes) - 1)
    neighbours, coarse, reverse = words.nearest(forward, backward, k, workers)
    pairs = tracks.pair(sites, width)
    fine = fine_similarities(pairs, neighbours, reverse, workers)
    kept = np.flatnonzero(rank_correlations(coarse, fine) >= _LEAST_RANK_CORRELATION)
    number = np.full(len(codes), -1)
    number[kept] = np.arange(len(kept))
    near, fine = number[neighbours[kept]], np.where(number[neighbours[kept]] >= 0, fine[kept], 0)
    return density_adapted(near, fine, _PERPLEXITY, workers), kept


def fine_similarities(
    pairs: NDArray[np.float32],
    neighbours: NDArray[np.int64],
    reverse: NDArray[np.bool_],
    workers: Workers,
) -> NDArray[np.float32]:
    """Largest J over offsets with 70 % overlap, with the strand of the coarse similarity; (n, k).

    J of (i, j) is that of (j, i), and is computed once.
    """
    n, k = neighbours.shape
    width = pairs.shape[1]
    shift = width - math.ceil(_LEAST_OVERLAP * width)
    row = np.repeat(np.arange(n), k)
    other, strand = neighbours.reshape(-1), reverse.reshape(-1)
    low, high = np.minimum(row, other), np.maximum(row, other)
    key, inverse = np.unique((low * n + high) * 2 + strand, return_inverse=True)
    first, second = key // 2 // n, key // 2 % n + n * (key % 2)
    both = np.concatenate([pairs, turned(pairs)])
    found = np.empty(len(key), np.float32)

    def work(start: int, stop: int) -> None:
        for at in range(start, stop, _PAIRS_AT_ONCE):
            own = slice(at, min(at + _PAIRS_AT_ONCE, stop))
            found[own] = jaccard(pairs, both, first[own], second[own], -shift, shift)[0]

    workers.share_out(work, len(key), least=1024)
    return found[inverse].reshape(n, k)


def rank_correlations(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Spearman's correlation of each row of a with that of b; equals are ranked by their place."""
    ranks = [np.argsort(np.argsort(x, axis=1, kind="stable"), axis=1, kind="stable") for x in (a, b)]
    first, second = (rank - (a.shape[1] - 1) / 2 for rank in ranks)
    size = (first**2).sum(axis=1)
    return np.asarray((first * second).sum(axis=1) / np.where(size > 0, size, 1), np.float64)


def density_adapted(
    neighbours: NDArray[np.int64], similarity: NDArray[np.float32], perplexity: float, workers: Workers
) -> Graph:
    """Graph with weights w(i, j) = sqrt(p(j | i) p(i | j)) of neighbours that are mutual.

        p(j | i) = exp(-b_i d(i, j)) / sum_j exp(-b_i d(i, j)),   d = -log(J / (2 - J))

    b_i, by bisection, gives p(. | i) the entropy log(perplexity). Neighbours with J <= 0, and those numbered -1, have
    no weight. Weights below 1e-5 (of 1 in all for each i) are left out: four of five, and 0.1 % of the sum.

    References
    ----------
    van der Maaten and Hinton (2008), Visualizing data using t-SNE, for the bandwidths.
    """
    n, k = neighbours.shape
    shares = np.empty((n, k))
    step = max(1, _PAIRS_AT_ONCE // max(k, 1))

    def work(start: int, stop: int) -> None:
        for at in range(start, stop, step):
            own = slice(at, min(at + step, stop))
            shares[own] = _shares(similarity[own].astype(np.float64), perplexity)

    workers.share_out(work, n)
    row = np.repeat(np.arange(n), k)
    node, share = neighbours.reshape(-1), shares.reshape(-1)
    # the product with the other share, at most 1, must reach the least weight
    kept = (node >= 0) & (share >= _LEAST_WEIGHT**2)
    row, node, share = row[kept], node[kept], share[kept]
    key, other = row * n + node, node * n + row
    order = np.argsort(key, kind="stable")
    place = np.minimum(np.searchsorted(key[order], other), max(len(key) - 1, 0))
    partner = order[place] if len(order) else place
    mutual = key[partner] == other
    weight = np.sqrt(share[mutual] * share[partner[mutual]])
    row, node, kept = row[mutual], node[mutual], weight >= _LEAST_WEIGHT
    return Graph.from_entries(row[kept], node[kept], weight[kept], n)


def _shares(similarity: NDArray[np.float64], perplexity: float) -> NDArray[np.float64]:
    """p(j | i) of some rows."""
    known = similarity > 0
    distance = np.where(known, -np.log(np.where(known, similarity / (2 - similarity), 1)), np.inf)
    nearest = np.min(distance, axis=1, keepdims=True, initial=np.inf)
    distance = np.where(known, distance - np.where(np.isfinite(nearest), nearest, 0), 0)
    low, high = np.zeros(len(similarity)), np.full(len(similarity), np.inf)
    beta = np.ones(len(similarity))
    for _ in range(_BISECTIONS):
        weight = np.where(known, np.exp(-beta[:, None] * distance), 0)
        total = np.maximum(weight.sum(axis=1), 1e-300)
        entropy = np.log(total) + beta * (weight * distance).sum(axis=1) / total
        wide = entropy > math.log(perplexity)
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.where(np.isinf(high), 2 * beta, (low + high) / 2)
    weight = np.where(known, np.exp(-beta[:, None] * distance), 0)
    return np.asarray(weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300), np.float64)
