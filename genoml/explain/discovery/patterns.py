"""Patterns: seqlets of one motif, aligned with one another."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoml.explain.discovery.tracks import Sites, Tracks, scaled, turned
from genoml.ops.jaccard import jaccard
from genoml.parallel.parts import Workers

#: positions of a motif
MOTIF_BP = 30
_LEAST_OVERLAP = 0.7
_ROUNDS = 5
# a position is kept that this share, and this number, of the seqlets cover
_SUPPORT = 0.2
_LEAST_SUPPORT = 30
_NEAR = 0.95


class Pattern(NamedTuple):
    """Seqlets that are aligned with one another.

    Attributes
    ----------
    nodes : array
        Numbers of its seqlets in the graph.
    sites : Sites
        Where they are, each MOTIF_BP long and as the motif reads.
    mean : array of shape (MOTIF_BP, 8)
        Mean contributions and hypothetical contributions, each of absolute sum 1.
    """

    nodes: NDArray[np.int64]
    sites: Sites
    mean: NDArray[np.float32]


def aggregated(
    tracks: Tracks, nodes: NDArray[np.int64], sites: Sites, width: int, first: int | None, workers: Workers
) -> Pattern:
    """The pattern of seqlets, aligned by J with the ``first`` of them, then with their mean, till none moves.

    Offsets leave an overlap of 70 %; both strands are tried. Kept is the window of 30 positions, among those that
    20 % of the seqlets (and 30, or half of them if these are fewer) cover, with the largest absolute mean
    contributions. Without ``first`` they are taken as aligned already, and moved to their mean.
    """
    pairs = tracks.pair(sites, width)
    both = np.concatenate([pairs, turned(pairs)])
    margin = width - math.ceil(_LEAST_OVERLAP * width)
    wide = width + 2 * margin
    n = len(nodes)
    mean = np.zeros((1, wide, 8), np.float32)
    mean[0, margin : margin + width] = pairs.mean(axis=0) if first is None else pairs[first]
    offset, flipped = np.full(n, margin), np.zeros(n, bool)
    for _ in range(_ROUNDS):
        value, found = _against(both, mean, 2 * margin, workers)
        now_flipped = value[n:] > value[:n]
        now_offset = np.where(now_flipped, found[n:], found[:n])
        settled = bool((now_flipped == flipped).all() and (now_offset == offset).all())
        offset, flipped = now_offset, now_flipped
        mean, support = _placed(both[np.arange(n) + n * flipped], offset, wide)
        if settled:
            break
    least = max(_SUPPORT * n, min(_LEAST_SUPPORT, n / 2))
    start = _window(np.abs(mean[0, :, :4]).sum(axis=1), support >= least)
    placed = sites.moved(start - offset, flipped, width, MOTIF_BP)
    kept = placed.once()
    return pattern(tracks, nodes[kept], placed.take(kept))


def pattern(tracks: Tracks, nodes: NDArray[np.int64], sites: Sites) -> Pattern:
    """The pattern of sites as they are."""
    mean = tracks.pair(sites, MOTIF_BP).mean(axis=0)
    return Pattern(nodes, sites, scaled(mean[None, :, :4], mean[None, :, 4:])[0])


def _against(
    both: NDArray[np.float32], mean: NDArray[np.float32], high: int, workers: Workers
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Largest J of each matrix with the mean, and its offset."""
    value, offset = np.empty(len(both), np.float32), np.empty(len(both), np.int64)

    def work(start: int, stop: int) -> None:
        rows = np.arange(start, stop)
        value[start:stop], offset[start:stop] = jaccard(both, mean, rows, np.zeros_like(rows), 0, high)

    workers.share_out(work, len(both), least=1024)
    return value, offset


def _placed(
    pairs: NDArray[np.float32], offset: NDArray[np.int64], wide: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Mean of matrices at their offsets, (1, wide, 8), and how many cover each position."""
    total, support = np.zeros((1, wide, 8)), np.zeros(wide, np.int64)
    width = pairs.shape[1]
    for at in np.unique(offset).tolist():
        own = pairs[offset == at]
        total[0, at : at + width] += own.sum(axis=0, dtype=np.float64)
        support[at : at + width] += len(own)
    return scaled(total[:, :, :4], total[:, :, 4:]), support


def _window(size: NDArray[Any], supported: NDArray[np.bool_]) -> int:
    """First position of the window of MOTIF_BP with the largest sum within the supported positions.

    Of windows with at least 95 % of that sum it is the middle one: then the motif is in the middle of the window.
    """
    known = np.flatnonzero(supported)
    low, high = int(known[0]), int(known[-1]) + 1
    if high - low <= MOTIF_BP:
        return (low + high - MOTIF_BP) // 2
    sums = np.convolve(size[low:high], np.ones(MOTIF_BP), "valid")
    near = np.flatnonzero(sums >= _NEAR * sums.max())
    return low + int(near[np.argmin(np.abs(near - near.mean()))])
