"""Convolution filters of the first layer as motifs, made from the sequence windows that activate them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from genoml.sequence.motifs.bank import base_probabilities, information_content

__all__ = ["FilterMotif", "filter_motifs"]

# Windows in one block of the scan: 2**16 windows of 20 bp are 21 MB of float32.
_BLOCK_WINDOWS = 2**16

# Row i is the one-hot row of base code i; every code that is not a single base is zero.
_ONE_HOT = np.vstack([np.eye(4, dtype=np.float32), np.zeros((252, 4), dtype=np.float32)])


@dataclass(frozen=True)
class FilterMotif:
    """The motif of one filter.

    Attributes
    ----------
    index : int
        Which filter of the layer.
    counts : array of shape (kernel_size, 4)
        Count of each base (A C G T) at each position of the filter's sites.
    n_sites : int
        How many windows activate the filter; 0 if none does.
    strength : float
        Information content of the motif in bits, corrected for few sites, times log2(1 + n_sites): large for
        a filter that is specific and is used.
    """

    index: int
    counts: NDArray[np.float64]
    n_sites: int
    strength: float

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The base frequencies, (kernel_size, 4), each row summing to 1."""
        return base_probabilities(self.counts)


def filter_motifs(
    weights: ArrayLike,
    bias: ArrayLike | None,
    codes: NDArray[np.uint8],
    *,
    threshold: float = 0.5,
    both_strands: bool = False,
) -> list[FilterMotif]:
    """Motifs of convolution filters, from the windows of real sequences that activate them.

        a[f, n, i] = bias[f] + sum_{c,k} weights[f, c, k] onehot(codes[n, i + k])[c]
        sites of f = windows (n, i) with a[f, n, i] > threshold max_{n,i} a[f, n, i]
        counts[f, k, c] = #{sites whose base at position k is c}

    A filter whose largest activation is not positive is silent after ReLU: it has no sites. Only windows that
    lie wholly inside the sequences are looked at, also for a model that pads them.

    Parameters
    ----------
    weights, bias : array_like
        Of the first layer, on the host; ``bias=None`` for a layer without one.
    codes : array
        Sequences as base codes; a code above 3 (ambiguous, or padding) adds nothing to an activation and is not
        counted.
    threshold : float
        Share of a filter's largest activation that a site must exceed, from 0 to less than 1.
    both_strands : bool
        Look for sites on the reverse strand too, and count those as their reverse complement.

    Shapes
    ------
    weights : (filters, 4, kernel_size)
    bias : (filters,)
    codes : (sequences, length >= kernel_size), uint8

    Returns
    -------
    list of FilterMotif
        One for each filter, the strongest first.

    Raises
    ------
    ValueError
        If a shape is not one of those above, or ``threshold`` is outside [0, 1).

    References
    ----------
    Alipanahi et al. (2015, DeepBind), doi:10.1038/nbt.3300; Kelley et al. (2016, Basset),
    doi:10.1101/gr.200535.115: windows above half of the filter's maximum. Both align activated windows; this
    takes every window over the threshold, as Basset does, rather than the best of each sequence.
    """
    filters, offsets = _checked(weights, bias, codes, threshold)
    n_filters, _, width = filters.shape
    if both_strands:
        filters = np.concatenate([filters, filters[:, ::-1, ::-1]])
        offsets = np.concatenate([offsets, offsets])
    # Rows in the order of a window's one-hot values: position by position, four bases each.
    kernel = np.ascontiguousarray(filters.transpose(2, 1, 0).reshape(4 * width, -1))

    # One scan finds the maxima, a second one counts: cheaper than to keep every activation.
    maxima = np.full(len(filters), -np.inf, dtype=np.float32)
    for windows in _window_blocks(codes, width):
        np.maximum(maxima, (windows @ kernel + offsets).max(axis=0), out=maxima)
    maxima = np.tile(maxima.reshape(-1, n_filters).max(axis=0), len(filters) // n_filters)
    limits = np.where(maxima > 0, threshold * maxima, np.inf).astype(np.float32)

    counts, n_sites = np.zeros((len(filters), 4 * width)), np.zeros(len(filters), dtype=np.int64)
    for windows in _window_blocks(codes, width):
        active = (windows @ kernel + offsets > limits).astype(np.float32)
        counts += active.T @ windows
        n_sites += active.sum(axis=0, dtype=np.float64).astype(np.int64)
    return _ranked(counts.reshape(len(filters), width, 4), n_sites, n_filters)


def _checked(
    weights: ArrayLike, bias: ArrayLike | None, codes: NDArray[np.uint8], threshold: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    filters = np.asarray(weights, dtype=np.float32)
    if filters.ndim != 3 or filters.shape[1] != 4 or 0 in filters.shape:
        raise ValueError(f"filter_motifs expects weights (filters, 4, kernel_size), got {filters.shape}")
    offsets = np.zeros(len(filters), np.float32) if bias is None else np.asarray(bias, dtype=np.float32)
    if offsets.shape != (len(filters),):
        raise ValueError(f"filter_motifs expects bias ({len(filters)},), got {offsets.shape}")
    width = filters.shape[2]
    if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[0] == 0 or codes.shape[1] < width:
        raise ValueError(
            f"filter_motifs expects uint8 codes (sequences >= 1, length >= {width}), "
            f"got {codes.dtype} {codes.shape}"
        )
    if not 0.0 <= threshold < 1.0:
        raise ValueError(f"filter_motifs expects threshold in [0, 1), got {threshold}")
    return filters, offsets


def _window_blocks(codes: NDArray[np.uint8], width: int) -> Iterator[NDArray[np.float32]]:
    """Every window as one-hot rows, (windows, 4 * width), a block of whole sequences at a time."""
    per_sequence = codes.shape[1] - width + 1
    step = max(1, _BLOCK_WINDOWS // per_sequence)
    for start in range(0, len(codes), step):
        windows = sliding_window_view(codes[start : start + step], width, axis=1)
        yield _ONE_HOT[windows].reshape(-1, 4 * width)


def _ranked(counts: NDArray[np.float64], n_sites: NDArray[np.int64], n_filters: int) -> list[FilterMotif]:
    """The motifs of the filters, both strands added where there are two, the strongest first."""
    if len(counts) > n_filters:
        counts = counts[:n_filters] + counts[n_filters:, ::-1, ::-1]
        n_sites = n_sites[:n_filters] + n_sites[n_filters:]
    motifs = []
    for index, (matrix, sites) in enumerate(zip(counts, n_sites.tolist(), strict=True)):
        bits = float(information_content(matrix, n_sites=sites).sum()) if sites else 0.0
        motifs.append(FilterMotif(index, matrix, sites, bits * float(np.log2(1 + sites))))
    return sorted(motifs, key=lambda motif: -motif.strength)
