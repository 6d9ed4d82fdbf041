"""Attention in blocks holds memory that grows with the length, not with its square."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from genoml import nn


def peak_bytes(length: int, **options: Any) -> int:
    """The most that is held in forward and backward, beside the input."""
    layer = nn.SelfAttention(4, 1, backend="numpy", **options)
    x = np.ones((1, length, 4), np.float32)
    layer.vjp(x[:, :8, :])  # what is made once
    tracemalloc.start()
    try:
        y, pullback = layer.vjp(x)
        pullback(np.ones_like(y))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("position", [None, "rotary", "relative", "relative_basis"], ids=str)
def test_blocks_hold_memory_in_proportion_to_the_length(position: str | None) -> None:
    options: dict[str, Any] = {"position": position, "block_size": 128, "bases": 2}
    short, long = (peak_bytes(length, **options) for length in (1024, 4096))
    assert long < 4.4 * short
    assert long < 4096 * 4096 * 4 / 8  # an eighth of the matrix in float32


def test_without_blocks_the_matrix_is_held() -> None:
    assert peak_bytes(1024, causal=True) > 1024 * 1024 * 4


def test_plain_attention_needs_no_blocks_on_numpy() -> None:
    assert peak_bytes(4096) < 4096 * 4096 * 4 / 8
