"""A genome on disk as base codes, mapped into memory, for fast access to windows."""

from __future__ import annotations

import mmap
import os
import stat
from hashlib import sha256
from typing import Any, Literal, TypeAlias, overload

import numpy as np

from genoml.backend import Backend
from genoml.genome.checksums import BlockChecks
from genoml.genome.gather import gather, gather_each
from genoml.genome.overlaps import expect_intervals
from genoml.genome.store_file import DATA_OFFSET, build_store, read_index, unchanged
from genoml.io.errors import FormatError
from genoml.io.files import FilePath
from genoml.sequence.encode import one_hot as encode_one_hot
from genoml.sequence.intervals import Intervals, nearest

#: How an interval that reaches past an end of its chromosome is treated.
Edges: TypeAlias = Literal["error", "pad", "drop"]


class GenomeStore:
    """A genome as base codes in one file, made once from FASTA.

    Opening reads the index alone. The codes are mapped into memory, read-only: any number of processes and
    threads share them, forked or not, and a pickled store opens its file again. Each block of 16 kB is compared with
    its checksum before a process uses a base of it for the first time. Use :meth:`build` or
    :meth:`open` rather than the class itself; a ``with`` block closes the file at its end.

    Attributes
    ----------
    path : str
        The store's file.
    names : tuple of str
        The chromosomes, in the order of the FASTA file.
    sizes : dict of str to int
        Length of each in bp.
    alphabets : dict of str to {"DNA", "RNA"}
        Whether each has U in the FASTA file; for ``decode(codes, alphabet=...)``.

    Examples
    --------
    >>> from genoml.io import write_fasta
    >>> from genoml.sequence.intervals import Intervals
    >>> write_fasta("genome.fa", [("chr1", "ACGTACGTAC")])
    >>> with GenomeStore.build("genome.fa", "genome.store") as store:
    ...     store.fetch(Intervals(["chr1"], [2], [6]))
    array([[2, 3, 0, 1]], dtype=uint8)
    """

    def __init__(self, path: str, expected: str | None = None) -> None:
        self.path = os.path.abspath(path)
        if not os.path.isdir(path) and not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait
            raise FormatError("this is a device, pipe or socket", path=path, fix="expects a regular file")
        with open(self.path, "rb") as stream:
            self._size = os.fstat(stream.fileno()).st_size
            self._index, self._digest = read_index(stream, self._size, path)
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        if expected is not None and expected != self._digest:
            self.close()
            raise FormatError("the genome store was replaced by another one", path=path, fix="open it anew")
        chromosomes = self._index.chromosomes
        self.names = tuple(chromosome.name for chromosome in chromosomes)
        self.sizes = {chromosome.name: chromosome.length for chromosome in chromosomes}
        self.alphabets = {chromosome.name: chromosome.alphabet for chromosome in chromosomes}
        self._lengths = np.array(list(self.sizes.values()), dtype=np.int64)
        self._offsets = np.cumsum(self._lengths) - self._lengths
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._codes = np.frombuffer(self._map, np.uint8, int(self._lengths.sum()), DATA_OFFSET)
        checksums = [chromosome.checksums for chromosome in chromosomes]
        self._blocks = BlockChecks(self.path, self.names, self._lengths, checksums)

    @classmethod
    def build(cls, fasta: FilePath, path: FilePath) -> GenomeStore:
        """Make a store from a FASTA file (plain, gzip or bgzip) and open it; see build_store."""
        build_store(fasta, path)
        return cls(os.fspath(path))

    @classmethod
    def open(cls, path: FilePath, *, fasta: FilePath | None = None) -> GenomeStore:
        """Open a store.

        Two things are checked, in milliseconds: that the store is complete (its size, the magic numbers at both ends,
        the SHA-256 of its index), and that its FASTA file, if it still exists, has not changed (size, times and inode;
        if only the size is the same, as after copying, the SHA-256, which takes about a second for a gigabyte).
        :meth:`verify` checks all codes.

        Parameters
        ----------
        fasta : str or os.PathLike, optional
            Path of the FASTA file, if it was moved; it must exist.

        Raises
        ------
        FileNotFoundError, IsADirectoryError
            If there is no such file.
        FormatError
            If it is no store, of another version, truncated, damaged, or stale.
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
    def digest(self) -> str:
        """SHA-256 of the index, which has the checksums of all bases."""
        return self._digest

    @property
    def bases_digest(self) -> str:
        """SHA-256 of names, lengths and checksums: the same for the same bases, whichever file they came from."""
        chromosomes = self._index.chromosomes
        return sha256(
            repr([(each.name, each.length, each.checksums) for each in chromosomes]).encode()
        ).hexdigest()

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
            If the file was truncated meanwhile, or its bases are damaged.
        """
        expect_intervals("fetch", intervals)
        lengths = intervals.length_bp
        longest = int(lengths.max(initial=0))
        equal = bool((lengths == longest).all())
        if one_hot and not equal:
            raise ValueError(
                "one_hot expects intervals of one length, got several; give them one with "
                "genoml.genome.centre, or encode the codes with batch_encode(codes, pad=...)"
            )
        if edges not in ("error", "pad", "drop"):
            raise ValueError(f"edges expects 'error', 'pad' or 'drop', got {edges!r}")
        self._check_whole()
        rows = self._rows(intervals)
        size = self._lengths[rows]
        outside = (intervals.start < 0) | (intervals.end > size)
        kept = np.flatnonzero(~outside) if edges == "drop" else None
        if kept is not None:
            intervals, rows = intervals[kept], rows[kept]
        elif outside.any():
            self._refuse_outside(intervals, size, outside, edges)
        bases = self._gather(intervals, rows, longest, equal)
        if one_hot:
            bases = encode_one_hot(bases, ambiguous=ambiguous, dtype=dtype, backend=backend)
        return bases if kept is None else (bases, kept)

    def _refuse_outside(
        self, intervals: Intervals, size: np.ndarray, outside: np.ndarray, edges: Edges
    ) -> None:
        """Raise for the first interval that reaches past its chromosome; with padding, that has no base on it."""
        if edges == "pad":
            outside = (intervals.end <= 0) | (intervals.start >= size)
            if not outside.any():
                return
        row = int(np.argmax(outside))
        place = intervals.place(row)
        length = int(size[row])
        what = "has no base on its chromosome" if edges == "pad" else "reaches past its chromosome"
        fix = "" if edges == "pad" else ", or pass edges='pad' or 'drop'"
        raise ValueError(f"{place} (row {row}) {what}, which has {length} bp: expects 0 to {length}{fix}")

    def _gather(self, intervals: Intervals, rows: np.ndarray, longest: int, equal: bool) -> Any:
        """The codes of intervals, after their blocks were compared with their checksums."""
        offsets, size = self._offsets[rows], self._lengths[rows]
        first, stop = np.maximum(intervals.start, 0), np.minimum(intervals.end, size)
        damage = self._blocks.damage(self._codes, rows, first, stop, longest)
        if damage is not None:
            raise damage
        start, bounds, reverse = intervals.start + offsets, (offsets, offsets + size), intervals.strand == "-"
        if equal:
            return gather(self._codes, start, longest, bounds, reverse)
        return gather_each(self._codes, start, intervals.length_bp, bounds, reverse)

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

    def _check_whole(self) -> None:
        """Raise if the file is closed or was truncated: reading a missing page would end the process."""
        if self._map.closed:
            raise ValueError(f"{self.path}: the genome store is closed")
        if self._map.size() < self._size:
            raise FormatError(
                "the genome store was truncated while open", path=self.path, fix="build it again"
            )

    def verify(self) -> None:
        """Compare all codes with their checksums; reads the whole file.

        Raises
        ------
        FormatError
            Naming the first chromosome that is damaged, and where.
        """
        for row in range(len(self.names)):
            self._check_whole()
            damage = self._blocks.damage_of(self._codes, row)
            if damage is not None:
                raise damage

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
