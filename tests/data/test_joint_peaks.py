"""Peaks of several experiments become windows of one data set, with a label an experiment."""

from __future__ import annotations

import numpy as np

from genoml.data.joint_peaks import joined_windows, peak_labels
from genoml.sequence.intervals import Intervals


def peaks(*places: tuple[str, int], width: int = 20) -> Intervals:
    starts = np.array([start for _, start in places])
    return Intervals([name for name, _ in places], starts, starts + width)


def by_hand(windows: Intervals, experiment: Intervals, length: int) -> list[float]:
    """1 where a window around a peak shares at least half of its bases with the window."""
    labels = []
    for chrom, start in zip(windows.chrom, windows.start, strict=True):
        shared = [
            length - abs(int(begin) + int(size) // 2 - length // 2 - int(start))
            for name, begin, size in zip(
                experiment.chrom, experiment.start, experiment.length_bp, strict=True
            )
            if name == chrom
        ]
        labels.append(float(any(bases >= length / 2 for bases in shared)))
    return labels


def test_peaks_at_one_place_share_a_window_with_a_label_each() -> None:
    first = peaks(("chr1", 100), ("chr2", 100), ("chr1", 500))
    second = peaks(("chr1", 108), ("chr1", 300))
    windows = joined_windows([first, second], 20)
    assert list(zip(windows.chrom, windows.start, strict=True)) == [
        ("chr1", 100), ("chr1", 300), ("chr1", 500), ("chr2", 100),
    ]  # fmt: skip
    assert peak_labels(windows, [first, second]).tolist() == [[1, 1], [0, 1], [1, 0], [1, 0]]


def test_labels_are_those_of_a_plain_loop_and_every_peak_is_represented() -> None:
    rng = np.random.default_rng(0)
    experiments = [
        peaks(*[(f"chr{rng.integers(1, 4)}", int(rng.integers(0, 2000))) for _ in range(60)], width=width)
        for width in (20, 31)
    ]
    for length in (20, 25):
        windows = joined_windows(experiments, length)
        labels = peak_labels(windows, experiments)
        expected = np.stack([by_hand(windows, each, length) for each in experiments], axis=1)
        np.testing.assert_array_equal(labels, expected)
        assert labels.any(axis=1).all(), "every window is around a peak"
        starts = windows.start + 10**6 * windows.codes
        assert (np.diff(np.sort(starts)) > length // 2).all(), "no two windows at one place"
        around = joined_windows(experiments[:1], length)
        assert (peak_labels(around, [windows]) == 1).all(), "no peak is lost"


def test_negatives_have_no_label() -> None:
    first = peaks(("chr1", 100))
    assert peak_labels(peaks(("chr1", 100), ("chr1", 130), ("chr9", 100)), [first]).tolist() == [
        [1],
        [0],
        [0],
    ]
