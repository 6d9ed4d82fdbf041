"""The constraint on the content of G and C."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from genoml.arguments import Count, Probability, checked
from genoml.design.constraints import Constraint, Counts, Origin

__all__ = ["GC", "covering_sums", "window_sums"]


@checked
@dataclass(frozen=True)
class GC(Constraint):
    """The share of G and C lies within [low, high], of the whole sequence or of each window.

        low w <= (G + C in bases i to i + w) <= high w,   i = 0 .. length - w;   w = length without ``window``

    Single changes keep to it at every step. Where low and high leave room for one number of bases only, A and T take
    each other's places, and so do C and G, but no G or C comes or goes: that would need two changes at once.

    Parameters
    ----------
    low, high : float
        Shares, 0 to 1.
    window : int, optional
        Length of the windows, in bp.

    Raises
    ------
    ValueError
        If no whole number of bases lies between low and high.
    """

    low: Probability
    high: Probability
    window: Count | None = None

    def __str__(self) -> str:
        return f"GC({self.low:g}, {self.high:g}{'' if self.window is None else f', window={self.window}'})"

    def check(self, n: int, length: int) -> None:
        if self.window is not None and self.window > length:
            raise ValueError(f"{self} expects a window of at most {length} bp, the length of the sequences")
        low, high = self._bounds(length)
        if low > high:
            raise ValueError(f"{self} expects low <= high with a whole number of bases between them")

    def _bounds(self, length: int) -> tuple[int, int]:
        """Least and largest number of G and C in a window; a share such as 0.35 of 20 bp is not rounded away."""
        width = self.window or length
        return math.ceil(self.low * width - 1e-9), math.floor(self.high * width + 1e-9)

    def _excess(self, codes: np.ndarray, more: int) -> Counts:
        """How many bases each window has too many or too few, if it had ``more`` G and C."""
        low, high = self._bounds(codes.shape[1])
        found = window_sums((codes == 1) | (codes == 2), self.window or codes.shape[1]) + more
        return np.asarray(np.maximum(np.maximum(low - found, found - high), 0))

    def count(self, codes: np.ndarray, origin: Origin) -> Counts:
        return np.asarray(self._excess(codes, 0).sum(axis=1))

    def after(self, codes: np.ndarray, origin: Origin) -> Counts:
        now = self._excess(codes, 0)
        total, width = now.sum(axis=1)[:, None], self.window or codes.shape[1]
        strong = (codes == 1) | (codes == 2)
        # with one G or C more, or one less: the windows that hold the position change, which are at most width
        options = [total + covering_sums(self._excess(codes, more) - now, width) for more in (1, -1)]
        to_strong = np.where(strong, total, options[0])
        to_weak = np.where(strong, options[1], total)
        return np.stack([to_weak, to_strong, to_strong, to_weak], axis=2)

    def tell(self, row: np.ndarray) -> str:
        width = self.window or len(row)
        found = window_sums(((row == 1) | (row == 2))[None], width)[0] / width
        return (
            f"has {found.min():.3g}" if self.window is None else f"has {found.min():.3g} to {found.max():.3g}"
        )


def window_sums(values: np.ndarray, width: int) -> Counts:
    """Sums over each window, (n, length) -> (n, length - width + 1)."""
    sums = np.cumsum(values, axis=1, dtype=np.int64)
    return np.asarray(sums[:, width - 1 :] - np.pad(sums, ((0, 0), (1, 0)))[:, :-width])


def covering_sums(values: np.ndarray, width: int) -> Counts:
    """For each position the sum over the windows that hold it, (n, length - width + 1) -> (n, length)."""
    return window_sums(np.pad(values, ((0, 0), (width - 1, width - 1))), width)
