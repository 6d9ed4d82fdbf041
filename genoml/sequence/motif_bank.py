"""Several motifs as one array: the initial weights of a motif layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genoml.sequence.pwm import PWM, UNIFORM

__all__ = ["stack_log_probabilities"]


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
