"""Comparison of motifs with Tomtom's p-values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

__all__ = ["MotifComparison", "compare_motifs"]

#: Bins that a query's column scores are rounded to, as in Tomtom.
_BINS = 100


class _HasProbabilities(Protocol):
    @property
    def probabilities(self) -> np.ndarray: ...


class MotifComparison(NamedTuple):
    """The best match of a query motif to each target, over offsets and strands; arrays (targets,).

    Attributes
    ----------
    p_value : numpy.ndarray
        Probability that a random target of this width, with columns drawn from all targets, scores at least as much on
        one of its strands.
    score : numpy.ndarray
        Sum over the aligned columns of what a column scores above the median target column.
    offset : numpy.ndarray
        The column of the target, read on ``strand``, under the query's first; negative if the query
        starts before it.
    overlap : numpy.ndarray
        Number of aligned columns.
    strand : numpy.ndarray
        ``"-"`` if the target was reverse-complemented, else ``"+"``.
    """

    p_value: np.ndarray
    score: np.ndarray
    offset: np.ndarray
    overlap: np.ndarray
    strand: np.ndarray

    @property
    def e_value(self) -> np.ndarray:
        """Expected number of targets that match as well by chance: p_value times the number of targets."""
        return np.asarray(self.p_value * self.p_value.size)


def compare_motifs(
    queries: Iterable[_HasProbabilities], targets: Sequence[_HasProbabilities], *, n_bins: int = _BINS
) -> list[MotifComparison]:
    """Compare each query motif with every target, over all offsets and both strands.

    With d the Euclidean distance of the base probabilities of two columns,

        g(i, c) = median over target columns c' of d(q[i], c') - d(q[i], c)
        S(o) = sum_i g(i, t[i + o])   over the aligned columns; a column without partner counts 0

    The score is the largest S. Under the null model each target column is drawn from the columns of all
    targets on both strands; g is rounded to ``n_bins`` bins over its range, the distribution of each span's
    sum is then exact by dynamic programming, and offsets, and the two strands, are taken as independent:

        P(S >= s) = 1 - prod_o (1 - P(S(o) >= s)),    p = P (2 - P)

    A sum of w columns is within w / 2 bins of its score before rounding. p-values depend on the set of targets: with
    fewer than about 50 they are not meaningful.

    Parameters
    ----------
    queries : iterable of Motif or PWM
        Motifs with ``probabilities`` (width, 4).
    targets : sequence of Motif or PWM
        One or more.
    n_bins : int
        Bins over the range of g, 2 or more; more make small p-values finer.

    Raises
    ------
    ValueError
        If there is no target, or ``n_bins`` is below 2.

    References
    ----------
    Gupta et al. (2007), Quantifying similarity between motifs, doi:10.1186/gb-2007-8-2-r24; Tanaka et al.
    (2011), doi:10.1093/bioinformatics/btr257, for the medians that stand for columns without a partner
    ("complete score").
    """
    if not targets:
        raise ValueError("compare_motifs expects at least one target motif, got none")
    if n_bins < 2:
        raise ValueError(f"compare_motifs expects n_bins >= 2, got {n_bins}")
    forward = [target.probabilities for target in targets]
    both = [*forward, *(matrix[::-1, ::-1] for matrix in forward)]
    return [_compare(query.probabilities, both, n_bins) for query in queries]


def _compare(query: np.ndarray, targets: list[np.ndarray], n_bins: int) -> MotifComparison:
    widths = np.array([len(target) for target in targets])
    scores, bin_width = _column_scores(query, np.concatenate(targets), n_bins)
    best, offset, overlap = _best_offsets(scores, widths)
    p = _p_values(scores, widths, best)
    n = len(targets) // 2
    p_one = np.minimum(p[:n], p[n:])
    reverse = best[n:] > best[:n]
    score = best * bin_width
    return MotifComparison(
        p_one * (2.0 - p_one),
        np.where(reverse, score[n:], score[:n]),
        np.where(reverse, offset[n:], offset[:n]),
        np.where(reverse, overlap[n:], overlap[:n]),
        np.where(reverse, "-", "+"),
    )


def _column_scores(query: np.ndarray, columns: np.ndarray, n_bins: int) -> tuple[np.ndarray, float]:
    """Column scores g in bins, (width, columns) int64, and the width of a bin."""
    squares = (query**2).sum(axis=1)[:, None] + (columns**2).sum(axis=1) - 2.0 * query @ columns.T
    distances = np.sqrt(np.maximum(squares, 0.0))
    scores = np.median(distances, axis=1, keepdims=True) - distances
    span = float(scores.max() - scores.min())
    bin_width = span / n_bins if span > 0 else 1.0
    return np.rint(scores / bin_width).astype(np.int64), bin_width


def _best_offsets(scores: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best score of each target in bins, its offset and its overlap; ties go to the largest overlap."""
    w = len(scores)
    widest = int(widths.max())
    edge = w - 1
    inside = np.arange(widest) < widths[:, None]
    padded = np.zeros((w, widths.size, widest + 2 * edge), dtype=np.int64)
    inner = padded[:, :, edge : edge + widest]
    inner[:, inside] = scores
    offsets = np.arange(-edge, widest)
    sums = sum(padded[k, :, k : k + offsets.size] for k in range(w))
    overlaps = np.minimum(offsets + w, widths[:, None]) - np.maximum(offsets, 0)
    # one number to rank by: the sum, then the overlap
    rank = np.where(overlaps > 0, sums * (w + 1) + overlaps, np.iinfo(np.int64).min)
    place = rank.argmax(axis=1)
    rows = np.arange(widths.size)
    return np.asarray(sums)[rows, place], offsets[place], overlaps[rows, place]


def _p_values(scores: np.ndarray, widths: np.ndarray, best: np.ndarray) -> np.ndarray:
    """P(max over the offsets of S >= best) for each target."""
    distinct, which = np.unique(widths, return_inverse=True)
    w = len(scores)
    lowest = int(np.minimum(scores.min(axis=1), 0).sum())
    below = _log_below(scores, lowest, set(distinct.tolist()))
    table = np.zeros((distinct.size, below[0, w].size))
    for row, width in zip(table, distinct.tolist(), strict=True):
        for offset in range(1 - w, width):
            row += below[max(0, -offset), min(w, width - offset)]
    return np.asarray(-np.expm1(table[which, best - lowest]))


def _log_below(scores: np.ndarray, lowest: int, lengths: set[int]) -> dict[tuple[int, int], np.ndarray]:
    """log P(sum over query columns a..b < s) for each s from ``lowest`` on, for the spans that can align.

    Those are the spans that begin with the query, end with it, or are as long as a target.
    """
    w, n_columns = scores.shape
    size = int(np.maximum(scores.max(axis=1), 0).sum()) - lowest + 1
    first = scores.min(axis=1)
    shares = [np.bincount(row - low) / n_columns for row, low in zip(scores, first, strict=True)]
    log_below = {}
    for a in range(w):
        mass = np.ones(1)
        start = -lowest
        for b in range(a + 1, w + 1):
            mass = np.convolve(mass, shares[b - 1])
            start += int(first[b - 1])
            if a == 0 or b == w or b - a in lengths:
                reached = np.ones(size)
                reached[start : start + mass.size] = np.minimum(np.cumsum(mass[::-1])[::-1], 1.0)
                reached[start + mass.size :] = 0.0
                with np.errstate(divide="ignore"):
                    log_below[a, b] = np.log1p(-reached)
    return log_below
