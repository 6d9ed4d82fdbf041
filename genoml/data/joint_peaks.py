"""Peaks of several experiments as tasks of one data set: windows of all of them, and which has a peak where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
    """Whether half or more of each window lies in one of the others, all of one length: (n,) bool."""
    half = int(windows.length_bp[0]) // 2 if len(windows) else 0
    first, of_others = np.split(_places(concat([windows, others])), [len(windows)])
    ordered = np.append(np.sort(of_others), np.iinfo(np.int64).max)
    nearest = ordered[np.searchsorted(ordered, first - half)]
    return np.asarray(nearest <= first + half)


def _places(windows: Intervals) -> np.ndarray:
    """Chromosome and start of each window as one number."""
    return np.asarray(windows.codes * _CHROMOSOME + windows.start)
