"""Centring of motifs within their windows, on the host."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def centre_motifs(logits: np.ndarray, background: Sequence[float]) -> np.ndarray:
    """Shift each motif so that the centre of its squared information content is in the middle.

    Columns of noise hardly move that centre. Columns shifted in are filled with the background.

    Shapes
    ------
    logits : (motifs, 4, width), logarithms of probabilities up to a constant a column
    """
    width = logits.shape[2]
    base = np.log(np.asarray(background, np.float64))[None, :, None]
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    weight = np.sum(np.exp(log_p) * (log_p - base), axis=1) ** 2 + 1e-12
    middle = weight @ np.arange(width) / weight.sum(axis=1)
    source = np.arange(width) - np.rint((width - 1) / 2 - middle).astype(int)[:, None]
    inside = ((source >= 0) & (source < width))[:, None, :]
    shifted = np.take_along_axis(logits, np.clip(source, 0, width - 1)[:, None, :], axis=2)
    return np.where(inside, shifted, base)
