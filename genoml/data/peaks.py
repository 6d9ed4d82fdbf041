"""Data sets of genome windows around peaks, with negatives, read from the store batch by batch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np

from genoml.data.codes import LazyCodes, row_numbers
from genoml.data.dataset import SequenceData
from genoml.data.shuffled import ShuffledNegatives
from genoml.data.targets import column_targets, masked
from genoml.genome.opening import open_genome
from genoml.genome.store import Edges, GenomeStore
from genoml.genome.windows import base_composition, centre, sample_windows, shifted
from genoml.io.bed import bed_intervals
from genoml.io.files import FilePath
from genoml.sequence.intervals import Intervals, concat
from genoml.sequence.matched import matched_sample

#: Intervals, or a BED or narrowPeak file.
Regions: TypeAlias = "Intervals | str | os.PathLike[str]"
#: Columns of the peaks, an array with a row for each peak, or a function of the windows.
Targets: TypeAlias = "str | Sequence[str] | np.ndarray | Callable[[Intervals], np.ndarray]"

# candidates per negative, increased until every bin of GC content has enough
_POOLS = (4, 16, 64)


class GenomeCodes(LazyCodes):
    """The bases of intervals of one length, fetched from a genome store on demand.

    On strand ``-`` they are the reverse complement; beyond an end of the chromosome they are padding.

    Parameters
    ----------
    store : GenomeStore
        The genome; it stays open as long as the codes are used.
    intervals : Intervals
        All of one length.

    Raises
    ------
    ValueError
        For no intervals, several lengths, or a chromosome that the genome does not have.
    """

    def __init__(self, store: GenomeStore, intervals: Intervals) -> None:
        lengths = np.unique(intervals.length_bp)
        if len(lengths) != 1:
            got = f"{lengths[0]} to {lengths[-1]} bp" if len(lengths) else "no intervals"
            raise ValueError(
                f"GenomeCodes expects intervals of one length, got {got}; see genoml.genome.centre"
            )
        _sizes(store, intervals)  # refuses a chromosome that the genome does not have
        self.store = store
        self.intervals = intervals
        super().__init__(len(intervals), int(lengths[0]))

    def fetch(self, rows: np.ndarray) -> np.ndarray:
        return self.fetch_shifted(rows, 0)

    def fetch_shifted(self, rows: np.ndarray, offsets: np.ndarray | int) -> np.ndarray:
        """The codes of these rows' windows, each moved by its offset towards the end of the chromosome."""
        codes: np.ndarray = self.store.fetch(shifted(self.intervals[rows], offsets), edges="pad")
        return codes if len(rows) else codes.reshape(0, self.shape[1])

    def take(self, index: Any) -> LazyCodes:
        """Some of the windows, whose bases are still fetched on demand."""
        rows = row_numbers(index, len(self))
        return GenomeCodes(self.store, self.intervals[rows]) if len(rows) else super().take(rows)


def genome_data(
    genome: GenomeStore | FilePath,
    peaks: Regions,
    *,
    length_bp: int,
    negatives: Regions | Literal["shuffle", "gc"] | None = None,
    ratio: int = 1,
    targets: Targets | None = None,
    edges: Edges = "error",
    avoid: Regions | None = None,
    max_ambiguous: float = 0.1,
    seed: int = 0,
) -> SequenceData:
    """Make a data set of windows centred on peaks, with negatives.

    Only coordinates are read now; the bases of a batch are fetched with the batch.

    Parameters
    ----------
    genome : GenomeStore, str or os.PathLike
        A store, open or not, or FASTA, whose store is made once, next to it (``GENOME.store``).
    peaks : Intervals, str or os.PathLike
        The positives, or all regions of a regression; a path is read as BED, or narrowPeak if it has 10
        columns. Windows are centred on the summit where there is one, else on the middle, and lie on
        the interval's strand.
    length_bp : int
        Length of every window.
    negatives : Intervals, path, {"shuffle", "gc"} or None
        Regions, centred likewise; ``"shuffle"``: exact dinucleotide shuffles of the positives, drawn anew in
        every epoch and made with each batch; ``"gc"``: windows of the peaks' chromosomes with their GC
        content that overlap neither peak nor window nor ``avoid``. None: no negatives.
    ratio : int
        Negatives for each positive, if they are drawn.
    targets : optional
        Column(s) of the peaks, such as ``"signal_value"`` (see column_targets), an array (n_peaks, tasks), or a
        function from the windows, negatives after positives, to such an array: ``lambda windows:
        coverage("x.bw", windows)``. NaN stands for a missing label, and becomes 0 in the extra ``mask``.
        None: 1 for peaks and 0 for negatives.
    edges : {"error", "drop", "pad"}
        How to treat a window that reaches past an end of its chromosome: raise an error, leave it out (a warning
        gives the number), or pad it with positions without a base.
    avoid : Intervals or path, optional
        Regions that drawn negatives must not overlap, such as a blacklist.
    max_ambiguous : float
        Greatest share of N in a negative that is drawn.
    seed : int
        Seed of the draws; the same arguments with the same seed give the same data.

    Returns
    -------
    SequenceData
        With chromosomes as ``groups``, and the windows as ``intervals``.

    Raises
    ------
    FormatError, OSError
        For a file that cannot be read in its format.
    ValueError
        For a chromosome that the genome lacks, a window past an edge, targets that do not fit, no peaks, or too few
        windows of the peaks' GC content.
    """
    store = genome if isinstance(genome, GenomeStore) else open_genome(genome)
    regions = regions_of(peaks, store.sizes)
    windows, kept = windows_around(store, regions, length_bp, edges, called(peaks, "peaks"))
    if not len(windows):
        raise ValueError(
            f"expects at least one window of {length_bp} bp within its chromosome, got none of {called(peaks, 'peaks')}"
        )
    if not callable(targets) and targets is not None and negatives is not None:
        raise ValueError(
            "targets of the peaks leave negatives without; expects negatives=None, or a function"
        )
    if isinstance(negatives, str) and negatives == "shuffle":
        if targets is not None:
            raise ValueError(
                "shuffles have no place in the genome to take targets from; expects targets=None"
            )
        return _with_shuffles(store, windows, ratio, seed)
    parts = [windows]
    if isinstance(negatives, str) and negatives == "gc":
        occupied = [regions, windows] if avoid is None else [regions, windows, regions_of(avoid)]
        excluded = concat([Intervals.from_codes(s.names, s.codes, s.start, s.end) for s in occupied])
        parts.append(matched_windows(store, windows, excluded, ratio, max_ambiguous, seed))
    elif negatives is not None:
        negative_regions = regions_of(negatives, store.sizes)
        words = called(negatives, "negatives")
        negative_windows, _ = windows_around(store, negative_regions, length_bp, edges, words)
        parts.append(negative_windows)
    return _assembled(store, parts, targets, kept, len(regions))


def _with_shuffles(store: GenomeStore, windows: Intervals, ratio: int, seed: int) -> SequenceData:
    data = ShuffledNegatives.of(GenomeCodes(store, windows), windows.chrom, ratio=ratio, seed=seed)
    return replace(data, intervals=windows[data.source.rows])


def _assembled(
    store: GenomeStore, parts: list[Intervals], targets: Targets | None, kept: np.ndarray, n_peaks: int
) -> SequenceData:
    windows = concat(parts)
    labels = np.zeros((0, 1))
    names: tuple[str, ...] = ()
    if targets is None:
        labels = np.repeat([1.0, 0.0][: len(parts)], [len(part) for part in parts])[:, None]
    elif callable(targets):
        labels = np.asarray(targets(windows))
    elif isinstance(targets, np.ndarray):
        if len(targets) != n_peaks:
            raise ValueError(f"targets expect a row for each of {n_peaks} peaks, got {len(targets)}")
        labels = targets[kept]
    else:
        names = (targets,) if isinstance(targets, str) else tuple(targets)
        labels = column_targets(windows, names)
    values, extras = masked(labels)
    return SequenceData(
        GenomeCodes(store, windows), values, windows.chrom, extras, intervals=windows, target_names=names
    )


def genome_of(data: SequenceData) -> GenomeStore | None:
    """The genome that the examples, or the sequences that they are shuffles of, are windows of."""
    codes = data.source.origins if isinstance(data, ShuffledNegatives) else data.codes
    return codes.store if isinstance(codes, GenomeCodes) else None


def regions_of(given: Regions, sizes: Mapping[str, int] | None = None) -> Intervals:
    """The given intervals, or those of a file, checked against the sizes of the genome if these are given."""
    return given if isinstance(given, Intervals) else concat(bed_intervals(given, sizes=sizes))


def called(given: Regions, what: str) -> str:
    """The name of a file of regions, or what the regions are, for messages."""
    return what if isinstance(given, Intervals) else os.fspath(given)


def windows_around(
    store: GenomeStore, regions: Intervals, length_bp: int, edges: Edges, words: str
) -> tuple[Intervals, np.ndarray]:
    """Windows of one length around the summits or middles, and the rows of their regions."""
    if edges not in ("error", "drop", "pad"):
        raise ValueError(f"edges expects 'error', 'drop' or 'pad', got {edges!r}")
    windows = centre(regions, length_bp, on="summit_or_midpoint")
    sizes = _sizes(store, windows)
    outside = (windows.start < 0) | (windows.end > sizes)
    if edges == "pad":
        outside = (windows.end <= 0) | (windows.start >= sizes)
    if outside.any() and edges != "drop":
        row = int(np.argmax(outside))
        raise ValueError(
            f"{words}: {int(outside.sum())} of {len(windows)} windows of {length_bp} bp reach past an end of their "
            f"chromosome; the first is {windows.place(row)} around row {row}, on {sizes[row]} bp; "
            "expects edges='drop' to leave them out"
            + (", or 'pad' to pad them" if edges == "error" else ": no base of it is on the chromosome")
        )
    if outside.any():
        warnings.warn(
            f"{words}: {int(outside.sum())} of {len(windows)} windows of {length_bp} bp reach past an end of their "
            "chromosome and are left out",
            UserWarning,
            stacklevel=3,
        )
    kept = np.flatnonzero(~outside)
    return windows[kept], kept


def _sizes(store: GenomeStore, intervals: Intervals) -> np.ndarray:
    """Length of each row's chromosome; ValueError if the genome does not have it."""
    table = np.zeros(len(intervals.names) + 1, dtype=np.int64)
    for code in np.unique(intervals.codes).tolist():
        table[code] = store.size_of(intervals.names[code])
    return np.asarray(table[intervals.codes])


def matched_windows(
    store: GenomeStore,
    positives: Intervals,
    avoid: Intervals,
    ratio: int = 1,
    max_ambiguous: float = 0.1,
    seed: int = 0,
) -> Intervals:
    """Draw windows with the length and GC content of the positives, ``ratio`` for each, from the same chromosomes.

    Candidates are drawn uniformly from all places that do not overlap ``avoid``; from each bin of GC content as many
    are taken as there are positives. See sample_windows and matched_sample.

    Raises
    ------
    ValueError
        If 64 candidates for each negative do not have enough of each GC content, or there is no room for any.
    """
    gc, _ = base_composition(store, _inside(store, positives))
    known = ~np.isnan(gc)
    if not known.any():
        raise ValueError("the peaks expect bases A, C, G or T to match GC content by, got none")
    gc = gc[known]
    length_bp = positives.length_bp[known]
    chromosomes = [name for name in store.names if name in set(positives.chrom)]
    for pool_size in _POOLS:
        pool = sample_windows(
            store, pool_size * ratio * len(gc), int(length_bp[0]), chromosomes=chromosomes, avoid=avoid,
            max_ambiguous=max_ambiguous, strand="random", seed=seed,
        )  # fmt: skip
        last = pool_size == _POOLS[-1]
        sample = matched_sample(
            gc, length_bp, pool.columns["gc"], pool.length_bp, ratio=ratio, seed=seed,
            shortfall="error" if last else "fewer",
        )  # fmt: skip
        if not sample.missing:
            break
    return pool[sample.index]


def _inside(store: GenomeStore, intervals: Intervals) -> Intervals:
    """Intervals cut to their chromosomes."""
    start = np.maximum(intervals.start, 0)
    end = np.minimum(intervals.end, _sizes(store, intervals))
    return intervals.moved(np.arange(len(intervals)), start, end)
