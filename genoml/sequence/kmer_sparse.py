"""Sparse counts of k-mers: only those that occur, for k too large to hold all 4**k counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genoml.sequence.codes import FlatCodes, Sequences, flat_codes
from genoml.sequence.kmer_windows import (
    MAX_K,
    MAX_SPARSE_K,
    KmerShape,
    kmer_index,
    kmer_shape,
    kmer_strings,
    window_blocks,
    window_codes,
)
from genoml.sequence.strand import reverse_complement

# Bases of the sequences that are sorted together: 8 bytes per base, about three times.
_BLOCK_BP = 1 << 20


@dataclass(frozen=True, eq=False)
class SparseKmers:
    """The k-mers that occur, with their counts.

    Attributes
    ----------
    codes : (n,) uint64
        Numbers of the k-mers (:func:`kmer_index`), ascending, which is lexicographic order ACGT.
    counts : (n,) int64
        How often each occurs, at least once.
    k : int
        Bases of a k-mer, 1 to 32.
    pattern : str
        The spaced seed; k times 1 for k-mers of neighbouring bases.
    canonical : bool
        Whether a k-mer is counted together with its reverse complement, as the one of the two that comes first in
        lexicographic order.
    """

    codes: np.ndarray
    counts: np.ndarray
    k: int
    pattern: str
    canonical: bool

    def __len__(self) -> int:
        return int(self.codes.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseKmers):
            return NotImplemented
        return (
            self._kind == other._kind
            and np.array_equal(self.codes, other.codes)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def _kind(self) -> tuple[str, bool]:
        return self.pattern, self.canonical

    @property
    def total(self) -> int:
        """Number of windows counted: the denominator of the frequencies."""
        return int(self.counts.sum())

    @property
    def names(self) -> list[str]:
        """The k-mers as letters."""
        return kmer_strings(self.codes, self.k)

    @property
    def frequencies(self) -> np.ndarray:
        """counts / total: (n,) float64."""
        return self.counts / max(self.total, 1)

    def count_of(self, kmer: str) -> int:
        """Count of a k-mer; in canonical counts, of it or its reverse complement.

        Raises
        ------
        ValueError
            If it does not have k letters, or has others than A, C, G, T, U.
        """
        if len(kmer) != self.k:
            raise ValueError(f"expects a k-mer of {self.k} letters, got {len(kmer)}")
        code = kmer_index(kmer)
        if self.canonical:
            code = min(code, kmer_index(reverse_complement(kmer)))
        place = int(np.searchsorted(self.codes, np.uint64(code)))
        return int(self.counts[place]) if place < len(self) and int(self.codes[place]) == code else 0

    def merge(self, other: SparseKmers) -> SparseKmers:
        """The sum of two counts.

        Raises
        ------
        ValueError
            If they differ in pattern (hence in k), or in being canonical.
        """
        if self._kind != other._kind:
            raise ValueError(
                f"merge expects two counts of one kind, got pattern {self.pattern}, canonical {self.canonical} and "
                f"pattern {other.pattern}, canonical {other.canonical}"
            )
        codes, counts = merged((self.codes, self.counts), (other.codes, other.counts))
        return SparseKmers(codes, counts, self.k, self.pattern, self.canonical)

    def dense(self) -> np.ndarray:
        """Counts (4**k,) int64 of all k-mers, in the order of :func:`kmer_names`.

        Raises
        ------
        ValueError
            If k is above 12.
        """
        if self.k > MAX_K:
            raise ValueError(f"a dense count expects k of 1 to {MAX_K}, got {self.k}")
        counts = np.zeros(4**self.k, dtype=np.int64)
        counts[self.codes.astype(np.int64)] = self.counts
        return counts


@dataclass(frozen=True, eq=False)
class SparseKmerRows:
    """The k-mers that occur in each of many sequences, as compressed sparse rows.

    Row n is ``codes[offsets[n]:offsets[n + 1]]`` with ``counts[offsets[n]:offsets[n + 1]]``.

    Attributes
    ----------
    codes, counts : (sum of n,) uint64, int64
        As in :class:`SparseKmers`, row after row.
    offsets : (batch + 1,) int64
        Start of each row, and end of the last.
    k, pattern, canonical
        As in :class:`SparseKmers`.
    """

    codes: np.ndarray
    counts: np.ndarray
    offsets: np.ndarray
    k: int
    pattern: str
    canonical: bool

    def __len__(self) -> int:
        return int(self.offsets.size) - 1

    def __getitem__(self, row: int) -> SparseKmers:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row expects {-len(self)} to {len(self) - 1}, got {row}")
        row %= len(self)
        part = slice(int(self.offsets[row]), int(self.offsets[row + 1]))
        return SparseKmers(self.codes[part], self.counts[part], self.k, self.pattern, self.canonical)

    def __iter__(self) -> Iterator[SparseKmers]:
        return (self[row] for row in range(len(self)))


def sparse_kmers(
    sequences: Sequences, k: int | str = 21, *, canonical: bool = False, alphabet: str = "auto"
) -> SparseKmerRows:
    """Count the k-mers that occur in each sequence, over overlapping windows.

    A k-mer with a base other than A, C, G, T is not counted. For the sum over many sequences, or over a genome,
    see :class:`~genoml.sequence.KmerCounter`.

    Parameters
    ----------
    sequences : iterable of str, bytes or uint8 arrays, or a uint8 array (batch, length)
        They may differ in length; one shorter than ``k`` has an empty row.
    k : int or str
        1 to 32, or a spaced seed with as many 1s, as in :func:`~genoml.sequence.kmer_frequencies`.
    canonical : bool
        Count a k-mer and its reverse complement as one: the one that comes first in lexicographic order.
    alphabet
        As in :func:`~genoml.sequence.base_codes`.

    Raises
    ------
    ValueError
        For illegal letters, ``k`` outside 1 to 32, or an invalid pattern.

    Examples
    --------
    >>> row = sparse_kmers(["GATTACAGATTACA"], 7)[0]
    >>> row.names[:2], row.count_of("GATTACA")
    (['ACAGATT', 'AGATTAC'], 2)
    """
    shape = kmer_shape(k, canonical=canonical, longest=MAX_SPARSE_K)
    flat = flat_codes(sequences, alphabet=alphabet)
    parts = [_count_rows(part, shape, canonical) for part in _row_blocks(flat, shape.k)]
    codes = np.concatenate([np.zeros(0, dtype=np.uint64), *(codes for codes, _, _ in parts)])
    counts = np.concatenate([np.zeros(0, dtype=np.int64), *(counts for _, counts, _ in parts)])
    sizes = np.concatenate([np.zeros(0, dtype=np.int64), *(sizes for _, _, sizes in parts)])
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    return SparseKmerRows(codes, counts, offsets, shape.k, shape.pattern, canonical)


def merged(
    a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Merge two sparse counts (codes ascending, counts) into one."""
    codes = np.concatenate([a[0], b[0]])
    counts = np.concatenate([a[1], b[1]])
    order = np.argsort(codes, kind="stable")  # timsort: two ascending runs are merged in linear time
    codes, counts = codes[order], counts[order]
    first = np.flatnonzero(np.diff(codes, prepend=~codes[:1]))
    return codes[first], np.add.reduceat(counts, first) if first.size else counts


def kmer_codes(flat: FlatCodes, shape: KmerShape, canonical: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the starts and k-mer numbers (uint64) of the windows without an ambiguous base, block by block."""
    for block in window_blocks(flat, shape):
        codes = window_codes(block.bases, shape)
        if canonical:
            codes = np.minimum(codes, window_codes(block.bases, shape, reverse=True))
        starts = np.flatnonzero(block.plain)
        if starts.size < codes.size:
            codes = codes[starts]
        yield starts + block.start, codes.astype(np.uint64)


def _row_blocks(flat: FlatCodes, k: int) -> Iterator[FlatCodes]:
    """Blocks of sequences, small enough that a row number fits beside the 2k bits of a k-mer."""
    most = 1 << min(64 - 2 * k, 32)
    ends = np.cumsum(flat.lengths)
    first = 0
    while first < ends.size:
        begin = int(ends[first] - flat.lengths[first])
        last = int(np.searchsorted(ends, begin + _BLOCK_BP, side="right"))
        last = min(max(last, first + 1), first + most, ends.size)
        yield FlatCodes(flat.codes[begin : int(ends[last - 1])], flat.lengths[first:last])
        first = last


def _count_rows(
    flat: FlatCodes, shape: KmerShape, canonical: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes and counts of all rows, and the number of codes in each row."""
    batch, bits = flat.lengths.size, np.uint64(2 * shape.k)
    row_of = np.repeat(np.arange(batch, dtype=np.uint64), flat.lengths)
    keys = [np.zeros(0, dtype=np.uint64)]
    for starts, codes in kmer_codes(flat, shape, canonical):
        keys.append(codes | (row_of[starts] << bits) if batch > 1 else codes)
    unique, counts = np.unique(np.concatenate(keys), return_counts=True)
    if batch == 1:
        return unique, counts, np.array([unique.size])
    sizes = np.bincount((unique >> bits).astype(np.int64), minlength=batch)
    return unique & np.uint64(4**shape.k - 1), counts, sizes
