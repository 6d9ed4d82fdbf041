"""Receptive fields, against counting inputs and outputs one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.ops.windows import EVERYTHING, Reach, positions_left, same_padding, shortest_length

STACKS = [
    [Reach(5)],
    [Reach(3, 2), Reach(4, 4)],
    [Reach(4), Reach(3, 3), Reach(2), Reach(2, 2)],
    [Reach(4), Reach(3, 3, partial=True), Reach(2), Reach(2, 2, partial=True)],
    [Reach(5, 2, partial=True), Reach(3, dilation=2, before=1, after=1)],
]


def inputs_of(reach: Reach, output: int) -> set[int]:
    """What one output reads, past the ends too."""
    return {output * reach.stride - reach.before + k * reach.dilation for k in range(reach.kernel)}


def loop_positions(length: int, reaches: list[Reach]) -> int:
    """Windows counted one by one: those that lie inside, and the first that the end cuts off."""
    for reach in reaches:
        padded, count, start = length + reach.before + reach.after, 0, 0
        while start + reach.span <= padded:
            count, start = count + 1, start + reach.stride
        # a partial one, unless the one before has reached the end
        reached = count > 0 and start - reach.stride + reach.span >= padded
        length = count + (reach.partial and not reached and start < padded)
    return length


@pytest.mark.parametrize("reaches", STACKS)
def test_positions_are_those_counted_one_by_one(reaches: list[Reach]) -> None:
    for length in range(shortest_length(reaches), 60):
        assert positions_left(length, reaches) == loop_positions(length, reaches)


@pytest.mark.parametrize("reaches", STACKS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_length_is_the_first_that_leaves_so_many(reaches: list[Reach], count: int) -> None:
    shortest = shortest_length(reaches, count)
    assert loop_positions(shortest, reaches) >= count
    assert loop_positions(shortest - 1, reaches) < count


def test_a_length_that_leaves_nothing_is_refused_with_the_shortest() -> None:
    with pytest.raises(ValueError, match="expects length_bp >= 9, got 8"):
        positions_left(8, [Reach(4), Reach(3, 3), Reach(2)])


SIZES = st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(-2, 4)
REACHES = st.builds(lambda k, s, d, b: Reach(k, s, d, before=b), *SIZES)


@settings(max_examples=80, deadline=None)
@given(REACHES, st.integers(0, 20), st.integers(1, 6))
def test_outputs_and_inputs_find_each_other(reach: Reach, start: int, width: int) -> None:
    places = range(-40, 60)
    changed = set(range(start, start + width))
    reached = [place for place in places if inputs_of(reach, place) & changed]
    first, stop = reach.seen_by(start, start + width)
    assert set(reached) <= set(range(first, stop))
    if reached and reach.dilation == 1:
        assert (first, stop) == (reached[0], reached[-1] + 1)
    read = set().union(*(inputs_of(reach, place) for place in range(start, start + width)))
    assert reach.reads(start, start + width) == (min(read), max(read) + 1)


@settings(max_examples=80, deadline=None)
@given(REACHES, REACHES, st.integers(14, 40))
def test_two_in_a_row_read_what_the_one_reads_of_the_other(first: Reach, second: Reach, length: int) -> None:
    both, middle = first.then(second, length), first.outputs(length)
    count = second.outputs(middle)
    if count < 1:
        return
    assert both.outputs(length) == count
    for output in range(count):
        read = set().union(*(inputs_of(first, place) for place in inputs_of(second, output)))
        assert both.reads(output, output + 1) == (min(read), max(read) + 1)


@settings(max_examples=80, deadline=None)
@given(REACHES, REACHES, st.integers(14, 40))
def test_two_side_by_side_read_what_either_reads(first: Reach, second: Reach, length: int) -> None:
    both = first.beside(second, length)
    if first.stride != second.stride:
        assert both == EVERYTHING
        return
    assert both.outputs(length) == first.outputs(length)
    for output in range(first.outputs(length)):
        read = inputs_of(first, output) | inputs_of(second, output)
        assert both.reads(output, output + 1) == (min(read), max(read) + 1)


@settings(max_examples=40, deadline=None)
@given(st.builds(Reach, *SIZES[:3]), st.integers(1, 6))
def test_taps_are_the_inputs_of_each_kernel_position(reach: Reach, count: int) -> None:
    inputs = range(reach.reads(0, count)[1])
    for k in range(reach.kernel):
        met = [place * reach.stride + k * reach.dilation for place in range(count)]
        assert [*inputs[reach.tap(k, count)]] == met


def test_everything_stays_everything() -> None:
    assert EVERYTHING.then(Reach(3), 9) == Reach(3).then(EVERYTHING, 9) == EVERYTHING
    assert EVERYTHING.beside(Reach(3), 9) == Reach(3).beside(EVERYTHING, 9) == EVERYTHING


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (4, 1), (5, 2), (2, 3)])
def test_same_padding_leaves_a_position_a_stride(kernel: int, dilation: int, stride: int) -> None:
    for length in range(1, 20):
        before, after = same_padding(length, kernel, stride, dilation)
        assert Reach(kernel, stride, dilation, before, after).outputs(length) == -(-length // stride)
        assert after - before in (0, 1)
