"""Delta scores of splicing: what a variant does to the probabilities of acceptors and donors around it.

References
----------
Jaganathan et al. (2019), Predicting splicing from primary sequence with deep learning,
doi:10.1016/j.cell.2018.12.015. Scores, positions and masks are those of its authors' program, version 1.3.1. It scores
alleles of one base against several only; here several replace several, base by base, and what is left over is an
insertion after, or a deletion of, the last of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.explain.mutants.cones import Edit
from genoml.io.genes import Gene

#: outputs of a network at a position, in order
NEITHER, ACCEPTOR, DONOR = 0, 1, 2


def bases_read(start: int, edit: Edit, distance: int) -> int:
    """How many bases behind its record's position a variant's scores need; the edited copy has edit.longer more.

    Parameters
    ----------
    start : int
        Where the edit begins, counted from the position of its record.
    """
    kept = start + min(edit.removed, len(edit.bases))
    return max(distance + 1, min(kept, distance + 1) - edit.longer)


def aligned(edited: np.ndarray, start: int, edit: Edit, distance: int) -> np.ndarray:
    """Outputs of an edited copy by the positions of the reference, -distance to distance.

    Bases that take the place of others are at their positions, one by one; the last position that is replaced has the
    maximum over all bases that are left, and a position that is deleted has 0.

    Shapes
    ------
    edited : (distance + bases_read + edit.longer, outputs);  y : (2 distance + 1, outputs)
    """
    last = distance + start + min(edit.removed, len(edit.bases)) - 1
    stop = distance + start + len(edit.bases)
    inserted = edited[last:stop].max(axis=0, keepdims=True) if last < len(edited) else edited[:0]
    deleted = np.zeros((max(-edit.longer, 0), edited.shape[1]), edited.dtype)
    return np.concatenate([edited[:last], inserted, deleted, edited[stop:]])[: 2 * distance + 1]


@dataclass(frozen=True)
class DeltaScores:
    """Scores of an allele in a gene: gain and loss of acceptors and donors.

    Attributes
    ----------
    scores : tuple of float
        DS_AG, DS_AL, DS_DG, DS_DL: the largest rise and fall of the acceptor's, then of the donor's probability.
    positions : tuple of int
        DP_AG, DP_AL, DP_DG, DP_DL: where they are, counted from the record's position along the chromosome.
    """

    scores: tuple[float, float, float, float]
    positions: tuple[int, int, int, int]

    def text(self, allele: str, gene: str) -> str:
        """The entry of INFO: ``ALLELE|SYMBOL|DS_AG|DS_AL|DS_DG|DS_DL|DP_AG|DP_AL|DP_DG|DP_DL``."""
        numbers = [*(f"{score:.2f}" for score in self.scores), *map(str, self.positions)]
        return "|".join([allele, gene, *numbers])


def delta_scores(
    reference: np.ndarray, alternative: np.ndarray, *, nearest: int | None = None
) -> DeltaScores:
    """Delta scores from the probabilities of both alleles at the same positions.

        gain = max over positions of (alternative - reference);  loss = max of (reference - alternative)

    Parameters
    ----------
    nearest : int, optional
        Position of the nearest exon boundary, counted from the record's: scores are masked, a gain at this boundary
        and a loss anywhere else are 0. None: no mask.

    Shapes
    ------
    reference, alternative : (2 distance + 1, 3), neither, acceptor and donor
    """
    middle = len(reference) // 2
    scores, positions = [], []
    for site in (ACCEPTOR, DONOR):
        rise = alternative[:, site] - reference[:, site]
        for change, is_gain in ((rise, True), (-rise, False)):
            at = int(np.argmax(change))
            masked = nearest is not None and (at - middle == nearest) == is_gain
            scores.append(0.0 if masked else float(change[at]))
            positions.append(at - middle)
    return DeltaScores(tuple(scores), tuple(positions))  # type: ignore[arg-type]


def nearest_boundary(gene: Gene, position: int) -> int:
    """Distance from a position (0-based) to the nearest exon boundary of a gene; of two as near, to the one before."""
    away = gene.boundaries - position
    return int(away[np.argmin(np.abs(away))])
