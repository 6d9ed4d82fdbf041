"""Scans with a score table: every window of a batch of sequences, and those that reach a threshold."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from genoml.sequence.alphabet import COMPLEMENT_CODES, PAD_CODE
from genoml.sequence.codes import FlatCodes, flat_codes
from genoml.sequence.score_distribution import ScoreDistribution

__all__ = ["Hit", "as_batch", "find_hits", "turned", "window_scores"]

#: Windows of one block of a scan, so that what is added up stays in the cache.
_BLOCK = 2**14
#: Two sums of the same numbers may differ in their last digits; a threshold is met within this, in bits.
_TOLERANCE_BITS = 1e-9


class Hit(NamedTuple):
    """A window that reaches the threshold; coordinates are 0-based, half-open, on the given sequence.

    Attributes
    ----------
    start, end : int
        Where the window lies, also on the reverse strand.
    strand : str
        ``"+"``, or ``"-"`` if the reverse complement of the window matches.
    score : float
        Log-odds in bits.
    p_value : float
        Probability that a random window on one strand scores as much.
    sequence : int
        Which sequence of the batch; 0 for a single one.
    """

    start: int
    end: int
    strand: str
    score: float
    p_value: float
    sequence: int = 0


def as_batch(sequence: Any) -> tuple[bool, FlatCodes]:
    """Whether it is a single sequence, and the codes."""
    single = isinstance(sequence, str | bytes) or (isinstance(sequence, np.ndarray) and sequence.ndim == 1)
    return single, flat_codes([sequence] if single else sequence)


def turned(table: np.ndarray) -> np.ndarray:
    """The score table (width, 16) of the reverse complement."""
    return table[::-1, COMPLEMENT_CODES]


def window_scores(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """score[i] = sum_k table[k, codes[i + k]], a block of windows at a time.

    Shapes
    ------
    table : (width, 16);  codes : (length,) intp;  scores : (length - width + 1,), empty if that is negative
    """
    width = len(table)
    scores = np.zeros(max(codes.size - width + 1, 0))
    for begin in range(0, scores.size, _BLOCK):
        block = scores[begin : begin + _BLOCK]
        for k, row in enumerate(table):
            block += row.take(codes[begin + k : begin + k + block.size], mode="clip")
    return scores


def find_hits(
    table: np.ndarray,
    flat: FlatCodes,
    distribution: ScoreDistribution,
    *,
    threshold: float | None,
    p_value: float,
    strands: str,
) -> list[Hit]:
    """The windows that score at least ``threshold`` bits; if that is None, those as rare as ``p_value``."""
    width, (codes, starts) = len(table), _joined(flat)
    limit_bin, limit = None, threshold
    if limit is None:
        limit_bin = _limit_bin(distribution, p_value)
        # rounding moves a window's score by half a bin a position at most
        limit = (limit_bin - 0.5 * width) * distribution.granularity
    found = []
    for strand in strands:
        oriented = table if strand == "+" else turned(table)
        scores = window_scores(oriented, codes)
        places = np.flatnonzero((scores >= limit - _TOLERANCE_BITS) & (scores > -np.inf))
        windows = codes[places[:, None] + np.arange(width)]
        bins = distribution.bins(oriented)[np.arange(width), windows].sum(axis=1)
        if limit_bin is not None:
            places, bins = places[bins >= limit_bin], bins[bins >= limit_bin]
        rows = np.searchsorted(starts, places, side="right") - 1
        columns = (places - starts[rows], scores[places], distribution.p_value(bins), rows)
        found += [
            Hit(start, start + width, strand, score, p, row)
            for start, score, p, row in zip(*(column.tolist() for column in columns), strict=True)
        ]
    return sorted(found, key=lambda hit: (hit.sequence, hit.start, hit.strand))


def _limit_bin(distribution: ScoreDistribution, p_value: float) -> int:
    """The lowest bin that is so rare; the best one if none is."""
    found = distribution.threshold_bin(p_value)
    return distribution.best_bin if found is None else found


def _joined(flat: FlatCodes) -> tuple[np.ndarray, np.ndarray]:
    """One row with padding behind each sequence, so that no window straddles two; and where each begins."""
    ends = np.cumsum(flat.lengths)
    codes = np.insert(flat.codes, ends, PAD_CODE)
    starts = ends - flat.lengths + np.arange(flat.lengths.size)
    return codes.astype(np.intp), starts
