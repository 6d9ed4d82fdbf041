"""Score matrices of several motifs as arrays, for the scan on a device and its exact check on the host."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from genoml.backend import Array, Backend
from genoml.sequence.alphabet import COMPLEMENT_CODES
from genoml.sequence.motifs.score_distribution import ScoreDistribution

__all__ = ["TOLERANCE_BITS", "DeviceGroup", "ScoreBank", "ScoredMotif", "reverse_table"]

#: Tolerance of a threshold in bits, since two sums of the same numbers may differ in their last digits.
TOLERANCE_BITS = 1e-9
#: Largest relative error of products on a device: that of factors rounded to 8 bits (bfloat16).
_DEVICE_ERROR = 2.0**-8
#: Motifs per convolution, so that a short one is not padded to the longest of all.
_GROUP_MOTIFS = 32


class ScoredMotif(Protocol):
    """Protocol of the motifs that can be scanned; PWM follows it."""

    @property
    def width(self) -> int:
        """Number of positions, in bases."""

    @property
    def distribution(self) -> ScoreDistribution:
        """The distribution of scores over random windows."""

    #: (width, 16) the score of every base code at each position, in bits
    table: np.ndarray


def reverse_table(table: np.ndarray) -> np.ndarray:
    """The score table (width, 16) of the reverse complement."""
    return table[::-1, COMPLEMENT_CODES]


class DeviceGroup(NamedTuple):
    """Motifs of similar width as the kernels of one convolution.

    Attributes
    ----------
    kernel : array
        (width, 4, filters) float32 on the device.
    limits : array
        (filters,) float32 on the device: a lower bound of the score of each filter's hits.
    filters : numpy.ndarray
        (filters,) the filters' rows of the bank.
    """

    kernel: Array
    limits: Array
    filters: np.ndarray


class ScoreBank:
    """The score matrices of motifs and of their reverse complements, one row for each motif and strand.

    Attributes
    ----------
    widths, motifs, strands : numpy.ndarray
        (filters,) of each row; strand 0 is ``+``, 1 is ``-``.
    tables : numpy.ndarray
        (filters, widest, 16) float64: the score of each base code in bits, 0 beyond the motif's width.
    """

    def __init__(
        self,
        pwms: Sequence[ScoredMotif],
        *,
        p_value: float,
        threshold: float | None,
        both_strands: bool,
        best_if_short: bool,
    ) -> None:
        n_strands = 2 if both_strands else 1
        widest = max(pwm.width for pwm in pwms)
        self.motifs = np.repeat(np.arange(len(pwms)), n_strands)
        self.strands = np.tile(np.arange(n_strands), len(pwms))
        self.widths = np.array([pwm.width for pwm in pwms])[self.motifs]
        self.tables = np.zeros((self.motifs.size, widest, 16))
        self._bins = np.zeros(self.tables.shape, dtype=np.int32)
        self._threshold = threshold
        limits = [_lowest_bin(pwm, p_value, threshold, best_if_short) for pwm in pwms]
        p_values = [pwm.distribution.p_values_from(limit) for pwm, limit in zip(pwms, limits, strict=True)]
        for row, (motif, strand) in enumerate(zip(self.motifs.tolist(), self.strands.tolist(), strict=True)):
            pwm = pwms[motif]
            table = reverse_table(pwm.table) if strand else pwm.table
            self.tables[row, : pwm.width] = table
            self._bins[row, : pwm.width] = pwm.distribution.bins(table)
        sizes = np.array([values.size for values in p_values])
        self._limit_bins = np.array(limits)[self.motifs]
        self._sizes = sizes[self.motifs]
        self._p_values = np.concatenate(p_values)
        self._p_starts = (np.cumsum(sizes) - sizes)[self.motifs]
        bin_widths = np.array([pwm.distribution.granularity for pwm in pwms])[self.motifs]
        # rounding changes a window's score by at most half a bin per position
        self._limits = (self._limit_bins - 0.5 * self.widths) * bin_widths
        self._limits = np.where(self._sizes > 0, self._limits, np.inf)
        if threshold is not None:
            self._limits = np.full(self.motifs.size, threshold)

    def exact(self, windows: np.ndarray, filters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Whether each window is a hit, and the scores in bits and p-values of the hits.

        Shapes
        ------
        windows : (candidates, widest) codes;  filters : (candidates,);  results : (candidates,), (hits,) twice
        """
        places = (filters[:, None], np.arange(windows.shape[1]), windows)
        scores = self.tables[places].sum(axis=1)
        place = self._bins[places].sum(axis=1, dtype=np.int64) - self._limit_bins[filters]
        if self._threshold is None:
            hits = (place >= 0) & (scores > -np.inf)
        else:
            hits = (scores >= self._threshold - TOLERANCE_BITS) & (scores > -np.inf)
        hit_filters = filters[hits]
        place = np.clip(place[hits], 0, self._sizes[hit_filters] - 1) + self._p_starts[hit_filters]
        return hits, scores[hits], self._p_values[place]

    def on_device(self, backend: Backend) -> list[DeviceGroup]:
        """The matrices as float32 kernels, with motifs of similar width together.

        Limits leave room for the rounding of the device, and an impossible base scores so low that no window with it
        reaches a limit; candidates are scored again by ``exact``.
        """
        letters = self.tables[:, :, :4]
        finite = np.where(np.isfinite(letters), letters, 0.0)
        largest = np.abs(finite).max(axis=2).sum(axis=1)
        kernels = np.where(np.isfinite(letters), letters, -2.0 * largest[:, None, None] - 1.0)
        limits = self._limits - TOLERANCE_BITS - _DEVICE_ERROR * largest
        groups = []
        by_width = np.argsort(self.widths, kind="stable")
        for filters in np.array_split(by_width, math.ceil(by_width.size / (2 * _GROUP_MOTIFS))):
            width = int(self.widths[filters].max())
            kernel = kernels[filters, :width].transpose(1, 2, 0)
            placed = backend.asarray(np.ascontiguousarray(kernel), dtype="float32")
            groups.append(DeviceGroup(placed, backend.asarray(limits[filters], dtype="float32"), filters))
        return groups


def _lowest_bin(pwm: ScoredMotif, p_value: float, threshold: float | None, best_if_short: bool) -> int:
    """The lowest bin that a hit may have; above the best one if there can be no hit."""
    distribution = pwm.distribution
    if threshold is None:
        lowest_bin = distribution.threshold_bin(p_value)
        if lowest_bin is not None:
            return lowest_bin
        return distribution.best_bin + (0 if best_if_short else 1)
    if threshold == math.inf:
        return distribution.best_bin
    lowest = math.floor(max(threshold, -1e300) / distribution.granularity - 0.5 * pwm.width) - 1
    return min(lowest, distribution.best_bin) if lowest >= 0 else max(lowest, distribution.lowest_bin)
