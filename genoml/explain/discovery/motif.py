"""A motif that was found in contributions: the mean of seqlets that look alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.sequence.motifs.drawing import logo_html

__all__ = ["DiscoveredMotif"]


@dataclass(frozen=True, eq=False)
class DiscoveredMotif:
    """A motif that :func:`discover_motifs` found.

    Attributes
    ----------
    name : str
        ``"pos_0"``, ``"neg_0"`` and so on: sign of its contributions, and its place by the number of seqlets.
    sign : int
        1 or -1: of its contributions.
    probabilities : array of shape (width, 4)
        Share of each base at each position of its seqlets (PFM): columns A C G T, rows sum to 1.
    contributions : array of shape (width, 4)
        Mean contributions of the bases that are there (CWM).
    hypothetical : array of shape (width, 4)
        Mean hypothetical contributions.
    example, start : arrays of int64, shape (n_seqlets,)
        Its seqlets: row of the sequences, and first position there; each is ``width`` long. It may begin before the
        sequence (a negative start) or end behind it: means go over what is there, with zeros.
    strand : array of int8, shape (n_seqlets,)
        1 where the motif reads as the sequence does, -1 where its reverse complement does.
    subpatterns : tuple of DiscoveredMotif
        The groups that its seqlets fall into, if more than one.
    """

    name: str
    sign: int
    probabilities: NDArray[np.floating[Any]]
    contributions: NDArray[np.floating[Any]]
    hypothetical: NDArray[np.floating[Any]]
    example: NDArray[np.int64]
    start: NDArray[np.int64]
    strand: NDArray[np.int8]
    subpatterns: tuple[DiscoveredMotif, ...] = ()

    @property
    def width(self) -> int:
        """Number of positions."""
        return len(self.contributions)

    def _repr_html_(self) -> str:
        return logo_html(self.probabilities, f"{self.name}, {self.n_seqlets} seqlets")

    @property
    def n_seqlets(self) -> int:
        """Number of seqlets."""
        return len(self.start)

    @property
    def pattern(self) -> str:
        """The base with the largest contribution at each position; N where its sign is not the motif's."""
        signed = self.sign * self.contributions
        letters = np.where(signed.max(axis=1) > 0, signed.argmax(axis=1), 4)
        return "".join("ACGTN"[base] for base in letters.tolist())

    def core(self, share: float = 0.3) -> slice:
        """Positions from the first to the last whose absolute contributions are this share of the largest or more.

        Raises
        ------
        ValueError
            If no contribution is other than 0, or one is not finite.
        """
        strength = np.abs(self.contributions).sum(axis=1)
        if not (np.isfinite(strength).all() and strength.any()):
            raise ValueError(f"motif {self.name} expects finite contributions, and one that is not 0")
        strong = np.flatnonzero(strength >= share * strength.max())
        return slice(int(strong[0]), int(strong[-1]) + 1)

    def trimmed(self, share: float = 0.3) -> DiscoveredMotif:
        """The motif, and its seqlets, without the ends outside of its core; its subpatterns are left out."""
        core = self.core(share)
        start = self.start + np.where(self.strand < 0, self.width - core.stop, core.start)
        return replace(
            self, probabilities=self.probabilities[core], contributions=self.contributions[core],
            hypothetical=self.hypothetical[core], start=start, subpatterns=(),
        )  # fmt: skip

    def places(self, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """First positions and ends of its seqlets within sequences of a length, and the seqlets that lie in them.

        Seqlets hang over where their sequence ends within the motif's flanks.
        """
        start, end = np.clip(self.start, 0, length), np.clip(self.start + self.width, 0, length)
        inside = np.flatnonzero(end > start)
        return start[inside], end[inside], inside
