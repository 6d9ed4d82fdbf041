"""Data augmentation: random changes of a sequence that keep its label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.strand import reverse_complement


@dataclass(frozen=True)
class Augmentation:
    """Random strand and random offset, on base codes.

    Attributes
    ----------
    reverse_complement : bool
        Replace each sequence by its reverse complement with probability 1/2.
    shift_bp : int
        Move each sequence by up to this many bases either way, the gap filled with padding.

    Raises
    ------
    ValueError
        If shift_bp is negative.
    """

    reverse_complement: bool = True
    shift_bp: int = 0

    def __post_init__(self) -> None:
        if self.shift_bp < 0:
            raise ValueError(f"Augmentation expects shift_bp >= 0, got {self.shift_bp}")

    def __call__(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """An augmented copy of ``codes`` (n, length), uint8."""
        if self.reverse_complement:
            chosen = rng.random(len(codes)) < 0.5
            codes = np.where(chosen[:, None], reverse_complement(codes), codes)
        if self.shift_bp:
            codes = shift(codes, rng.integers(-self.shift_bp, self.shift_bp + 1, len(codes)))
        return codes


def shift(codes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Shift row i by offsets[i] positions to the right, and pad the positions left empty."""
    length = codes.shape[1]
    source = np.arange(length)[None, :] - offsets[:, None]
    inside = (source >= 0) & (source < length)
    moved = np.take_along_axis(codes, np.clip(source, 0, length - 1), axis=1)
    return np.where(inside, moved, np.uint8(PAD_CODE))
