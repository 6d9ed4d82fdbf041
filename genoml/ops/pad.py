"""Zeros put at the ends of sequences, and taken off again."""

from __future__ import annotations

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array


def pad_length(rows: Array, before: int, after: int, value: float = 0.0) -> Array:
    """(N, L, C) -> (N, before + L + after, C), with zeros or another value."""
    if before == after == 0:
        return rows
    xp = array_namespace(rows)
    n, _, c = rows.shape
    ends = [
        xp.full((n, size, c), value, dtype=rows.dtype, device=device_of(rows)) for size in (before, after)
    ]
    return xp.concat([ends[0], rows, ends[1]], axis=1)
