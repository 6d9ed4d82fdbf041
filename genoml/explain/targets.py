"""What of a model's output is explained: one number a sequence, and its derivative."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of
from numpy.typing import ArrayLike

from genoml.backend import Array

__all__ = ["Task", "checked_codes", "score_gradient", "score_of"]

#: the number of an output, or the weight of each
Task: TypeAlias = int | ArrayLike


def checked_codes(codes: np.ndarray, what: str, batch_size: int = 1) -> None:
    """Raise ValueError unless these are base codes (n >= 1, length >= 1), and the batch has a size."""
    if codes.dtype != np.uint8 or codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(f"{what} expects uint8 codes (n >= 1, length >= 1), got {codes.dtype} {codes.shape}")
    if batch_size < 1:
        raise ValueError(f"{what} expects batch_size >= 1, got {batch_size}")


def _weights(outputs: Array, task: Task) -> Array:
    """The weight of each output, (features,)."""
    xp, size = array_namespace(outputs), 1
    for extent in outputs.shape[1:]:
        size *= extent
    if isinstance(task, int | np.integer):
        if not -size <= task < size:
            raise ValueError(f"task expects an output from 0 to {size - 1}, got {task}")
        weights = np.zeros(size)
        weights[task] = 1.0
    else:
        weights = np.asarray(task, dtype=np.float64)
        if weights.shape != (size,) or not np.isfinite(weights).all():
            raise ValueError(f"task expects {size} finite weights, one an output, got shape {weights.shape}")
    return xp.asarray(weights, dtype=outputs.dtype, device=device_of(outputs))


def score_of(outputs: Array, task: Task) -> Array:
    """f[n] = sum_o weights[o] outputs[n, o], (n,); outputs of more axes are laid out in a row first."""
    xp, weights = array_namespace(outputs), _weights(outputs, task)
    return xp.reshape(outputs, (outputs.shape[0], weights.shape[0])) @ weights


def score_gradient(outputs: Array, task: Task) -> Array:
    """df/doutputs: the weights, for each sequence."""
    xp, weights = array_namespace(outputs), _weights(outputs, task)
    spread = xp.broadcast_to(weights, (outputs.shape[0], weights.shape[0]))
    return xp.reshape(spread, tuple(outputs.shape))
