from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoml.data import epoch_order


@given(st.integers(1, 200), st.integers(1, 64), st.integers(0, 5), st.integers(0, 5))
def test_every_example_is_seen_once_in_batches_of_even_size(
    count: int, batch_size: int, seed: int, epoch: int
) -> None:
    batches = epoch_order(count, batch_size, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(count))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert len(batches) == -(-count // batch_size)


def test_the_order_is_keyed_by_seed_and_epoch() -> None:
    orders = {
        (seed, epoch): np.concatenate(epoch_order(50, 8, seed, epoch)).tolist()
        for seed in (0, 1)
        for epoch in (0, 1)
    }
    assert len({tuple(order) for order in orders.values()}) == 4
    assert np.concatenate(epoch_order(50, 8, 1, 1)).tolist() == orders[1, 1]


def test_the_batch_size_does_not_change_the_order() -> None:
    assert np.array_equal(np.concatenate(epoch_order(50, 8, 0, 0)), np.concatenate(epoch_order(50, 50, 0, 0)))


@pytest.mark.parametrize(("count", "batch_size"), [(0, 8), (8, 0), (8, -1)])
def test_no_examples_and_no_batch_size_are_refused(count: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match=f"got {count} and {batch_size}"):
        epoch_order(count, batch_size, 0, 0)
