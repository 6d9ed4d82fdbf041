"""Where motifs go in backgrounds, and what does not fit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np

from genoml.explain.experiments.motifs import DrawnMotif
from genoml.sequence.alphabet import PAD_CODE

__all__ = ["expect_bases", "start_of", "start_of_pair", "warn_of_few"]


def warn_of_few(codes: np.ndarray, what: str) -> None:
    """Warn of one background alone, and of copies, each of which a test would count as evidence of its own."""
    if len(codes) == 1:
        warnings.warn(
            f"{what}: one background has no standard error, nor a test; give more of them", stacklevel=4
        )
    elif copies := len(codes) - len(np.unique(codes, axis=0)):
        warnings.warn(
            f"{what}: {copies} of {len(codes)} backgrounds are copies of others, which makes standard errors and "
            "p-values too small; give others",
            stacklevel=4,
        )


def start_of(motif: DrawnMotif, position: Literal["centre"] | int, codes: np.ndarray) -> int:
    """Where a motif begins in the backgrounds, which must have bases there."""
    length, width = codes.shape[1], motif.width
    if width > length:
        raise ValueError(f"motif {motif.name} of {width} bp is longer than the backgrounds of {length} bp")
    start = length // 2 - width // 2 if position == "centre" else position
    if start + width > length:
        raise ValueError(
            f"motif {motif.name} of {width} bp does not fit at position {start} of {length} bp; the last that does is "
            f"{length - width}"
        )
    expect_bases(codes, start, start + width)
    return start


def expect_bases(codes: np.ndarray, start: int, stop: int) -> None:
    """Raise ValueError where a background is padding at [start, stop)."""
    padded = (codes[:, start:stop] == PAD_CODE).any(axis=1)
    if padded.any():
        raise ValueError(
            f"background {int(np.argmax(padded))} has no bases at positions {start} to {stop}, where it is padded; "
            "give longer backgrounds, or another position"
        )


def start_of_pair(
    pair: Sequence[DrawnMotif],
    distances: np.ndarray,
    fixed: str,
    position: Literal["centre"] | int,
    length: int,
) -> int:
    """Where the motif that stays begins; all distances must fit from there."""
    if not len(distances):
        raise ValueError("space expects at least one distance, got none")
    if distances.min() < 0:
        raise ValueError(f"at distance {distances.min()} the motifs overlap; expects distances of 0 or more")
    widest, (one, two) = int(distances.max()), (pair[0].width, pair[1].width)
    if position == "centre":
        largest = length - one - two
        start = length // 2 - (one + widest + two) // 2 + (0 if fixed == "first" else one + widest)
    else:
        start = position
        largest = length - start - one - two if fixed == "first" else min(start, length - two) - one
        if fixed == "second" and start + two > length:
            largest = -1
    if largest < 0:
        where = "" if position == "centre" else f" with the {fixed} at {position}"
        raise ValueError(f"motifs of {one} and {two} bp do not fit backgrounds of {length} bp{where}")
    if widest > largest:
        raise ValueError(
            f"distance {widest} does not fit motifs of {one} and {two} bp in backgrounds of {length} bp; the largest "
            f"that does is {largest}"
        )
    return start
