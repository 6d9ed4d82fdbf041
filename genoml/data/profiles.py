"""Data sets of profiles: reads along windows of a genome, read from bigWig files batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from genoml.data.augment import Augmentation
from genoml.data.codes import row_slices
from genoml.data.coverage import check_chromosomes
from genoml.data.dataset import Rows, SequenceData
from genoml.data.peaks import GenomeCodes, Regions, called, regions_of, windows_around
from genoml.data.tracks import SignalTracks, control_strands, strands_of, turn_tracks
from genoml.genome.opening import open_genome
from genoml.genome.store import Edges, GenomeStore
from genoml.genome.windows import centre
from genoml.io.bigwig import BigWig
from genoml.io.files import FilePath
from genoml.sequence.intervals import Intervals
from genoml.sequence.strand import reverse_complement

#: A region with more reads than this many times the quantile is an outlier.
_ABOVE_QUANTILE = 1.2


@dataclass(frozen=True, kw_only=True)
class ProfileData(SequenceData):
    """Sequences with profiles of reads: targets (n, tracks, length), in the middle of the sequences.

    Targets and control tracks are arrays, or ``SignalTracks``, which read a batch at a time. A sequence that is turned
    takes its profiles with it, and its windows are moved before they are read (``Augmentation.shift_bp``).

    Attributes
    ----------
    strands : str
        A letter a track, see genoml.data.tracks.
    n_outliers : int
        Regions that were left out, see ``profile_data``.

    Raises
    ------
    ValueError
        If shapes and strands do not fit.
    """

    strands: str
    n_outliers: int = 0

    def check_targets(self) -> None:
        """Raise ValueError unless the profiles and control tracks fit the sequences and the strands."""
        count, length = self.codes.shape
        shape = tuple(self.targets.shape)
        if len(shape) != 3 or shape[0] != count or shape[2] > length or (length - shape[2]) % 2:
            raise ValueError(
                f"ProfileData expects targets ({count}, tracks, length), with an even number of bp of the {length} of "
                f"the sequences around them, got {shape}"
            )
        strands_of(self.strands, shape[1])
        if self.control is None:
            return
        control = tuple(self.control.shape)
        if len(control) != 3 or control[0] != count or control[2] != length:
            raise ValueError(f"ProfileData expects control ({count}, tracks, {length}), got {control}")
        control_strands(self.strands, control[1])

    def batch(
        self,
        index: np.ndarray,
        augmentation: Augmentation,
        rng: np.random.Generator,
        rows: slice = slice(None),
    ) -> Rows:
        """The examples at these positions as arrays; sequences, profiles and controls are turned and moved alike.

        With ``rows`` these of them alone are read.

        Raises
        ------
        ValueError
            If windows are to be moved that are not of a genome.
        """
        turned, offsets = augmentation.draw(len(index), rng, rows)
        index = index[rows]
        codes, targets = _at(self.codes, index, offsets), _at(self.targets, index, offsets)
        control = None if self.control is None else _at(self.control, index, offsets)
        if turned is not None:
            where = turned[:, None, None]
            codes = np.where(turned[:, None], reverse_complement(codes), codes)
            targets = np.where(where, turn_tracks(targets, self.strands), targets)
            if control is not None:
                strands = control_strands(self.strands, control.shape[1])
                control = np.where(where, turn_tracks(control, strands), control)
        return Rows(codes, targets, {name: v[index] for name, v in self.extras.items()}, control)

    @cached_property
    def totals(self) -> np.ndarray:
        """Reads of each track, (n, tracks) float64; profiles on disk are read once, some at a time."""
        parts = [self.targets[rows].sum(axis=2, dtype=np.float64) for rows in row_slices(self.targets)]
        return np.concatenate([np.zeros((0, self.targets.shape[1])), *parts])


def _at(rows: Any, index: np.ndarray, offsets: np.ndarray | None) -> np.ndarray:
    if offsets is None:
        return np.asarray(rows[index])
    if not isinstance(rows, GenomeCodes | SignalTracks):
        raise ValueError(
            "shift_bp expects windows that can be read elsewhere too, as those of profile_data, got arrays; "
            "use shift_bp=0"
        )
    return rows.fetch_shifted(index, -offsets)


def profile_data(
    genome: GenomeStore | FilePath,
    regions: Regions,
    signal: FilePath | Sequence[FilePath],
    *,
    control: FilePath | Sequence[FilePath] = (),
    strands: str | None = None,
    length_bp: int = 2114,
    profile_bp: int = 1000,
    edges: Edges = "error",
    outlier_quantile: float | None = 0.999,
) -> ProfileData:
    """Make a data set of windows of a genome and the profiles of reads in their middle, from bigWig files.

    Windows are centred on the summit of a region where there is one, else on its middle, and lie on its strand. Only
    coordinates are kept: bases and reads of a batch are fetched with the batch, at the place that its windows are
    moved to. All reads are read once now, for their totals.

    Parameters
    ----------
    genome : GenomeStore, str or os.PathLike
        A store, open or not, or FASTA, whose store is made once, next to it (``GENOME.store``).
    regions : Intervals, str or os.PathLike
        Regions, or a BED or narrowPeak file.
    signal, control : path, or sequence of them
        bigWig files of reads at single bases (5' ends, cut sites), one a track, and of control experiments: as many,
        or one.
    strands : str, optional
        A letter a track, see genoml.data.tracks; needed for several.
    length_bp, profile_bp : int
        Length of the sequences, and of the profiles in their middle.
    edges : {"error", "drop", "pad"}
        As in ``genome_data``.
    outlier_quantile : float or None
        Regions with more reads than 1.2 times this quantile of all regions are left out; a warning gives their number.

    Returns
    -------
    ProfileData
        With chromosomes as ``groups``, and the windows as ``intervals``.

    Raises
    ------
    FormatError, OSError
        For a file that cannot be read, lacks a chromosome, has another size of one than the genome, or negative values.
    ValueError
        For options that do not fit each other, or a window past an end of its chromosome.

    Warns
    -----
    UserWarning
        For regions left out, and for values that are no whole numbers.

    References
    ----------
    Avsec et al. (2021), doi:10.1038/s41588-021-00782-6; the rule for outliers is ChromBPNet's (Pampari et al. 2024,
    doi:10.1101/2024.12.25.630221).
    """
    store = genome if isinstance(genome, GenomeStore) else open_genome(genome)
    windows, _ = windows_around(
        store, regions_of(regions, store.sizes), length_bp, edges, called(regions, "regions")
    )
    if not len(windows):
        raise ValueError(
            f"expects at least one window of {length_bp} bp within its chromosome, got none of "
            f"{called(regions, 'regions')}"
        )
    files = [_open(path, windows, store) for path in _paths(signal)]
    controls = [_open(path, windows, store) for path in _paths(control)]
    letters = strands_of(strands, len(files), "tracks")
    data = ProfileData(
        codes=GenomeCodes(store, windows),
        targets=SignalTracks(files, centre(windows, profile_bp), letters),
        groups=windows.chrom,
        intervals=windows,
        control=SignalTracks(controls, windows, control_strands(letters, len(controls)))
        if controls
        else None,
        strands=letters,
    )
    _warn_of_fractions(data)
    return data if outlier_quantile is None else without_outliers(data, outlier_quantile)


def replicate_tracks(data: ProfileData, signal: FilePath | Sequence[FilePath]) -> SignalTracks:
    """Reads of other bigWig files at the profiles of a data set of ``profile_data``: those of a replicate.

    Raises
    ------
    FormatError, OSError
        As ``profile_data``.
    ValueError
        For another number of files, or data that are not windows of a genome.
    """
    tracks, length = data.targets.shape[1:]
    if data.intervals is None or not isinstance(data.codes, GenomeCodes):
        raise ValueError("replicate_tracks expects windows of a genome, such as those of profile_data")
    paths = _paths(signal)
    if len(paths) != tracks:
        raise ValueError(f"a replicate expects {tracks} bigWig file(s), one a track, got {len(paths)}")
    files = [_open(path, data.intervals, data.codes.store) for path in paths]
    return SignalTracks(files, centre(data.intervals, length), data.strands)


def _paths(given: FilePath | Sequence[FilePath]) -> list[FilePath]:
    return list(given) if isinstance(given, list | tuple) else [given]  # type: ignore[list-item]


def _open(path: FilePath, windows: Intervals, store: GenomeStore) -> BigWig:
    file = BigWig(path)
    check_chromosomes(file, windows, store.sizes)
    return file


def _warn_of_fractions(data: ProfileData) -> None:
    """Warn if the first profiles are not whole numbers, as those of normalised coverage are not."""
    some = data.targets[: min(len(data), 256)]
    fractions = (some != np.rint(some)).any(axis=(1, 2))
    if fractions.any():
        row = int(np.argmax(fractions))
        warnings.warn(
            f"profiles are not whole numbers, first in {data.name_of(row)}; their losses are those of counts of reads: "
            "give reads that are not normalised",
            UserWarning,
            stacklevel=3,
        )


def without_outliers(data: ProfileData, quantile: float = 0.999) -> ProfileData:
    """The data without regions whose reads are more than 1.2 times this quantile of all; ``n_outliers`` counts them.

    Raises
    ------
    ValueError
        If the quantile is not within 0 and 1.

    Warns
    -----
    UserWarning
        If regions are left out: how many, and above how many reads.
    """
    if not 0.0 < quantile <= 1.0:
        raise ValueError(f"outlier_quantile expects a number above 0, up to 1, got {quantile}")
    totals = data.totals.sum(axis=1)
    most = _ABOVE_QUANTILE * float(np.quantile(totals, quantile))
    kept = np.flatnonzero(totals <= most)
    outliers = len(data) - len(kept)
    if outliers:
        warnings.warn(
            f"{outliers} of {len(data)} regions have more than {most:.0f} reads ({_ABOVE_QUANTILE:g} times the "
            f"{quantile:g} quantile) and are left out",
            UserWarning,
            stacklevel=3,
        )
    return replace(data.take(kept), n_outliers=data.n_outliers + outliers)
