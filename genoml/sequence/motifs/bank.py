"""Several motifs as one array: the initial weights of a motif layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.sequence.motifs.pwm import PWM, UNIFORM

__all__ = ["base_probabilities", "information_content", "stack_log_probabilities"]


def stack_log_probabilities(
    motifs: Sequence[PWM], width: int | None = None, background: Sequence[float] = UNIFORM
) -> np.ndarray:
    """Natural logarithms of the probabilities of several motifs, at one width: (motifs, 4, width) float64.

    Shorter motifs are centred (an odd position is left to the right), the background on both sides of them.

    Raises
    ------
    ValueError
        If there is no motif, one is wider than ``width``, or a probability is 0.
    """
    if not motifs:
        raise ValueError("expects at least one motif, got none")
    widest = max(motif.width for motif in motifs)
    width = widest if width is None else width
    if widest > width:
        raise ValueError(f"expects motifs of at most {width} bases, got one of {widest}")
    if any(np.any(motif.probabilities == 0) for motif in motifs):
        raise ValueError("expects probabilities above 0, got 0; use a pseudocount")
    out = np.empty((len(motifs), 4, width))
    out[:] = np.log(np.array(background))[:, None]
    for row, motif in zip(out, motifs, strict=True):
        start = (width - motif.width) // 2
        row[:, start : start + motif.width] = np.log(motif.probabilities).T
    return out


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


def base_probabilities(matrix: ArrayLike) -> NDArray[np.float64]:
    """Rows of a motif matrix, of counts or probabilities, scaled to sum to 1.

    Shapes
    ------
    matrix : (width, 4), columns A C G T
    result : (width, 4); a row of zeros becomes 0.25 each

    Raises
    ------
    ValueError
        If the matrix is not (width, 4), or holds a value that is negative or not finite.
    """
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 4:
        raise ValueError(f"a motif matrix is (width, 4), columns A C G T, got {values.shape}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("a motif matrix holds counts or probabilities, got a value below 0 or not finite")
    totals = values.sum(axis=1, keepdims=True)
    return np.where(totals > 0, values, 0.25) / np.where(totals > 0, totals, 1.0)


def information_content(matrix: ArrayLike, *, n_sites: float | None = None) -> NDArray[np.float64]:
    """Information content of each position against equal base frequencies, in bits.

        IC[i] = 2 + sum_b p[i, b] log2 p[i, b] - e(n),    e(n) = 3 / (2 ln(2) n)

    Few sites look more conserved than they are; e(n) is the small-sample correction for n sites. Values below
    0 are set to 0.

    Parameters
    ----------
    matrix : array_like
        Counts or probabilities.
    n_sites : float, optional
        How many sites the matrix was made from; without it e(n) = 0.

    Shapes
    ------
    matrix : (width, 4), columns A C G T
    result : (width,), in [0, 2] bits

    Raises
    ------
    ValueError
        If the matrix is not one of counts or probabilities, or ``n_sites`` is not positive.

    References
    ----------
    Schneider et al. (1986), doi:10.1016/0022-2836(86)90165-8; Schneider and Stephens (1990),
    doi:10.1093/nar/18.20.6097.
    """
    if n_sites is not None and not n_sites > 0:
        raise ValueError(f"n_sites must be positive, got {n_sites}")
    probabilities = base_probabilities(matrix)
    log2 = np.log2(np.where(probabilities > 0, probabilities, 1.0))
    correction = 0.0 if n_sites is None else 3.0 / (2.0 * math.log(2.0) * n_sites)
    bits: NDArray[np.float64] = 2.0 + (probabilities * log2).sum(axis=1) - correction
    return np.clip(bits, 0.0, 2.0)
