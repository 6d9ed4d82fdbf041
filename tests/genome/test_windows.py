from __future__ import annotations

import numpy as np
import pytest

from genoml.genome import Intervals, centre, jitter, tile, whole_chromosomes


def spans(intervals):
    return list(zip(intervals.start.tolist(), intervals.end.tolist(), strict=True))


def test_tiles_lie_side_by_side_and_are_whole():
    assert spans(tile(Intervals("c", [2], [12]), 3)) == [(2, 5), (5, 8), (8, 11)]
    assert spans(tile(Intervals("c", [2], [11]), 3)) == [(2, 5), (5, 8), (8, 11)]
    assert spans(tile(Intervals("c", [0], [2]), 3)) == []


def test_partial_tiles_can_be_kept():
    assert spans(tile(Intervals("c", [2], [12]), 3, keep_partial=True))[-1] == (11, 12)
    sliding = tile(Intervals("c", [0], [5]), 3, step_bp=1, keep_partial=True)
    assert spans(sliding) == [(0, 3), (1, 4), (2, 5), (3, 5), (4, 5)]


def test_windows_slide_and_keep_strand_and_name():
    slid = tile(Intervals(["a", "b"], [0, 3], [6, 8], ["+", "-"], name=["x", "y"]), 4, step_bp=2)
    assert list(slid) == [("a", 0, 4, "+"), ("a", 2, 6, "+"), ("b", 3, 7, "-")]
    assert list(slid.columns["name"]) == ["x", "x", "y"]


def test_a_genome_is_tiled():
    assert len(tile(whole_chromosomes({"a": 1000, "b": 999}), 100)) == 19


def test_windows_are_centred_on_the_midpoint():
    assert spans(centre(Intervals("c", [10, 10], [20, 21]), 4)) == [(13, 17), (13, 17)]
    assert spans(centre(Intervals("c", [10, 10], [20, 21]), 5)) == [(13, 18), (13, 18)]
    assert spans(centre(Intervals("c", [0], [2]), 10)) == [(-4, 6)]


def test_windows_are_centred_on_the_summit():
    peaks = Intervals("c", [100, 100], [200, 200], peak=[0, 99])
    windows = centre(peaks, 11, on="summit")
    assert spans(windows) == [(95, 106), (194, 205)]
    assert "peak" not in windows.columns


def test_a_missing_summit_can_give_way_to_the_midpoint():
    peaks = Intervals("c", [10, 30], [20, 40], peak=[7, -1])
    assert spans(centre(peaks, 4, on="summit_or_midpoint")) == [(15, 19), (33, 37)]
    bare = Intervals("c", [10], [20])
    assert centre(bare, 4, on="summit_or_midpoint") == centre(bare, 4)


def test_a_summit_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="column 'peak', as narrowPeak has; got none"):
        centre(Intervals("c", [1], [5]), 4, on="summit")
    with pytest.raises(ValueError, match=r"got -1 \(none\) in row 1 \(c:3-6\)"):
        centre(Intervals("c", [1, 3], [5, 6], peak=[0, -1]), 4, on="summit")
    with pytest.raises(ValueError, match=r"on expects 'midpoint', 'summit' or .*, got 'end'"):
        centre(Intervals("c", [1], [5]), 4, on="end")


def test_jitter_shifts_evenly_and_again_alike():
    windows = Intervals("c", np.full(7000, 50), np.full(7000, 60))
    shifted = jitter(windows, 3, seed=1)
    assert (shifted.length_bp == 10).all()
    counts = np.bincount(shifted.start - 47, minlength=7)
    assert counts.size == 7
    assert np.abs(counts - 1000).max() < 150
    assert jitter(windows, 3, seed=1) == shifted
    assert jitter(windows, 3, seed=2) != shifted
    assert jitter(windows, 0) == windows


@pytest.mark.parametrize("length", [0, -1, 2**63])
def test_lengths_are_checked(length):
    intervals = Intervals("c", [1], [5])
    for windows in (centre, tile):
        with pytest.raises(ValueError, match=r"length_bp expects 1 to 2\^40"):
            windows(intervals, length)
    with pytest.raises(ValueError, match=r"step_bp expects 1 to 2\^40"):
        tile(intervals, 1, step_bp=length)
    with pytest.raises(ValueError, match=r"max_bp expects 0 to 2\^40"):
        jitter(intervals, length - 1)
