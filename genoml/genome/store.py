"""A genome on disk as base codes, mapped into memory, for fast access to windows."""

from __future__ import annotations

import hashlib
import mmap
import os
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from genoml.backend import Backend
from genoml.genome.gather import gather, gather_each
from genoml.genome.overlaps import expect_intervals
from genoml.genome.store_file import DATA_OFFSET, build_store, read_index, unchanged
from genoml.io.errors import FormatError
from genoml.io.files import FilePath
from genoml.sequence.encode import one_hot as encode_one_hot
from genoml.sequence.intervals import Intervals, nearest

#: How an interval that reaches past an end of its chromosome is treated.
Edges: TypeAlias = Literal["error", "pad", "drop"]

_VERIFY_BASES = 1 << 26


class GenomeStore:
    """A genome as base codes in one file, made once from FASTA.

    Opening reads the index alone. The codes are mapped into memory, read-only: any number of processes and
    threads share them, forked or not, and a pickled store opens its file again. Use :meth:`build` or
    :meth:`open` rather than the class itself; a ``with`` block closes the file at its end.

    Attributes
    ----------
    path : str
        The store's file.
    names : tuple of str
        The chromosomes, in the order of the FASTA file.
    sizes : dict of str to int
        Length of each in bp.

    Examples
    --------
    >>> with GenomeStore.build("hg38.fa.gz", "hg38.store") as store:  # doctest: +SKIP
    ...     codes = store.fetch(centre(read_narrowpeak("peaks.narrowPeak"), 1000))
    """

    def __init__(self, path: str, expected: str | None = None) -> None:
        self.path = os.path.abspath(path)
        with open(self.path, "rb") as stream:
            self._size = os.fstat(stream.fileno()).st_size
            self._index, self._digest = read_index(stream, self._size, path)
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        if expected is not None and expected != self._digest:
            self.close()
            raise FormatError("the genome store was replaced by another one", path=path, fix="open it anew")
        lengths = [chromosome.length for chromosome in self._index.chromosomes]
        self.names = tuple(chromosome.name for chromosome in self._index.chromosomes)
        self.sizes = dict(zip(self.names, lengths, strict=True))
        self._lengths = np.array(lengths, dtype=np.int64)
        self._offsets = np.cumsum(self._lengths) - self._lengths
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._codes = np.frombuffer(self._map, np.uint8, int(self._lengths.sum()), DATA_OFFSET)

    @classmethod
    def build(cls, fasta: FilePath, path: FilePath) -> GenomeStore:
        """Make a store from a FASTA file (plain, gzip or bgzip) and open it; see build_store."""
        build_store(fasta, path)
        return cls(os.fspath(path))

    @classmethod
    def open(cls, path: FilePath, *, fasta: FilePath | None = None) -> GenomeStore:
        """Open a store.

        Two things are checked, in milliseconds: that the store is complete (its size, the magic numbers at both ends,
        the SHA-256 of its index), and that its FASTA file, if it still exists, has not changed (size and time; the
        SHA-256 only if the time differs). :meth:`verify` checks all codes.

        Parameters
        ----------
        fasta : str or os.PathLike, optional
            Path of the FASTA file, if it was moved; it must exist.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If there is no such file.
        FormatError
            If it is no store, truncated, damaged, or stale.
        """
        store = cls(os.fspath(path))
        source = os.fspath(fasta) if fasta is not None else store.source
        if (fasta is not None or os.path.exists(source)) and not unchanged(store._index.source, source):
            store.close()
            raise FormatError(
                f"the genome store is stale: {source} has changed since it was made, or is another file",
                path=os.fspath(path), fix="build it again",
            )  # fmt: skip
        return store

    @property
    def source(self) -> str:
        """Path of the FASTA file, relative to the store."""
        folder = os.path.dirname(os.path.realpath(self.path))
        return os.path.normpath(os.path.join(folder, self._index.source.path))

    @overload
    def fetch(
        self, intervals: Intervals, *, edges: Literal["error", "pad"] = ..., one_hot: bool = ...,
        ambiguous: str = ..., dtype: str = ..., backend: str | Backend | None = ...,
    ) -> Any: ...  # fmt: skip
    @overload
    def fetch(
        self, intervals: Intervals, *, edges: Literal["drop"], one_hot: bool = ...,
        ambiguous: str = ..., dtype: str = ..., backend: str | Backend | None = ...,
    ) -> tuple[Any, np.ndarray]: ...  # fmt: skip
    def fetch(
        self,
        intervals: Intervals,
        *,
        edges: Edges = "error",
        one_hot: bool = False,
        ambiguous: str = "zero",
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> Any:
        """Fetch the bases of intervals; on strand ``-`` the reverse complement.

        Parameters
        ----------
        intervals : Intervals
            All of one length, or not. Strand ``.`` is read as ``+``.
        edges : {"error", "pad", "drop"}
            How to treat an interval that reaches past an end of its chromosome: raise an error; write code 15, whose
            one-hot row is zero, where there is no base (an interval without any base is an error); or leave it out,
            and return the rows that were kept too.
        one_hot : bool
            Return (n, length, 4) on the backend instead of codes.
        ambiguous, dtype, backend
            As in :func:`~genoml.sequence.one_hot`.

        Returns
        -------
        codes : numpy.ndarray, list or device array
            (n, length) uint8; if lengths differ, a list of n arrays (length,); with ``one_hot``
            (n, length, 4).
        kept : numpy.ndarray
            With ``edges="drop"`` only: (n,) int64, the rows of ``intervals`` that these are.

        Raises
        ------
        ValueError
            For a chromosome that the genome does not have, an interval past an edge (by default), or
            ``one_hot`` of several lengths.
        FormatError
            If the file was truncated meanwhile.
        """
        expect_intervals("fetch", intervals)
        equal = not len(intervals) or int(np.ptp(intervals.length_bp)) == 0
        if one_hot and not equal:
            raise ValueError(
                "one_hot expects intervals of one length, got several; give them one with "
                "genoml.genome.centre, or encode the codes with batch_encode(codes, pad=...)"
            )
        width = int(intervals.length_bp[0]) if len(intervals) else 0
        chosen, kept = self._within(intervals, edges)
        bases: Any = self._bases(chosen, width) if equal else self._ragged(chosen)
        if one_hot:
            bases = encode_one_hot(bases, ambiguous=ambiguous, dtype=dtype, backend=backend)
        return (bases, kept) if edges == "drop" else bases

    def _within(self, intervals: Intervals, edges: Edges) -> tuple[Intervals, np.ndarray]:
        """The intervals to fetch according to ``edges``, and their rows."""
        if edges not in ("error", "pad", "drop"):
            raise ValueError(f"edges expects 'error', 'pad' or 'drop', got {edges!r}")
        self._check_whole()
        size = self._lengths[self._rows(intervals)]
        outside = (intervals.start < 0) | (intervals.end > size)
        if edges == "drop":
            kept = np.flatnonzero(~outside)
            return intervals[kept], kept
        if edges == "pad":
            outside = (intervals.end <= 0) | (intervals.start >= size)
        if outside.any():
            row = int(np.argmax(outside))
            place = intervals.place(row)
            length = int(size[row])
            what = "has no base on its chromosome" if edges == "pad" else "reaches past its chromosome"
            fix = "" if edges == "pad" else ", or pass edges='pad' or 'drop'"
            raise ValueError(f"{place} (row {row}) {what}, which has {length} bp: expects 0 to {length}{fix}")
        return intervals, np.arange(len(intervals))

    def size_of(self, name: str) -> int:
        """Length of a chromosome in bp.

        Raises
        ------
        ValueError
            If there is no such chromosome; the message gives the nearest name.
        """
        if name not in self.sizes:
            raise ValueError(f"{self.path} has no chromosome {name!r}{nearest(name, self.names)}")
        return self.sizes[name]

    def _rows(self, intervals: Intervals) -> np.ndarray:
        """The number of each row's chromosome in this store."""
        table = np.array([self._numbers.get(name, -1) for name in intervals.names] + [-1], dtype=np.int64)
        rows: np.ndarray = table[intervals.codes]
        if (rows < 0).any():
            self.size_of(intervals.names[intervals.codes[int(np.argmin(rows))]])  # raises
        return rows

    def _bases(self, intervals: Intervals, width: int) -> np.ndarray:
        rows = self._rows(intervals)
        bounds = self._offsets[rows], self._offsets[rows] + self._lengths[rows]
        return gather(self._codes, intervals.start + bounds[0], width, bounds, intervals.strand == "-")

    def _ragged(self, intervals: Intervals) -> list[np.ndarray]:
        rows = self._rows(intervals)
        bounds = self._offsets[rows], self._offsets[rows] + self._lengths[rows]
        start = intervals.start + bounds[0]
        return gather_each(self._codes, start, intervals.length_bp, bounds, intervals.strand == "-")

    def _check_whole(self) -> None:
        """Raise if the file is closed or was truncated: reading a missing page would end the process."""
        if self._map.closed:
            raise ValueError(f"{self.path}: the genome store is closed")
        if self._map.size() < self._size:
            raise FormatError(
                "the genome store was truncated while open", path=self.path, fix="build it again"
            )

    def verify(self) -> None:
        """Compare the SHA-256 of every chromosome's codes with the index; reads the whole file.

        Raises
        ------
        FormatError
            Naming the first chromosome that is damaged.
        """
        for chromosome, offset in zip(self._index.chromosomes, self._offsets.tolist(), strict=True):
            self._check_whole()
            digest = hashlib.sha256()
            for first in range(offset, offset + chromosome.length, _VERIFY_BASES):
                stop = min(first + _VERIFY_BASES, offset + chromosome.length)
                digest.update(self._codes[first:stop].data)
            if digest.hexdigest() != chromosome.sha256:
                raise FormatError(
                    "the bases of the genome store are damaged", path=self.path,
                    record=chromosome.name, fix="build it again",
                )  # fmt: skip

    def close(self) -> None:
        """Close the file; fetched arrays stay valid."""
        self._codes = np.empty(0, dtype=np.uint8)
        self._map.close()

    def __enter__(self) -> GenomeStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[GenomeStore], tuple[str, str]]:
        return GenomeStore, (self.path, self._digest)

    def __repr__(self) -> str:
        total = int(self._lengths.sum())
        return f"GenomeStore({self.path!r}: {len(self.names)} chromosomes, {total:,} bp)"
