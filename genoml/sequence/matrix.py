"""Checks of the arguments of a position weight matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["check_p_value", "checked_background", "checked_matrix"]


def checked_matrix(values: ArrayLike, what: str) -> np.ndarray:
    """A float64 copy (width, 4), checked to be finite and not negative."""
    matrix = np.array(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] == 0 or matrix.shape[1] != 4:
        hint = "; transpose it" if matrix.ndim == 2 and matrix.shape[0] == 4 else ""
        raise ValueError(f"PWM expects {what} of shape (width >= 1, 4), got {matrix.shape}{hint}")
    if not np.all(np.isfinite(matrix)) or np.any(matrix < 0):
        raise ValueError(f"PWM expects finite {what}, none below 0")
    return matrix


def checked_background(values: Sequence[float]) -> np.ndarray:
    """A float64 copy (4,), checked to be probabilities above 0."""
    background = np.array(values, dtype=np.float64)
    if background.shape != (4,) or np.any(background <= 0) or abs(float(background.sum()) - 1.0) > 1e-6:
        raise ValueError(f"PWM expects a background of 4 probabilities above 0 that sum to 1, got {values}")
    return background


def check_p_value(p_value: float) -> None:
    """Raise unless 0 < p_value <= 1."""
    if not 0.0 < p_value <= 1.0:
        raise ValueError(f"PWM expects 0 < p_value <= 1, got {p_value}")
