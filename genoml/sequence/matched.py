"""Negatives with the GC content and lengths of the positives, drawn from a pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.random import host_generator
from genoml.sequence.codes import Sequences, flat_codes

_SHORTFALLS = ("error", "fewer")


def gc_content(sequences: Sequences, *, alphabet: str = "auto") -> np.ndarray:
    """GC content of each sequence: the fraction of G and C among its bases A, C, G, T.

        gc[n] = (G + C) / (A + C + G + T)

    Ambiguous bases and padding are left out of both.

    Parameters
    ----------
    sequences, alphabet
        As in :func:`~genoml.sequence.base_codes`; they may differ in length.

    Returns
    -------
    numpy.ndarray
        (batch,) float64; NaN for a sequence without any of the four bases.

    Examples
    --------
    >>> gc_content(["ACGG", "ANN"])
    array([0.75, 0.  ])
    """
    flat = flat_codes(sequences, alphabet=alphabet)
    strong = _count_each((flat.codes == 1) | (flat.codes == 2), flat.lengths)
    known = _count_each(flat.codes < 4, flat.lengths)
    return np.where(known > 0, strong / np.maximum(known, 1), np.nan)


def _count_each(mask: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Number of true elements in each of the consecutive parts of ``mask`` with these lengths."""
    sums = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])
    ends = np.cumsum(lengths)
    return np.asarray(sums[ends] - sums[ends - lengths])


@dataclass(frozen=True, eq=False)
class MatchedSample:
    """The candidates drawn for the positives, and how well they match.

    Attributes
    ----------
    index : numpy.ndarray
        (n,) int64: indices of the candidates in the pool, each once, in order of the positives that they match.
    positive : numpy.ndarray
        (n,) int64: the positive of each candidate; each occurs ``ratio`` times, unless candidates are missing.
    missing : int
        Number of candidates that the pool lacked in their bins.
    gc_distance, length_distance : float
        Kolmogorov-Smirnov distance between positives and candidates drawn: the largest difference between
        their cumulative distributions of GC content and of length, 0 to 1. NaN if none was drawn.
    bin_error : float
        Largest difference between the share of the positives in a bin and the share of the candidates drawn.
        NaN if none was drawn.
    """

    index: np.ndarray
    positive: np.ndarray
    missing: int
    gc_distance: float
    length_distance: float
    bin_error: float


def matched_sample(
    gc: np.ndarray,
    length_bp: np.ndarray,
    pool_gc: np.ndarray,
    pool_length_bp: np.ndarray,
    *,
    ratio: int = 1,
    gc_step: float = 0.02,
    length_step: float = 0.1,
    shortfall: str = "error",
    seed: int = 0,
) -> MatchedSample:
    """Draw candidates with the GC content and length of each positive from a pool.

    GC content is divided into bins of width ``gc_step``, and length into bins whose edges grow by the factor
    1 + ``length_step``. For each positive, ``ratio`` candidates are drawn from the same bin of both, uniformly and
    without replacement.

    Parameters
    ----------
    gc, length_bp : (n,) arrays
        Of the positives; see :func:`gc_content`.
    pool_gc, pool_length_bp : (m,) arrays
        Of the candidates: other sequences, or windows of a genome.
    ratio : int
        Candidates for each positive.
    gc_step : float
        Width of a bin of GC content, above 0, up to 1.
    length_step : float
        Width of a bin of lengths, relative to its lower edge. 0 means equal lengths.
    shortfall : {"error", "fewer"}
        If a bin of the pool has too few candidates: raise an error, or draw all of them, for the positives of the bin
        in turn; ``missing`` is then the number that was lacking.
    seed : int
        The same arguments with the same seed give the same result.

    Raises
    ------
    ValueError
        For arrays that are not of one length, GC content outside 0 to 1 or NaN, lengths below 1, options out of
        range, and for a pool with too few candidates with ``"error"``.

    References
    ----------
    Ghandi et al. (2016), gkmSVM: an R package for gapped-kmer SVM, doi:10.1093/bioinformatics/btw203, draws its
    null sequences so (with repeats as a third property).
    """
    _check_options(ratio, gc_step, length_step, shortfall)
    gc, length_bp = _checked("positives", gc, length_bp)
    pool_gc, pool_length_bp = _checked("pool", pool_gc, pool_length_bp)
    cells, pool_cells = _bins(gc, length_bp, pool_gc, pool_length_bp, gc_step, length_step)
    index, positive, short = _draw(cells, pool_cells, ratio, seed)
    missing = len(short)
    if missing and shortfall == "error":
        _raise_short(missing, short, gc, length_bp, ratio * gc.size)
    return MatchedSample(
        index,
        positive,
        missing,
        _ks_distance(gc, pool_gc[index]),
        _ks_distance(length_bp, pool_length_bp[index]),
        _bin_error(cells, pool_cells[index]),
    )


def _draw(
    cells: np.ndarray, pool_cells: np.ndarray, ratio: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidates of the same bins: their indices, the positive of each, and the positives left without one."""
    rng = host_generator(seed, "matched sample")
    candidates = rng.permutation(pool_cells.size)
    candidates = candidates[np.argsort(pool_cells[candidates], kind="stable")]
    wanted = np.tile(rng.permutation(cells.size), ratio)  # each positive once, before any comes again
    wanted = wanted[np.argsort(cells[wanted], kind="stable")]

    # the i-th positive in a bin takes the bin's i-th candidate, if there is one
    bins = cells[wanted]
    rank = np.arange(wanted.size) - np.searchsorted(bins, bins)
    pool_bins = pool_cells[candidates]
    place = np.searchsorted(pool_bins, bins, side="left") + rank
    drawn = place < np.searchsorted(pool_bins, bins, side="right")
    index = candidates[place[drawn]]
    positive = wanted[drawn]
    order = np.lexsort((index, positive))
    return index[order], positive[order], wanted[~drawn]


def _check_options(ratio: int, gc_step: float, length_step: float, shortfall: str) -> None:
    if ratio < 1:
        raise ValueError(f"ratio expects 1 or more, got {ratio}")
    if not 0 < gc_step <= 1:
        raise ValueError(f"gc_step expects a number above 0 and up to 1, got {gc_step}")
    if not 0 <= length_step < np.inf:
        raise ValueError(f"length_step expects a number of 0 or more, got {length_step}")
    if shortfall not in _SHORTFALLS:
        raise ValueError(f"shortfall expects one of {', '.join(_SHORTFALLS)}, got {shortfall!r}")


def _checked(what: str, gc: np.ndarray, length_bp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gc = np.asarray(gc, dtype=np.float64)
    length_bp = np.asarray(length_bp)
    if gc.ndim != 1 or gc.shape != length_bp.shape:
        raise ValueError(
            f"the {what} expect GC contents and lengths of one shape (n,), got {gc.shape} and {length_bp.shape}"
        )
    if length_bp.dtype.kind not in "ui" and length_bp.size:
        raise TypeError(f"the lengths of the {what} expect integers, got an array of {length_bp.dtype}")
    legal = (gc >= 0) & (gc <= 1)
    if not legal.all():
        place = int(np.argmin(legal))
        raise ValueError(f"the {what} expect GC contents from 0 to 1, got {gc[place]} at {place}")
    if length_bp.size and int(length_bp.min()) < 1:
        raise ValueError(f"the {what} expect lengths of 1 bp or more, got {int(length_bp.min())}")
    return gc, length_bp.astype(np.int64)


def _bins(
    gc: np.ndarray,
    length_bp: np.ndarray,
    pool_gc: np.ndarray,
    pool_length_bp: np.ndarray,
    gc_step: float,
    length_step: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The number of the bin of each positive, and of each candidate."""
    # the last bin includes GC content 1; 1e-9 is added so that 0.3 / 0.1 is 3
    last_bin = np.ceil(1 / gc_step - 1e-9) - 1
    gc_bins = np.minimum(np.concatenate([gc, pool_gc]) / gc_step + 1e-9, last_bin)
    gc_bins = np.floor(gc_bins).astype(np.int64)
    length_bins = np.concatenate([length_bp, pool_length_bp])
    if length_step:
        length_bins = np.floor(np.log(length_bins) / np.log1p(length_step) + 1e-9).astype(np.int64)
    _, length_bins = np.unique(length_bins, return_inverse=True)
    _, bins = np.unique(length_bins * (int(gc_bins.max(initial=0)) + 1) + gc_bins, return_inverse=True)
    return bins[: gc.size], bins[gc.size :]


def _raise_short(missing: int, short: np.ndarray, gc: np.ndarray, length_bp: np.ndarray, wanted: int) -> None:
    worst = int(np.bincount(short).argmax())
    raise ValueError(
        f"the pool has {missing} candidates too few of the {wanted} asked for, for example near GC content "
        f"{gc[worst]:.2f} and {length_bp[worst]} bp; give a larger pool, wider gc_step or length_step, or "
        "shortfall='fewer'"
    )


def _ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference between the cumulative distributions of two samples."""
    if not (a.size and b.size):
        return float("nan")
    values = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(part), values, side="right") / part.size for part in (a, b)]
    return float(np.max(np.abs(below[0] - below[1])))


def _bin_error(cells: np.ndarray, drawn: np.ndarray) -> float:
    if not (cells.size and drawn.size):
        return float("nan")
    size = int(cells.max()) + 1
    shares = [np.bincount(part, minlength=size) / part.size for part in (cells, drawn)]
    return float(np.max(np.abs(shares[0] - shares[1])))
