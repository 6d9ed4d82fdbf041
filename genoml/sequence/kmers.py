"""Counts and frequencies of the k-mers of each sequence, in lexicographic order of A, C, G, T."""

from __future__ import annotations

from itertools import product

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.sequence.alphabet import CODE_LETTERS, PAD_CODE
from genoml.sequence.codes import FlatCodes, Sequences, flat_codes, refuse_ambiguous
from genoml.sequence.encode import ONE_HOT_TABLES, Ambiguous, check_ambiguous
from genoml.sequence.kmer_windows import (
    KmerShape,
    WindowBlock,
    check_k,
    kmer_shape,
    window_blocks,
    window_codes,
)

# Cells of the result per block: few enough to stay in the cache.
_BLOCK = 1 << 18
_CODE_OF_N = CODE_LETTERS.index("N")


def kmer_names(k: int) -> list[str]:
    """Every k-mer over A, C, G, T, in the order of the columns of :func:`kmer_frequencies`.

    Raises
    ------
    ValueError
        Unless 1 <= k <= 12.
    """
    return ["".join(letters) for letters in product("ACGT", repeat=check_k(k))]


def canonical_columns(k: int) -> np.ndarray:
    """Numbers of the canonical k-mers, ascending: those that come no later than their reverse complement.

    ``y[:, canonical_columns(k)]`` leaves out the columns that are always 0 in
    ``y = kmer_frequencies(sequences, k, canonical=True)``.

    Returns
    -------
    numpy.ndarray
        int64: 4**k / 2 of them for odd k, (4**k + 4**(k / 2)) / 2 for even k.

    Raises
    ------
    ValueError
        Unless 1 <= k <= 12.

    Examples
    --------
    >>> [kmer_names(2)[column] for column in canonical_columns(2)]
    ['AA', 'AC', 'AG', 'AT', 'CA', 'CC', 'CG', 'GA', 'GC', 'TA']
    """
    return np.flatnonzero(_reverse_columns(check_k(k)) >= np.arange(4**k))


def kmer_frequencies(
    sequences: Sequences,
    k: int | str = 3,
    *,
    canonical: bool = False,
    ambiguous: str = "zero",
    alphabet: str = "auto",
    normalize: bool = True,
    dtype: str = "float32",
    backend: str | Backend | None = None,
) -> Array:
    """Frequencies of the k-mers of each sequence, over overlapping windows.

        y[n, m] = (windows of sequence n that are k-mer m) / (windows counted)

    With ``ambiguous="zero"`` the windows counted are those whose k-mer has no ambiguous base; with ``"uniform"`` and
    ``"iupac"``, all windows without padding.

    Parameters
    ----------
    sequences : iterable of str, bytes or uint8 arrays, or a uint8 array (batch, length)
        They may differ in length. One shorter than ``k`` has no window, and its row is zero.
    k : int or str
        1 to 12; or a spaced seed such as ``"1101011"``, whose k-mers are the bases at its 1s (12 at most). The bases at
        its 0s are ignored, and may be ambiguous.
    canonical : bool
        Count a k-mer and its reverse complement as one, in the column of the one that comes first in
        lexicographic order; the other's column is 0 (see :func:`canonical_columns`). A spaced seed must then
        read the same from both ends.
    ambiguous : {"zero", "uniform", "iupac", "error"}
        ``"zero"`` leaves out each window whose k-mer holds a base other than A, C, G, T. ``"uniform"`` and
        ``"iupac"`` divide such a window among the k-mers that it can be, by the product of its bases' distributions
        (see :func:`~genoml.sequence.one_hot`). ``"error"`` raises ValueError. A window with padding is never counted.
    normalize : bool
        Divide by the number of windows counted, so that a row sums to 1, or to 0 if there was none. False: counts,
        exact in float32 up to 16.7 million; :func:`kmer_counts` gives integers.
    alphabet, dtype, backend
        As in :func:`~genoml.sequence.batch_encode`.

    Returns
    -------
    array
        (batch, 4**k), columns in lexicographic order ACGT: see :func:`kmer_index`, :func:`kmer_names`.

    Raises
    ------
    ValueError
        For illegal letters, an unknown policy, ``k`` outside 1 to 12, an invalid pattern, or an ambiguous base with
        ``"error"``.
    """
    policy = check_ambiguous(ambiguous)
    shape = kmer_shape(k, canonical=canonical)
    target = get_backend(backend)
    flat = flat_codes(sequences, alphabet=alphabet)
    if policy == "error":
        refuse_ambiguous(flat)
    out = np.zeros((flat.lengths.size, 4**shape.k), dtype=np.float64 if dtype == "float64" else np.float32)
    for rows, part in _row_blocks(flat, 4**shape.k):
        counts = count_rows(part, shape).astype(np.float64)
        if policy in ("uniform", "iupac"):
            counts += _shared(part, shape, policy)
        if canonical:
            counts = fold_strands(counts, shape.k)
        if normalize:
            counts /= np.maximum(counts.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        out[rows] = counts
    return target.asarray(out, dtype=dtype)


def kmer_counts(
    sequences: Sequences, k: int | str = 3, *, canonical: bool = False, alphabet: str = "auto"
) -> np.ndarray:
    """Exact counts of the k-mers of each sequence, over overlapping windows, on the host.

        y[n, m] = windows of sequence n that are k-mer m

    A k-mer with an ambiguous base is not counted. For the sum over many sequences, or over a genome, see
    :class:`~genoml.sequence.KmerCounter`; for k beyond 12, :func:`~genoml.sequence.sparse_kmers`.

    Parameters
    ----------
    sequences, k, canonical, alphabet
        As in :func:`kmer_frequencies`.

    Returns
    -------
    numpy.ndarray
        (batch, 4**k) int64, columns as in :func:`kmer_frequencies`.

    Raises
    ------
    ValueError
        As :func:`kmer_frequencies`.

    Examples
    --------
    >>> kmer_counts(["AACNT"], 1)
    array([[2, 1, 0, 1]])
    """
    shape = kmer_shape(k, canonical=canonical)
    flat = flat_codes(sequences, alphabet=alphabet)
    out = np.zeros((flat.lengths.size, 4**shape.k), dtype=np.int64)
    for rows, part in _row_blocks(flat, 4**shape.k):
        counts = count_rows(part, shape)
        out[rows] = fold_strands(counts, shape.k) if canonical else counts
    return out


def count_rows(flat: FlatCodes, shape: KmerShape) -> np.ndarray:
    """Count the windows of each sequence without an ambiguous base: (batch, 4**k) int64."""
    batch, width = flat.lengths.size, 4**shape.k
    counts = np.zeros(batch * width, dtype=np.int64)
    add_counts(counts, flat, shape, np.repeat(np.arange(batch) * width, flat.lengths) if batch > 1 else None)
    return counts.reshape(batch, width)


def add_counts(
    counts: np.ndarray, flat: FlatCodes, shape: KmerShape, first_cell: np.ndarray | None = None
) -> None:
    """Add the windows without an ambiguous base to flat counts, in place.

    ``first_cell`` (bases,) is the start of the counts of each base's sequence; None counts all sequences together.
    """
    for block in window_blocks(flat, shape):
        cells = window_codes(block.bases, shape).astype(np.int64)
        if first_cell is not None:
            cells += first_cell[block.start : block.start + cells.size]
        if not block.plain.all():
            cells = cells[block.plain]
        if counts.size <= 4 * cells.size:
            counts += np.bincount(cells, minlength=counts.size)
        else:  # touch only the cells that occur
            np.add.at(counts, cells, 1)


def fold_strands(counts: np.ndarray, k: int) -> np.ndarray:
    """Add the count of each k-mer to that of its reverse complement where the latter comes first."""
    reverse = _reverse_columns(k)
    later = np.flatnonzero(reverse < np.arange(4**k))
    folded = counts.copy()
    folded[..., reverse[later]] += counts[..., later]
    folded[..., later] = 0
    return folded


def _reverse_columns(k: int) -> np.ndarray:
    """The column of each k-mer's reverse complement, (4**k,)."""
    columns = np.zeros(1, dtype=np.int64)
    for _ in range(k):
        # a base in front goes to the end as its complement
        columns = (np.arange(3, -1, -1)[:, None] + 4 * columns).ravel()
    return columns


def _row_blocks(flat: FlatCodes, width: int) -> list[tuple[slice, FlatCodes]]:
    """Blocks of sequences, small enough that their counts stay in the cache."""
    step = max(1, _BLOCK // width)
    ends = np.concatenate([[0], np.cumsum(flat.lengths)])
    blocks = []
    for first in range(0, flat.lengths.size, step):
        lengths = flat.lengths[first : first + step]
        part = FlatCodes(flat.codes[ends[first] : ends[first + lengths.size]], lengths)
        blocks.append((slice(first, first + lengths.size), part))
    return blocks


def _shared(flat: FlatCodes, shape: KmerShape, policy: Ambiguous) -> np.ndarray:
    """Counts (batch, 4**k) of the windows with ambiguous bases, each divided among the k-mers it can be."""
    codes, batch = flat.codes, flat.lengths.size
    if policy == "uniform":
        codes = np.where((codes > 3) & (codes < PAD_CODE), np.uint8(_CODE_OF_N), codes)
    row_of = np.repeat(np.arange(batch), flat.lengths)
    counts = np.zeros(batch * 4**shape.k)
    for block in window_blocks(FlatCodes(codes, flat.lengths), shape):
        starts, windows = _mixed_windows(block, shape)
        if starts.size:
            counts += _spread(row_of[starts], windows, batch)
    return counts.reshape(batch, 4**shape.k)


def _mixed_windows(block: WindowBlock, shape: KmerShape) -> tuple[np.ndarray, np.ndarray]:
    """Starts (windows,) and bases (k, windows) of the windows with ambiguous bases and no padding."""
    starts = np.flatnonzero(block.within & ~block.plain)
    windows = block.bases[starts + np.array(shape.offsets)[:, None]]
    inside = np.all(windows != PAD_CODE, axis=0)
    return starts[inside] + block.start, windows[:, inside]


def _spread(rows: np.ndarray, windows: np.ndarray, batch: int) -> np.ndarray:
    """Divide each window among the k-mers that it can be: flat counts (batch * 4**k,)."""
    k = windows.shape[0]
    # equal windows of a sequence are expanded once: a run of N costs no more than one window of N
    key = rows.astype(np.int64)
    for column in windows:
        key = (key << 4) | column
    key, repeats = np.unique(key, return_counts=True)
    source = np.arange(key.size)
    index = np.zeros(key.size, dtype=np.int64)
    weight = repeats.astype(np.float64)
    for j in range(k):
        shares = ONE_HOT_TABLES["iupac"][(key[source] >> (4 * (k - 1 - j))) & 15]
        possible = shares > 0
        weight = (weight[:, None] * shares)[possible]
        index = (4 * index[:, None] + np.arange(4))[possible]
        source = np.broadcast_to(source[:, None], possible.shape)[possible]
    cells = (key[source] >> (4 * k)) * 4**k + index
    return np.bincount(cells, weights=weight, minlength=batch * 4**k)
