"""Trimming and filtering of reads by quality and length.

All thresholds are Phred scores; Solexa scores are converted first. The steps combine as generators:
``write_fastq(out, filter_reads(map(trim_quality, reads)))``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from genoml.io.fastq import FastqRecord


def quality_trim_ends(
    qualities: np.ndarray, *, five_prime: int = 0, three_prime: int = 20
) -> tuple[int, int]:
    """Start and stop of a read after quality trimming of its ends, by the rule of BWA.

    From the 3' end inwards, s_x = sum_{i >= x} (t - q_i) sums how far the bases from x on are below the threshold t.
    The read is cut at the x with the greatest s_x > 0, the rightmost of equals; the search ends where s_x < 0. The 5'
    end is cut in the same way from the left. If the two meet, nothing is left.

    Parameters
    ----------
    qualities : numpy.ndarray
        (length,) Phred scores.
    five_prime, three_prime : int
        The threshold t of each end; 0 does not trim it.

    Returns
    -------
    start, stop : int
        0-based, half-open; (0, 0) if nothing is left.

    References
    ----------
    Li and Durbin (2009), doi:10.1093/bioinformatics/btp324, and its program (``bwa aln -q``); Martin (2011),
    doi:10.14806/ej.17.1.200, for both ends.
    """
    q = np.asarray(qualities, dtype=np.int64)
    start = _n_to_cut(q, five_prime)
    stop = q.size - _n_to_cut(q[::-1], three_prime)
    return (start, stop) if start < stop else (0, 0)


def _n_to_cut(q: np.ndarray, threshold: int) -> int:
    """Number of bases to cut from the beginning."""
    if threshold < 0:
        raise ValueError(f"a quality threshold expects 0 or more, got {threshold}")
    sums = np.cumsum(threshold - q)
    below = np.flatnonzero(sums < 0)
    considered = sums[: below[0]] if below.size else sums
    if not considered.size or considered.max() <= 0:
        return 0
    return int(np.argmax(considered)) + 1


def trim_quality(record: FastqRecord, *, five_prime: int = 0, three_prime: int = 20) -> FastqRecord:
    """Trim the ends of a read by quality; see :func:`quality_trim_ends`."""
    return record.part(*quality_trim_ends(record.phred, five_prime=five_prime, three_prime=three_prime))


def trim_window(record: FastqRecord, *, window_bp: int = 4, quality: float = 15) -> FastqRecord:
    """Cut a read where the mean Phred score of a window first falls below ``quality``.

    From the 5' end, the first window of ``window_bp`` bases whose mean score is below the threshold is cut off
    with all that follows it. A read shorter than the window is one window.

    Raises
    ------
    ValueError
        For a window below one base.

    References
    ----------
    Bolger et al. (2014), doi:10.1093/bioinformatics/btu170 (SLIDINGWINDOW, which afterwards also cuts single
    bases below the threshold from the new end; this does not).
    """
    if window_bp < 1:
        raise ValueError(f"window_bp expects 1 or more, got {window_bp}")
    q = record.phred.astype(np.int64)
    if not q.size:
        return record
    width = min(window_bp, q.size)
    sums = np.cumsum(np.concatenate([[0], q]))
    below = np.flatnonzero(sums[width:] - sums[:-width] < quality * width)
    return record.part(0, int(below[0])) if below.size else record


def expected_errors(record: FastqRecord) -> float:
    """Expected number of wrong bases: the sum of the error probabilities.

    References
    ----------
    Edgar and Flyvbjerg (2015), doi:10.1093/bioinformatics/btv401.
    """
    return float(record.error_probabilities.sum())


def mean_quality(record: FastqRecord) -> float:
    """The Phred score of the mean error probability, -10 log10(mean p); NaN for a read without bases.

    It is not the mean of the scores, which a few bad bases hardly lower: scores 40 and 0 have a mean of 20,
    but half of the bases are wrong, a score of 3.
    """
    p = record.error_probabilities
    return -10 * math.log10(float(p.mean())) if p.size else math.nan


def filter_reads(
    records: Iterable[FastqRecord],
    *,
    min_bp: int = 1,
    max_bp: int | None = None,
    min_mean_quality: float | None = None,
    max_expected_errors: float | None = None,
    max_ambiguous: int | None = None,
) -> Iterator[FastqRecord]:
    """Keep the reads that meet every condition.

    Parameters
    ----------
    records : iterable of FastqRecord
    min_bp, max_bp : int
        Length, both included.
    min_mean_quality : float, optional
        Least :func:`mean_quality`; a read without bases has none.
    max_expected_errors : float, optional
        Greatest :func:`expected_errors`.
    max_ambiguous : int, optional
        Most letters other than A, C, G, T, U.

    Returns
    -------
    iterator of FastqRecord
        Lazy, in order.
    """
    for record in records:
        length = len(record.sequence)
        if length < min_bp or (max_bp is not None and length > max_bp):
            continue
        if min_mean_quality is not None and not mean_quality(record) >= min_mean_quality:
            continue
        if max_expected_errors is not None and expected_errors(record) > max_expected_errors:
            continue
        if max_ambiguous is not None and _n_ambiguous(record.sequence) > max_ambiguous:
            continue
        yield record


def _n_ambiguous(sequence: str) -> int:
    return len(sequence.encode("ascii").translate(None, b"ACGTUacgtu"))
