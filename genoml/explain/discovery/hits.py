"""Hits: the sites of discovered motifs in sequences, by a sparse fit of motifs to contributions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.arguments import Limits, checked
from genoml.backend import Backend, get_backend
from genoml.explain.discovery.loci import Regions
from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.explain.discovery.sites import GAP, MOST_STEPS, Bank, Candidates, candidates, fitted
from genoml.io.files import FilePath

__all__ = ["Hits", "call_hits"]

# correlations of windows with motifs that are held at a time
_NUMBERS_AT_ONCE = 1 << 22


@dataclass(frozen=True, eq=False)
class Hits:
    """Sites of motifs, the result of :func:`call_hits`, by example, start, motif and strand.

    Attributes
    ----------
    example, start, end : arrays of int64
        Row of the contributions, and positions [start, end) in it.
    strand : array of int8
        1 where the motif reads as the sequence does, -1 where its reverse complement does.
    motif : array of int64
        Its place in the list of motifs.
    coefficient : array of float64
        h, in the unit of the contributions: what the motif, of unit norm, is multiplied by. The penalty makes it
        smaller than the contributions are.
    correlation : array of float64
        Cosine of the window's contributions and the motif.
    share : array of float64
        Of all absolute contributions of the sequence, those in the window.
    names : tuple of str
        Of the motifs.
    shape : (int, int)
        Of the contributions (n, length).
    """

    example: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    strand: NDArray[np.int8]
    motif: NDArray[np.int64]
    coefficient: NDArray[np.float64]
    correlation: NDArray[np.float64]
    share: NDArray[np.float64]
    names: tuple[str, ...]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.example)

    def to_bed(self, names: Sequence[str] | Regions, path: FilePath) -> None:
        """Write a BED file of six columns: the name is the motif's, the score the coefficient.

        ``names`` are the sequences', as in :meth:`Seqlets.to_bed`; the strand is that of the genome, or of the
        sequence where the names are no loci.
        """
        regions = names if isinstance(names, Regions) else Regions.of(names, self.shape, str(path))
        label = np.array([*self.names, ""], dtype=object)[self.motif]
        regions.write(
            path, self.example, self.start, self.end,
            score=self.coefficient, label=label, turned=self.strand < 0,
        )  # fmt: skip


@checked
def call_hits(
    contributions: ArrayLike,
    codes: ArrayLike,
    motifs: Sequence[DiscoveredMotif],
    *,
    least_correlation: Annotated[float, Limits(gt=0, lt=1)] = 0.7,
    trim: Annotated[float, Limits(ge=0, lt=1)] = 0.3,
    backend: str | Backend | None = None,
) -> Hits:
    """Find the sites of motifs: the fewest motifs that together make up the contributions of each sequence.

    Let g (length, 4) be the contributions of a sequence's own bases, divided by their root mean square, and C_j the
    contributions of motif k on a strand with its first position at l, of unit norm, where the sequence has the base. Of
    the candidates j = (k, l, strand) the fit finds h >= 0 that minimise

        1/2 || g - sum_j h[j] C_j ||^2 + c sum_j w[j] h[j],    w[j]^2 = 1 + || g in the window of j ||^2

    by accelerated proximal gradients, until the duality gap is at most 1e-3 of the value at h = 0. A hit is an h above
    0. Windows that overlap compete: what one motif explains another cannot. Candidates are the windows that would be
    hits alone, <g, C_j> > c w[j]; so c is the least correlation (cosine) of a window with its motif.

    Parameters
    ----------
    contributions : array of shape (n, length, 4) or (n, length)
        Hypothetical contributions, or those of the sequences' own bases.
    codes : array of uint8, shape (n, length)
        The sequences as base codes; letters other than A, C, G and T contribute nothing.
    motifs : sequence of DiscoveredMotif
        Result of :func:`discover_motifs`; of each, its ``contributions`` are fitted.
    least_correlation : float
        c.
    trim : float
        Ends of a motif whose contributions are below this share of its largest are cut off.
    backend : str or Backend, optional
        Where it is computed; by default the default backend.

    Raises
    ------
    ValueError
        For arrays that do not fit each other, and for contributions that are not finite.

    Warns
    -----
    UserWarning
        If the fit of sequences has not reached the gap after 5,000 steps, with their number.

    References
    ----------
    The fit is that of Fi-NeMo (its local weights w too). Beck and Teboulle (2009), doi:10.1137/080716542, for
    accelerated proximal gradients; O'Donoghue and Candès (2015), doi:10.1007/s10208-013-9150-3, for their restarts.
    """
    own, bases = own_contributions(contributions, codes)
    n, length = bases.shape
    names = tuple(motif.name for motif in motifs)
    parts = [_NO_HITS]
    left: list[float] = []
    if motifs and n:
        bank, target = Bank.of(motifs, trim), get_backend(backend)
        with target.computing():
            for first, g, known, scale in _blocks(own, bases, bank):
                found = candidates(g, known, bank, least_correlation, target)
                h, gap = fitted(found, g, known, bank, least_correlation, target)
                left += gap[gap > GAP].tolist()
                parts.append(_hits_of(found, h, g, scale, bank, first))
    if left:
        warnings.warn(
            f"the fit of {len(left)} of {n} sequences stopped at a duality gap of up to {max(left):.2g}, "
            f"above {GAP:g}, after {MOST_STEPS:,} steps",
            stacklevel=3,
        )
    arrays = (np.concatenate(each) for each in zip(*parts, strict=True))
    columns: dict[str, Any] = dict(zip(_COLUMNS, arrays, strict=True))
    return Hits(**columns, names=names, shape=(n, length))


_COLUMNS = ("example", "start", "end", "strand", "motif", "coefficient", "correlation", "share")
_WHOLE, _REAL = np.zeros(0, np.int64), np.zeros(0)
_NO_HITS: tuple[NDArray[Any], ...] = (
    _WHOLE, _WHOLE, _WHOLE, np.zeros(0, np.int8), _WHOLE, _REAL, _REAL, _REAL,
)  # fmt: skip


def own_contributions(
    contributions: ArrayLike, codes: ArrayLike
) -> tuple[NDArray[np.floating[Any]], NDArray[np.uint8]]:
    """Contributions (n, length) of the sequences' own bases, and the base codes, both checked.

    Raises
    ------
    ValueError
        For arrays that do not fit each other, and for contributions that are not finite.
    """
    given, bases = np.asarray(contributions), np.asarray(codes)
    if bases.ndim != 2 or bases.dtype.kind not in "iu" or (bases.size and bases.max() > 15):
        raise ValueError(f"codes expects base codes (n, length), got {bases.dtype} {bases.shape}")
    fits = (bases.shape, (*bases.shape, 4))
    if given.shape not in fits or given.dtype.kind not in "fiu":
        raise ValueError(
            f"contributions expects numbers {fits[1]} or {fits[0]}, as codes, got {given.dtype} {given.shape}"
        )
    own = given
    if given.ndim == 3:
        own = np.take_along_axis(given, np.minimum(bases, 3).astype(np.int64)[:, :, None], axis=2)[:, :, 0]
    own = np.where(bases < 4, own, 0)
    if not np.isfinite(own).all():
        row, position = np.argwhere(~np.isfinite(own))[0].tolist()
        raise ValueError(f"contributions is {own[row, position]} at sequence {row}, position {position}")
    return own, bases.astype(np.uint8, copy=False)


def _blocks(
    own: NDArray[Any], codes: NDArray[np.uint8], bank: Bank
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]]:
    """Number of the first row, contributions of unit root mean square, bases, and what they were divided by."""
    step = max(1, _NUMBERS_AT_ONCE // (own.shape[1] * len(bank.width)))
    for first in range(0, len(own), step):
        g = own[first : first + step].astype(np.float64)
        known = codes[first : first + step].astype(np.int64)
        scale = np.sqrt((g**2).sum(axis=1) / np.maximum((known < 4).sum(axis=1), 1))
        yield first, g / np.where(scale > 0, scale, 1.0)[:, None], known, scale


def _hits_of(
    found: Candidates,
    h: NDArray[np.float64],
    g: NDArray[np.float64],
    scale: NDArray[np.float64],
    bank: Bank,
    first: int,
) -> tuple[NDArray[Any], ...]:
    """Columns of the hits: the candidates whose h is above 0."""
    on = np.flatnonzero(h > 0)
    row, start, column = found.row[on], found.start[on], found.column[on]
    end = start + bank.width[column]
    sums = np.zeros((len(g), g.shape[1] + 1))
    np.cumsum(np.abs(g), axis=1, out=sums[:, 1:])
    share = (sums[row, end] - sums[row, start]) / sums[row, -1]
    correlation = found.product[on] / np.sqrt(found.energy[on])
    strand = np.where(column % 2, -1, 1).astype(np.int8)
    return first + row, start, end, strand, column // 2, h[on] * scale[row], correlation, share
