"""The order of the examples in an epoch, and its batches."""

from __future__ import annotations

import numpy as np

from genoml.random import host_generator


def epoch_order(count: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Batches of positions for one epoch: a permutation keyed by (seed, epoch), cut evenly.

    Batch sizes differ by at most one, so that no small last batch disturbs batch statistics.

    Raises
    ------
    ValueError
        If batch_size < 1 or there are no examples.
    """
    if batch_size < 1 or count < 1:
        raise ValueError(f"epoch_order expects examples and batch_size >= 1, got {count} and {batch_size}")
    return cut(host_generator(seed, "order", epoch).permutation(count), batch_size)


def cut(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Cut an order of examples into batches of at most ``batch_size``, as evenly as possible.

    Raises
    ------
    ValueError
        If batch_size < 1.
    """
    if batch_size < 1:
        raise ValueError(f"a batch expects at least 1 example, got batch_size = {batch_size}")
    return np.array_split(order, -(-len(order) // batch_size))
