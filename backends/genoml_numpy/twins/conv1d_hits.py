"""Hits of a scan by ``flatnonzero``, all of them: on the host nothing is gained by a bound."""

from __future__ import annotations

import numpy as np

from genoml.backend import Array
from genoml.ops.conv1d import conv1d_vjp

#: Windows whose scores are held at a time: few enough for a core's cache.
_AT_ONCE = 1 << 14


def conv1d_hits(x: Array, w: Array, limits: Array, most: int) -> Array:
    """See genoml.ops.conv1d.conv1d_hits."""
    width, _, filters = w.shape
    found = []
    for first in range(0, x.shape[1] - width + 1, _AT_ONCE):
        y, _ = conv1d_vjp(x[:, first : first + _AT_ONCE + width - 1], w)
        found.append(np.flatnonzero(y[0] >= limits) + first * filters)
    return np.concatenate([[sum(places.size for places in found)], *found])
