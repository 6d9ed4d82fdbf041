from __future__ import annotations

import pytest

from genoml.models.windows import Window, pool, positions, shortest_bp

STACKS = [
    [Window(5)],
    [Window(3, 2), pool(4)],
    [Window(4), pool(3), Window(2), pool(2)],
    [Window(4), pool(3, partial=True), Window(2), pool(2, partial=True)],
]


def loop_positions(length: int, windows: list[Window]) -> int:
    """Windows counted one by one."""
    for window in windows:
        starts = range(0, length, window.stride)
        length = sum(1 for start in starts if window.partial or start + window.size <= length)
    return length


@pytest.mark.parametrize("windows", STACKS)
def test_positions_are_those_counted_one_by_one(windows: list[Window]) -> None:
    for length in range(shortest_bp(windows), 60):
        assert positions(length, windows) == loop_positions(length, windows)


@pytest.mark.parametrize("windows", STACKS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_length_is_the_first_that_leaves_so_many(windows: list[Window], count: int) -> None:
    shortest = shortest_bp(windows, count)
    assert loop_positions(shortest, windows) == count
    assert loop_positions(shortest - 1, windows) < count


def test_a_length_that_leaves_nothing_is_refused_with_the_shortest() -> None:
    with pytest.raises(ValueError, match="expects length_bp >= 9, got 8"):
        positions(8, [Window(4), pool(3), Window(2)])
