"""A counter of k-mers over sequences given one after another, such as the records of a genome."""

from __future__ import annotations

import numpy as np

from genoml.sequence.codes import Sequences, flat_codes
from genoml.sequence.kmer_sparse import SparseKmers, kmer_codes, merged
from genoml.sequence.kmer_windows import MAX_K, MAX_SPARSE_K, kmer_shape
from genoml.sequence.kmers import add_counts, fold_strands

# K-mers of large k that are collected before they are sorted and added: 32 MB.
_BUFFER = 1 << 22


class KmerCounter:
    """Count the k-mers of sequences given one after another.

    A k-mer lies within one sequence, and one with a base other than A, C, G, T is not counted. Up to k = 12 all
    4**k counts are in memory, 8 bytes each (134 MB for 12). Beyond that, only the k-mers that have occurred: 16 bytes
    each, three times that while two parts are merged, and 32 MB of k-mers not yet sorted.

    Parameters
    ----------
    k : int or str
        1 to 32, or a spaced seed with as many 1s, as in :func:`~genoml.sequence.kmer_frequencies`.
    canonical : bool
        Count a k-mer and its reverse complement as one: the one that comes first in lexicographic order.

    Raises
    ------
    ValueError
        For ``k`` outside 1 to 32, or an invalid pattern.

    Examples
    --------
    >>> counter = KmerCounter(2)
    >>> counter.update(["AACN"])
    >>> counter.update(["AA"])
    >>> counter.total, counter.sparse().names, counter.sparse().counts.tolist()
    (3, ['AA', 'AC'], [2, 1])
    """

    def __init__(self, k: int | str, *, canonical: bool = False) -> None:
        self._shape = kmer_shape(k, canonical=canonical, longest=MAX_SPARSE_K)
        self.k = self._shape.k
        self.pattern = self._shape.pattern
        self.canonical = canonical
        self._dense = np.zeros(4**self.k, dtype=np.int64) if self.k <= MAX_K else None
        self._waiting: list[np.ndarray] = []
        self._n_waiting = 0
        # sorted codes with their counts; each run is more than twice as long as the next
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []

    def update(self, sequences: Sequences, *, alphabet: str = "auto") -> None:
        """Count the k-mers of more sequences, as in :func:`~genoml.sequence.base_codes`.

        Raises
        ------
        ValueError
            For illegal letters; nothing is then counted.
        """
        flat = flat_codes(sequences, alphabet=alphabet)
        if self._dense is not None:
            add_counts(self._dense, flat, self._shape)
            return
        for _, codes in kmer_codes(flat, self._shape, self.canonical):
            self._waiting.append(codes)
            self._n_waiting += codes.size
            if self._n_waiting >= _BUFFER:
                self._sort_waiting()

    @property
    def total(self) -> int:
        """Number of windows counted so far: the denominator of the frequencies."""
        if self._dense is not None:
            return int(self._dense.sum())
        return self._n_waiting + sum(int(counts.sum()) for _, counts in self._runs)

    def counts(self) -> np.ndarray:
        """Counts (4**k,) int64 of all k-mers, in the order of :func:`~genoml.sequence.kmer_names`.

        Raises
        ------
        ValueError
            If k is above 12.
        """
        if self._dense is None:
            raise ValueError(f"counts of all k-mers expect k of 1 to {MAX_K}, got {self.k}; use sparse()")
        return fold_strands(self._dense, self.k) if self.canonical else self._dense.copy()

    def sparse(self) -> SparseKmers:
        """The k-mers that have occurred, with their counts."""
        if self._dense is not None:
            dense = self.counts()
            present = np.flatnonzero(dense)
            codes, counts = present.astype(np.uint64), dense[present]
        else:
            self._sort_waiting()
            while len(self._runs) > 1:
                self._runs.append(merged(self._runs.pop(), self._runs.pop()))
            codes, counts = self._runs[0]
        return SparseKmers(codes, counts, self.k, self.pattern, self.canonical)

    def _sort_waiting(self) -> None:
        empty = np.zeros(0, dtype=np.uint64)
        codes, counts = np.unique(np.concatenate([empty, *self._waiting]), return_counts=True)
        self._waiting = []
        self._n_waiting = 0
        self._runs.append((codes, counts))
        while len(self._runs) > 1 and self._runs[-2][0].size <= 2 * self._runs[-1][0].size:
            self._runs.append(merged(self._runs.pop(), self._runs.pop()))
