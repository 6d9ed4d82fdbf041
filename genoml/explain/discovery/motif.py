"""A motif that was found in contributions: the mean of seqlets that look alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    @property
    def n_seqlets(self) -> int:
        """Number of seqlets."""
        return len(self.start)
