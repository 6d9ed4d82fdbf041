from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.genome import (
    Intervals,
    centre,
    count_overlaps,
    exclude,
    intersect,
    jitter,
    merge,
    overlap_pairs,
    overlaps_any,
    subtract,
    tile,
)


@st.composite
def some_intervals(draw):
    rows = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 30), st.integers(1, 12)), max_size=9)
    )
    names, start, length = [list(column) for column in zip(*rows, strict=True)] or ([], [], [])
    end = [first + width for first, width in zip(start, length, strict=True)]
    return Intervals(names, start, end, name=[str(row) for row in range(len(names))])


def bases(intervals):
    return {(row.chrom, base) for row in intervals for base in range(row.start, row.end)}


@settings(max_examples=120, deadline=None)
@given(some_intervals(), some_intervals())
def test_overlaps_are_those_of_a_loop_over_all_pairs(a, b):
    expected = [
        (i, j)
        for i, x in enumerate(a)
        for j, y in enumerate(b)
        if x.chrom == y.chrom and x.start < y.end and y.start < x.end
    ]
    rows_a, rows_b = overlap_pairs(a, b)
    assert list(zip(rows_a.tolist(), rows_b.tolist(), strict=True)) == expected
    counts = [sum(i == row for i, _ in expected) for row in range(len(a))]
    assert count_overlaps(a, b).tolist() == counts
    assert overlaps_any(a, b).tolist() == [count > 0 for count in counts]
    assert list(exclude(a, b)) == [row for row, count in zip(a, counts, strict=True) if not count]
    cut = [(a.names[a.codes[i]], max(a.start[i], b.start[j]), min(a.end[i], b.end[j])) for i, j in expected]
    assert [row[:3] for row in intersect(a, b)] == cut


@settings(max_examples=80, deadline=None)
@given(some_intervals(), st.integers(0, 4))
def test_merging_is_that_of_a_loop_over_sorted_rows(a, distance):
    expected: list[list] = []
    for row in sorted(a, key=lambda row: (a.names.index(row.chrom), row.start)):
        if expected and expected[-1][0] == row.chrom and row.start <= expected[-1][2] + distance:
            expected[-1][2] = max(expected[-1][2], row.end)
            expected[-1][3] += 1
        else:
            expected.append([row.chrom, row.start, row.end, 1])
    merged = merge(a, distance_bp=distance)
    found = [
        [row.chrom, row.start, row.end, count]
        for row, count in zip(merged, merged.columns["count"].tolist(), strict=True)
    ]
    assert found == expected


@settings(max_examples=80, deadline=None)
@given(some_intervals(), some_intervals())
def test_subtracting_leaves_the_bases_that_are_not_covered(a, b):
    left = subtract(a, b)
    covered = bases(b)
    for row in range(len(a)):
        parts = left[left.columns["name"] == str(row)]
        assert bases(parts) == bases(a[[row]]) - covered
        # in order, and as few parts as there can be
        assert all(parts.end[:-1] < parts.start[1:])


def test_intervals_that_touch_share_nothing():
    a, b = Intervals("c", [0], [5]), Intervals("c", [5], [9])
    assert not overlaps_any(a, b).any()
    assert list(merge(Intervals("c", [0, 5], [5, 9]))) == [("c", 0, 9, ".")]


def test_an_interval_contained_in_an_earlier_one_does_not_end_it():
    assert list(merge(Intervals("c", [0, 2, 8], [10, 3, 12]))) == [("c", 0, 12, ".")]


def test_the_greatest_coordinates_do_not_overflow():
    top = 1 << 40
    a = Intervals(["a", "b", "c"], [-top, top - 1, 0], [top, top, 1])
    assert count_overlaps(a, a).tolist() == [1, 1, 1]
    assert list(subtract(a, Intervals("a", [0], [1]))) == [
        ("a", -top, 0, "."), ("a", 1, top, "."), ("b", top - 1, top, "."), ("c", 0, 1, ".")
    ]  # fmt: skip
    assert len(merge(a, distance_bp=top)) == 3


def test_a_line_of_chromosomes_too_long_for_int64_is_refused(monkeypatch):
    monkeypatch.setattr("genoml.genome.overlaps._MAX_TOTAL_BP", 100.0)
    with pytest.raises(ValueError, match=r"stay below 2\^62 bp"):
        merge(Intervals(["a", "b"], [0, 0], [50, 50]))


def test_parts_keep_columns_but_not_those_counted_from_the_ends():
    peak = Intervals("c", [0], [10], "+", name=["p"], peak=[3], thick_start=[2])
    left = subtract(peak, Intervals("c", [4], [6]))
    assert left == Intervals("c", [0, 6], [4, 10], "+", name=["p", "p"])


def test_the_same_chromosomes_under_other_names_are_an_error():
    with pytest.raises(ValueError, match="one has 'chr1', the other '1'; rename one of them"):
        exclude(Intervals("chr1", [1], [5]), Intervals("1", [1], [5]))
    assert len(exclude(Intervals("chr1", [1], [5]), Intervals("chr2", [1], [5]))) == 1


@pytest.mark.parametrize("distance", [-1, 2**63])
def test_the_distance_of_a_merge_is_checked(distance):
    with pytest.raises(ValueError, match=r"distance_bp expects 0 to 2\^40"):
        merge(Intervals("c", [0], [1]), distance_bp=distance)


@pytest.mark.parametrize(
    "use",
    [
        merge,
        lambda name: exclude(Intervals("c", [0], [1]), name),
        lambda name: tile(name, 10),
        lambda name: centre(name, 10),
        lambda name: jitter(name, 10),
    ],
)
def test_the_name_of_a_file_is_no_intervals(use):
    with pytest.raises(
        TypeError, match=r"expects intervals, such as read_bed\(path\) gives, got 'peaks.bed'"
    ):
        use("peaks.bed")
