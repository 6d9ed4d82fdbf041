"""Shards: together they have every unit once, in order."""

from __future__ import annotations

import pytest

from genoml.parallel import WHOLE_RUN, Shard


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("units", [0, 1, 6, 7, 13])
def test_shards_have_every_unit_once_in_order_and_the_first_has_one_if_there_is_any(
    units: int, count: int
) -> None:
    shards = [Shard(number, count) for number in range(1, count + 1)]
    assert [unit for shard in shards for unit in shard.of(units)] == list(range(units))
    assert bool(shards[0].of(units)) == bool(units)
    assert [shard.first for shard in shards] == [True] + [False] * (count - 1)
    sizes = [len(shard.of(units)) for shard in shards]
    assert max(sizes) - min(sizes) <= 1


def test_rows_are_those_of_whole_blocks() -> None:
    rows = [Shard(number, 3).rows(10, 4) for number in (1, 2, 3)]
    assert [list(range(10))[each] for each in rows] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(range(10))[Shard(5, 5).rows(10, 4)] == []


def test_units_are_counted_only_where_there_are_other_shards() -> None:
    def uncounted() -> int:
        raise AssertionError

    assert WHOLE_RUN.own(uncounted).start == 0
    assert 10**9 in WHOLE_RUN.own(uncounted)
    assert Shard(2, 2).own(lambda: 5) == range(3, 5)
