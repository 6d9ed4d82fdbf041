"""Data augmentation: random changes of a sequence that keep its label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.arguments import Whole, checked
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.strand import reverse_complement


@checked
@dataclass(frozen=True)
class Augmentation:
    """Random strand and random offset, on base codes.

    Attributes
    ----------
    reverse_complement : bool or None
        Replace each sequence by its reverse complement with probability 1/2. None: for DNA, since RNA has one strand;
        ``fit`` knows which it is, and codes alone are taken as DNA.
    shift_bp : int
        Move each sequence by up to this many bases either way, the gap filled with padding.

    Raises
    ------
    ValueError
        If shift_bp is negative.
    """

    reverse_complement: bool | None = None
    shift_bp: Whole = 0

    def __call__(self, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """An augmented copy of ``codes`` (n, length), uint8."""
        return self.apply(codes, *self.draw(len(codes), rng))

    def apply(self, codes: np.ndarray, turned: np.ndarray | None, offsets: np.ndarray | None) -> np.ndarray:
        """A copy of ``codes`` that is turned and moved as was drawn."""
        if turned is not None:
            codes = np.where(turned[:, None], reverse_complement(codes), codes)
        return codes if offsets is None else shift(codes, offsets)

    def draw(
        self, count: int, rng: np.random.Generator, rows: slice = slice(None)
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Draw for each sequence whether it is turned, and how far it is moved to the right; None: none is.

        With ``rows`` the result is of these alone, the same as in the whole.
        """
        turned = rng.random(count)[rows] < 0.5 if self.reverse_complement is not False else None
        offsets = rng.integers(-self.shift_bp, self.shift_bp + 1, count)[rows] if self.shift_bp else None
        return turned, offsets


def shift(codes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Shift row i by offsets[i] positions to the right, and pad the positions left empty."""
    length = codes.shape[1]
    source = np.arange(length)[None, :] - offsets[:, None]
    inside = (source >= 0) & (source < length)
    moved = np.take_along_axis(codes, np.clip(source, 0, length - 1), axis=1)
    return np.where(inside, moved, np.uint8(PAD_CODE))
