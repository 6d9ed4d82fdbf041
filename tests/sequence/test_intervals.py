from __future__ import annotations

import pickle

import numpy as np
import pytest

from genoml.genome import Interval, Intervals, concat, whole_chromosomes
from genoml.genome.gather import row_blocks

PEAKS = Intervals(
    ["chr2", "chr1", "chr10", "chr1"], [5, 7, 0, 7], [9, 30, 4, 20], ["+", "-", ".", "+"], name=list("abcd")
)


def test_rows_are_read_one_by_one():
    assert list(PEAKS)[:2] == [Interval("chr2", 5, 9, "+"), Interval("chr1", 7, 30, "-")]
    assert PEAKS.names == ("chr2", "chr1", "chr10")
    assert PEAKS.length_bp.tolist() == [4, 23, 4, 13]


@pytest.mark.parametrize("rows", [slice(1, 3), [1, 2], np.array([False, True, True, False])])
def test_rows_are_chosen_with_all_their_columns(rows):
    chosen = PEAKS[rows]
    assert list(chosen.columns["name"]) == ["b", "c"]
    assert chosen == Intervals(["chr1", "chr10"], [7, 0], [30, 4], ["-", "."], name=["b", "c"])


def test_one_row_is_no_intervals():
    with pytest.raises(TypeError, match="indexed by slices, masks or index arrays"):
        PEAKS[0]


def test_sorting_is_by_name_or_by_the_order_given():
    assert list(PEAKS.sort().columns["name"]) == ["d", "b", "c", "a"]
    assert list(PEAKS.sort(["chr10", "chr2", "chr1"]).columns["name"]) == ["c", "a", "d", "b"]
    with pytest.raises(ValueError, match="order expects every chromosome, got none called 'chr10'"):
        PEAKS.sort(["chr1", "chr2"])


def test_concat_keeps_the_columns_that_all_have():
    other = Intervals("chr1", [1], [2], name=["e"], score=[1.0])
    joined = concat([PEAKS, other])
    assert list(joined)[4] == ("chr1", 1, 2, ".")
    assert list(joined.columns) == ["name"]
    assert concat([PEAKS]) == PEAKS
    with pytest.raises(ValueError, match="at least one set"):
        concat([])


def test_whole_chromosomes_run_from_0_to_their_length():
    assert list(whole_chromosomes({"a": 5, "b": 7})) == [("a", 0, 5, "."), ("b", 0, 7, ".")]


def test_intervals_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="read-only"):
        PEAKS.start[0] = 1


def test_intervals_survive_pickling():
    assert pickle.loads(pickle.dumps(PEAKS)) == PEAKS


def test_equality_looks_at_every_column():
    assert PEAKS.with_columns(name=list("abce")) != PEAKS
    assert PEAKS.with_columns(score=[1, 2, 3, 4]) != PEAKS
    assert Intervals("a", [1], [2], score=[float("nan")]) == Intervals("a", [1], [2], score=[float("nan")])
    assert PEAKS != "PEAKS"


def test_none_is_possible():
    empty = Intervals([], [], [])
    assert len(empty) == len(empty.sort()) == len(empty[[]]) == 0
    assert repr(empty) == "Intervals(0 rows: )"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("a", [5], [5]), ValueError, "intervals expect start < end, got a:5-5 as row 0"),
        (("a", [1, 9], [5, 2]), ValueError, "intervals expect start < end, got a:9-2 as row 1"),
        (("a", [1], [2**63]), ValueError, r"end expects coordinates up to 2\^40 bp, got 9223372036854775808"),
        (
            ("a", [1], [2**64]),
            ValueError,
            r"end expects coordinates up to 2\^40 bp, got 18446744073709551616",
        ),
        (("a", [-(2**63)], [1]), ValueError, r"start expects coordinates up to 2\^40 bp"),
        (("a", [-1, 2**63], [1, 2]), ValueError, r"start expects coordinates up to 2\^40 bp"),
        (("a", [1.0], [2.0]), TypeError, "start expects integers, got an array of float64"),
        (("a", ["1"], ["2"]), TypeError, "start expects integers"),
        (("a", [True], [2]), TypeError, "start expects integers, got an array of bool"),
        (("a", [[1]], [[2]]), ValueError, "start expects one dimension"),
        (("a", [1], [2, 3]), ValueError, "end expects 1 values, one a row, got 2"),
        ((["a", "b"], [1], [2]), ValueError, "start expects 2 values, one a row, got 1"),
        ((["a"], [1], [2], "x"), ValueError, r"strand expects \+, - or ., got 'x' as row 0"),
        (([""], [1], [2]), TypeError, "chrom expects names of one letter or more"),
        (([1], [1], [2]), TypeError, "chrom expects names of one letter or more"),
    ],
)
def test_what_is_no_interval_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Intervals(*arguments)


def test_codes_must_be_indices_of_distinct_names():
    with pytest.raises(ValueError, match="indices of the 1 names"):
        Intervals.from_codes(["a"], np.array([1]), np.array([0]), np.array([1]))
    with pytest.raises(ValueError, match="each chromosome once"):
        Intervals.from_codes(["a", "a"], np.array([0]), np.array([0]), np.array([1]))


def test_blocks_of_rows_hold_about_so_many_bases():
    blocks = [range(4)[rows] for rows in row_blocks(PEAKS, 20)]
    assert [list(block) for block in blocks] == [[0], [1, 2], [3]]
    assert list(row_blocks(PEAKS[[]], 20)) == []
