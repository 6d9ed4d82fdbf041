"""Windows of both alleles of variants, as base codes."""

from __future__ import annotations

import numpy as np

from genoml.genome import GenomeStore, Intervals
from genoml.sequence.alphabet import BYTE_TO_CODE
from genoml.sequence.variants import Variants
from genoml.variants.check import windows_around
from genoml.variants.effects import Change


def allele_codes(alleles: np.ndarray) -> np.ndarray:
    """Alleles of one length as base codes, (n, length)."""
    letters = "".join(alleles).encode().translate(BYTE_TO_CODE["DNA"])
    return np.frombuffer(letters, np.uint8).reshape(len(alleles), -1)


def with_allele(stretch: np.ndarray, ahead: int, change: Change, alts: np.ndarray) -> np.ndarray:
    """Windows with the alternative allele, filled up from the genome at the end that the alleles do not share.

    Parameters
    ----------
    stretch : numpy.ndarray
        (n, bases) of the genome: the windows, ``ahead`` bases before and as many as are needed behind them.
    alts : numpy.ndarray
        (n kinds, alt_bp) of the alternatives, ``kinds`` of each window.
    """
    rows = np.repeat(stretch, len(alts) // len(stretch), axis=0)
    at, length = ahead + change.at, change.length_bp
    whole = np.concatenate([rows[:, :at], alts, rows[:, at + change.ref_bp :]], axis=1)
    if change.right:
        end = ahead + length + change.alt_bp - change.ref_bp
        return whole[:, end - length : end]
    return whole[:, ahead : ahead + length]


def allele_windows(
    genome: GenomeStore, alleles: Variants, length_bp: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows of REF and of ALT, centred on REF and with one left flank, and where the alleles begin in them.

    Parameters
    ----------
    alleles : Variants
        On chromosomes of the genome, REF being what it has: those of :class:`genoml.variants.Checked`.

    Returns
    -------
    reference, alternative : numpy.ndarray
        (n, length_bp) uint8; beyond an end of the chromosome padding.
    at : numpy.ndarray
        (n,) int64.
    """
    start, more, _ = windows_around(alleles, length_bp)
    at = alleles.pos - start
    places = Intervals.from_codes(alleles.names, alleles.codes, start, start + length_bp + more)
    reference, alternative = (np.empty((len(alleles), length_bp), np.uint8) for _ in range(2))
    for row, name in enumerate(alleles.alt):
        stretch = np.stack([*genome.fetch(places[row : row + 1], edges="pad")])
        change = Change(int(at[row]), len(alleles.ref[row]), len(name), length_bp)
        reference[row] = stretch[0, :length_bp]
        alternative[row] = with_allele(stretch, 0, change, allele_codes(alleles.alt[row : row + 1]))[0]
    return reference, alternative, at
