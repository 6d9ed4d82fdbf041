"""Genomic intervals as columns: chromosome, start, end, strand and any others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

#: Greatest coordinate, in bp: far beyond any chromosome, and sums of two fit int64.
MAX_COORDINATE_BP = 1 << 40

# columns that depend on the start or end of a row, and are invalid once these have changed
_BOUND_TO_ENDS = frozenset(
    ("thick_start", "thick_end", "block_count", "block_sizes", "block_starts", "peak", "gc", "ambiguous")
)


class Interval(NamedTuple):
    """One interval: bases ``start`` to ``end - 1`` of a chromosome, counted from 0."""

    chrom: str
    start: int
    end: int
    strand: str


class Intervals:
    """Intervals of a genome, 0-based and half-open, held as columns.

    Parameters
    ----------
    chrom : str or sequence of str
        Chromosome of each row, or of all.
    start, end : sequences of int
        In bp, ``start < end``. A negative start is possible, since a window may reach past the edge of its
        chromosome; readers and stores say what they do about that.
    strand : str or sequence of str
        ``+``, ``-`` or ``.`` of each row, or of all.
    **columns : sequences
        More about each row, such as ``name``, ``score``, ``peak``. Text is held as an object array.

    Attributes
    ----------
    names : tuple of str
        The chromosomes, in order of first appearance.
    codes : numpy.ndarray
        (n,) int64, index of each row's chromosome in ``names``.
    start, end : numpy.ndarray
        (n,) int64.
    strand : numpy.ndarray
        (n,) of one letter each.
    columns : dict of numpy.ndarray
        The others, (n,) each.

    Raises
    ------
    ValueError
        If lengths differ, a row has ``start >= end``, a coordinate is beyond 2^40, or a strand is none.
    TypeError
        If coordinates are not integers.

    Examples
    --------
    >>> peaks = Intervals(["chr1", "chr2"], [10, 0], [20, 5], strand="+", name=["a", "b"])
    >>> peaks.length_bp
    array([10,  5])
    >>> peaks[peaks.chrom == "chr2"]
    Intervals(1 row: chr2:0-5(+))
    """

    __slots__ = ("codes", "columns", "end", "names", "start", "strand")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        chrom: str | Sequence[str] | np.ndarray,
        start: Any,
        end: Any,
        strand: str | Sequence[str] | np.ndarray = ".",
        **columns: Any,
    ) -> None:
        begin = _coordinates(start, "start")
        chroms = [chrom] * len(begin) if isinstance(chrom, str) else list(chrom)
        seen: dict[str, int] = {}
        codes = [seen.setdefault(name, len(seen)) for name in chroms]
        if not all(isinstance(name, str) and name for name in seen):
            raise TypeError("chrom expects names of one letter or more, as str")
        self._fill(tuple(str(name) for name in seen), codes, begin, end, strand, columns)

    @classmethod
    def from_codes(
        cls,
        names: Sequence[str],
        codes: np.ndarray,
        start: np.ndarray,
        end: np.ndarray,
        strand: str | np.ndarray = ".",
        columns: Mapping[str, Any] | None = None,
    ) -> Intervals:
        """Make intervals whose chromosomes are given as indices into ``names``."""
        intervals = cls.__new__(cls)
        intervals._fill(tuple(names), codes, start, end, strand, columns or {})
        return intervals

    def _fill(
        self,
        names: tuple[str, ...],
        codes: Any,
        start: Any,
        end: Any,
        strand: str | Sequence[str] | np.ndarray,
        columns: Mapping[str, Any],
    ) -> None:
        self.names = names
        self.codes = _frozen(np.asarray(codes, dtype=np.int64).reshape(-1))
        self.start = _frozen(_coordinates(start, "start"))
        self.end = _frozen(_coordinates(end, "end"))
        self.strand = _frozen(_strands(strand, len(self.start)))
        self.columns = {name: _frozen(_column(values)) for name, values in columns.items()}
        for name, values in self._all().items():
            if len(values) != len(self.codes):
                raise ValueError(f"{name} expects {len(self.codes)} values, one a row, got {len(values)}")
        if len(set(names)) != len(names):
            raise ValueError("names expects each chromosome once, got one twice")
        if len(self.codes) and not 0 <= int(self.codes.min()) <= int(self.codes.max()) < len(names):
            raise ValueError(f"codes expects indices of the {len(names)} names, got others")
        reversed_rows = np.flatnonzero(self.start >= self.end)
        if reversed_rows.size:
            row = int(reversed_rows[0])
            raise ValueError(f"intervals expect start < end, got {self.place(row)} as row {row}")

    def _all(self) -> dict[str, np.ndarray]:
        fixed = {"chrom": self.codes, "start": self.start, "end": self.end, "strand": self.strand}
        return fixed | self.columns

    def __len__(self) -> int:
        return len(self.start)

    @property
    def chrom(self) -> np.ndarray:
        """Chromosome of each row: (n,) object array."""
        return np.asarray(np.array([*self.names, ""], dtype=object)[self.codes])

    @property
    def length_bp(self) -> np.ndarray:
        """Length of each row in bp: (n,) int64."""
        return np.asarray(self.end - self.start)

    def place(self, row: int) -> str:
        """One row as ``chrom:start-end``, for messages."""
        return f"{self.names[self.codes[row]]}:{self.start[row]}-{self.end[row]}"

    def __getitem__(self, rows: slice | np.ndarray | Sequence[int]) -> Intervals:
        """Rows chosen by a slice, a boolean mask or an index array, with all columns."""
        if isinstance(rows, int | np.integer):
            raise TypeError("intervals are indexed by slices, masks or index arrays; iterate for single rows")
        if not isinstance(rows, slice):
            rows = np.asarray(rows)
            rows = rows if rows.size else rows.astype(np.intp)
        columns = {name: values[rows] for name, values in self.columns.items()}
        chosen = (self.codes[rows], self.start[rows], self.end[rows], self.strand[rows])
        return Intervals.from_codes(self.names, *chosen, columns)

    def moved(self, rows: np.ndarray, start: np.ndarray, end: np.ndarray) -> Intervals:
        """New intervals with the chromosome, strand and columns of ``rows``, and new coordinates.

        Columns that are counted from the old ends (thick parts, blocks, peak) are left out.
        """
        columns = {name: values[rows] for name, values in self.columns.items() if name not in _BOUND_TO_ENDS}
        return Intervals.from_codes(self.names, self.codes[rows], start, end, self.strand[rows], columns)

    def with_columns(self, **columns: Any) -> Intervals:
        """The same rows with columns added or replaced."""
        merged = self.columns | columns
        return Intervals.from_codes(self.names, self.codes, self.start, self.end, self.strand, merged)

    def sort(self, order: Sequence[str] | None = None) -> Intervals:
        """Sort by chromosome, start and end; equal rows keep their order.

        Parameters
        ----------
        order : sequence of str, optional
            The chromosomes in the order wanted, such as ``store.names``; by name, as ``sort -k1,1`` does, if
            None.

        Raises
        ------
        ValueError
            If a chromosome is not in ``order``.
        """
        ranked = {name: rank for rank, name in enumerate(sorted(self.names) if order is None else order)}
        absent = [self.names[code] for code in np.unique(self.codes) if self.names[code] not in ranked]
        if absent:
            raise ValueError(f"order expects every chromosome, got none called {absent[0]!r}")
        ranks = np.array([ranked.get(name, -1) for name in self.names], dtype=np.int64)[self.codes]
        return self[np.lexsort((self.end, self.start, ranks))]

    def __iter__(self) -> Iterator[Interval]:
        rows = zip(self.chrom, self.start.tolist(), self.end.tolist(), self.strand.tolist(), strict=True)
        return (Interval(*row) for row in rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Intervals):
            return NotImplemented
        mine = self._all() | {"chrom": self.chrom}
        theirs = other._all() | {"chrom": other.chrom}
        return mine.keys() == theirs.keys() and all(_same(mine[name], theirs[name]) for name in mine)

    def __repr__(self) -> str:
        shown = ", ".join(f"{self.place(row)}({self.strand[row]})" for row in range(min(3, len(self))))
        more = ", ..." if len(self) > 3 else ""
        return f"Intervals({len(self)} row{'' if len(self) == 1 else 's'}: {shown}{more})"


def concat(parts: Iterable[Intervals]) -> Intervals:
    """Concatenate intervals; only the columns that all have are kept.

    Raises
    ------
    ValueError
        If there are none.
    """
    held = list(parts)
    if not held:
        raise ValueError("concat expects at least one set of intervals, got none")
    index: dict[str, int] = {}
    codes = []
    for part in held:
        table = [index.setdefault(name, len(index)) for name in part.names]
        codes.append(np.array([*table, 0], dtype=np.int64)[part.codes])
    shared = [name for name in held[0].columns if all(name in part.columns for part in held)]
    return Intervals.from_codes(
        tuple(index),
        np.concatenate(codes),
        np.concatenate([part.start for part in held]),
        np.concatenate([part.end for part in held]),
        np.concatenate([part.strand for part in held]),
        {name: np.concatenate([part.columns[name] for part in held]) for name in shared},
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean ...?)`` for the known chromosome name that is most like this one (chr1 for 1), or ``""``."""
    names = list(known)
    twins = (name.removeprefix("chr"), f"chr{name}", {"MT": "chrM", "chrM": "MT", "M": "chrM"}.get(name, ""))
    close = [twin for twin in twins if twin in names and twin != name]
    close = close or difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def whole_chromosomes(sizes: Mapping[str, int]) -> Intervals:
    """One interval for each chromosome, from 0 to its length in bp."""
    lengths = list(sizes.values())
    return Intervals(list(sizes), np.zeros(len(lengths), dtype=np.int64), lengths)


def _coordinates(values: Any, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{what} expects one dimension, got shape {array.shape}")
    if not array.size:
        return array.astype(np.int64)
    if array.dtype.kind == "b" or (
        array.dtype.kind not in "iu" and not all(isinstance(value, int | np.integer) for value in values)
    ):
        raise TypeError(f"{what} expects integers, got an array of {array.dtype}")
    outside = [value for value in (array.min(), array.max()) if abs(int(value)) > MAX_COORDINATE_BP]
    if outside:
        raise ValueError(f"{what} expects coordinates up to 2^40 bp, got {int(outside[0])}")
    return array.astype(np.int64)


def _strands(strand: str | Sequence[str] | np.ndarray, count: int) -> np.ndarray:
    if isinstance(strand, str):
        strand = [strand] * count
    array = np.asarray(strand, dtype=str) if len(strand) else np.empty(0, dtype="U1")
    wrong = np.flatnonzero(~np.isin(array, ["+", "-", "."]))
    if wrong.size:
        raise ValueError(f"strand expects +, - or ., got {str(array[wrong[0]])!r} as row {int(wrong[0])}")
    return array.astype("U1")


def _column(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return np.asarray(values, dtype=object) if array.dtype.kind in "US" else array


def _frozen(values: np.ndarray) -> np.ndarray:
    view = values.view()
    view.setflags(write=False)
    return view


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    numbers = a.dtype.kind == b.dtype.kind == "f"
    return bool(np.array_equal(a, b, equal_nan=numbers))
