"""Waves in curves along distances: which periods they have."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["HELICAL_BP", "amplitudes"]

#: base pairs of one turn of the double helix, in solution
HELICAL_BP = 10.5


def amplitudes(distances: ArrayLike, curves: ArrayLike, periods: ArrayLike) -> NDArray[np.float64]:
    """Amplitudes of the waves in curves along distances, at periods in the same unit.

        A(T) = 2 |sum_d h_d (c_d - line_d) e^(-2 pi i d / T)| / sum_d h_d,    h_d = sin^2(pi (d - d_0 + 1/2) / span)

    A cosine of amplitude a and period T has A(T) = a. The straight line that fits best is taken away first, so that a
    trend is no wave. Distances need not be evenly spaced. Periods near the span,
    d_last - d_0 + 1, cannot be told apart.

    Shapes
    ------
    distances : (d >= 3,);  curves : (..., d);  periods : (p,);  y : (..., p)

    Raises
    ------
    ValueError
        For fewer than 3 distances, or periods that are not above 0.
    """
    d, rows = np.asarray(distances, np.float64), np.asarray(curves, np.float64)
    wanted = np.asarray(periods, np.float64)
    if len(d) < 3 or not (wanted > 0).all():
        raise ValueError(
            f"amplitudes expects 3 distances or more and periods above 0, got {len(d)} distances"
        )
    weights = np.sin(np.pi * (d - d.min() + 0.5) / (np.ptp(d) + 1.0)) ** 2
    line = np.stack([np.ones_like(d), d - d.mean()])
    fitted = np.linalg.solve((line * weights) @ line.T, (line * weights) @ rows.reshape(-1, len(d)).T)
    left = (rows.reshape(-1, len(d)) - fitted.T @ line) * weights
    waves = np.exp(-2j * np.pi * d[:, None] / wanted)
    found: NDArray[np.float64] = 2.0 * np.abs(left @ waves) / weights.sum()
    return found.reshape(*rows.shape[:-1], len(wanted))
