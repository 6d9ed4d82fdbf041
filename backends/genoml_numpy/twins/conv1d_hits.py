"""Hits of a scan by ``flatnonzero``, all of them: on the host nothing is gained by a bound."""

from __future__ import annotations

import numpy as np

from genoml.backend import Array
from genoml.ops.conv1d import conv1d_vjp


def conv1d_hits(x: Array, w: Array, limits: Array, most: int) -> Array:
    """See genoml.ops.conv1d.conv1d_hits."""
    y, _ = conv1d_vjp(x, w)
    places = np.flatnonzero(y[0] >= limits)
    return np.concatenate([[places.size], places])
