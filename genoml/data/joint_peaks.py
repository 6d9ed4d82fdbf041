"""Peaks of several experiments as tasks of one data set: windows of all of them, and which has a peak where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genoml.genome.overlaps import overlap_pairs
from genoml.genome.windows import centre
from genoml.sequence.intervals import Intervals, concat

#: beyond any coordinate, so that a chromosome and a start are one number
_CHROMOSOME = 1 << 42


def joined_windows(experiments: Sequence[Intervals], length_bp: int) -> Intervals:
    """Windows around the peaks of several experiments, in genomic order, those of one place only once.

    Windows are centred on the summit where there is one, else on the middle. From left to right, one that overlaps the
    last kept one by at least half of its length is left out, so that every peak is represented.

    Parameters
    ----------
    experiments : sequence of Intervals
        The peaks of each.
    length_bp : int
        Length of every window.

    References
    ----------
    Kelley et al. (2016), Basset, doi:10.1101/gr.200535.115, which merges the peaks of cell types in the same way.
    """
    windows = concat([centre(peaks, length_bp, on="summit_or_midpoint") for peaks in experiments])
    places = _places(windows)
    order = np.argsort(places, kind="stable")
    kept = []
    last = -2 * _CHROMOSOME
    for row, place in zip(order.tolist(), places[order].tolist(), strict=True):
        if place - last > length_bp // 2:
            kept.append(row)
            last = place
    return windows[np.array(kept, np.int64)]


def peak_labels(windows: Intervals, experiments: Sequence[Intervals]) -> np.ndarray:
    """Labels (n, experiments), float32: 1 where a window around a peak overlaps the window by half or more.

    Parameters
    ----------
    windows : Intervals
        All of one length; negatives may be among them.
    experiments : sequence of Intervals
        The peaks of each.
    """
    length_bp = int(windows.length_bp[0])
    around = [centre(peaks, length_bp, on="summit_or_midpoint") for peaks in experiments]
    return np.stack([overlap_by_half(windows, peaks) for peaks in around], axis=1).astype(np.float32)


def overlap_by_half(windows: Intervals, others: Intervals) -> np.ndarray:
    """Whether each window shares half the bases of the shorter, or more, with one of the others: (n,) bool."""
    rows, of_others = overlap_pairs(windows, others)
    ends = np.minimum(windows.end[rows], others.end[of_others])
    bases = ends - np.maximum(windows.start[rows], others.start[of_others])
    half = 2 * bases >= np.minimum(windows.length_bp[rows], others.length_bp[of_others])
    found = np.zeros(len(windows), bool)
    found[rows[half]] = True
    return found


def _places(windows: Intervals) -> np.ndarray:
    """Chromosome and start of each window as one number."""
    return np.asarray(windows.codes * _CHROMOSOME + windows.start)
