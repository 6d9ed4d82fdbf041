"""Base codes of a data set, in memory or on disk, and views of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, Protocol

import numpy as np

#: Bases per block when all codes are read in order.
_BLOCK_BASES = 1 << 22


class Codes(Protocol):
    """Base codes of sequences of one length, (n, length) uint8: an array, a memory map, or rows made on demand.

    Indexed by a slice, a boolean mask or an integer array, they give these rows as a NumPy array. Training and
    prediction read a batch at a time. ``as_codes`` makes codes of a data set of HDF5 or zarr, or of another array-like
    that reads rows in ascending order only.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, length)."""

    @property
    def dtype(self) -> Any:
        """numpy.uint8."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


class LazyRows:
    """Base of rows that are made on demand, along the first axis; a subclass defines ``fetch``.

    ``numpy.asarray`` makes an array of all of them.

    Attributes
    ----------
    shape : tuple of int
        Rows, and the shape of one.
    dtype : numpy.dtype
        Of the numbers.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def fetch(self, rows: np.ndarray) -> np.ndarray:
        """These rows, given as int64 numbers from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define fetch")

    def take(self, index: Any) -> LazyRows:
        """A view of some rows, in any order, which are still read on demand."""
        raise NotImplementedError(f"{type(self).__name__} must define take")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | int | np.ndarray) -> np.ndarray:
        rows = row_numbers(index, len(self))
        if rows.ndim == 0:
            return np.asarray(self.fetch(rows[None])[0])
        return self.fetch(rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(
                f"{type(self).__name__} has no array that could be shared; expects copy=None or True"
            )
        every = np.empty(self.shape, self.dtype)
        for rows in row_slices(self):
            every[rows] = self[rows]
        return every if dtype is None else every.astype(dtype)


class LazyCodes(LazyRows):
    """Base of codes that are made on demand; a subclass defines ``fetch``, which gives (len(rows), length) uint8."""

    def __init__(self, count: int, length_bp: int) -> None:
        super().__init__((count, length_bp), np.uint8)

    def take(self, index: Any) -> LazyCodes:
        """A view of some rows, in any order, which are still read on demand."""
        return CodeRows(self, index)


class CodeRows(LazyCodes):
    """A view of some rows of other codes, in any order; rows are read on demand.

    ``CodeRows(array)`` does the same for a large array in memory: its splits are views. A data set of HDF5 or zarr, or
    another array-like, is asked for each row once and in ascending order, as HDF5 demands; for neighbours by a slice.

    Parameters
    ----------
    codes : Codes
        The codes to read from.
    rows : (n,) integers, optional
        The rows; all if None.
    """

    def __init__(self, codes: Codes, rows: np.ndarray | None = None) -> None:
        self.codes = codes
        count = codes.shape[0]  # zarr has no len()
        self.rows = np.arange(count) if rows is None else row_numbers(rows, count)
        super().__init__(len(self.rows), codes.shape[1])

    def take(self, index: Any) -> CodeRows:
        """A view of some of the rows, of the same codes."""
        return CodeRows(self.codes, self.rows[row_numbers(index, len(self))])

    def fetch(self, rows: np.ndarray) -> np.ndarray:
        wanted = self.rows[rows]
        if isinstance(self.codes, np.ndarray | LazyCodes):
            return np.asarray(self.codes[wanted])
        if not len(wanted):
            return np.empty((0, self.shape[1]), np.uint8)
        ascending, place = np.unique(wanted, return_inverse=True)
        first, last = int(ascending[0]), int(ascending[-1])
        neighbours = last - first == len(ascending) - 1
        chosen = slice(first, last + 1) if neighbours else ascending
        found = np.asarray(self.codes[chosen], dtype=np.uint8)
        return found if np.array_equal(wanted, ascending) else found[place]


class JoinedCodes(LazyCodes):
    """The rows of several codes of one length, one after another; rows are read on demand."""

    def __init__(self, parts: Sequence[Codes]) -> None:
        widths = {part.shape[1] for part in parts}
        if len(widths) != 1:
            raise ValueError(f"codes to join expect one length, got {sorted(widths)}")
        self.parts = tuple(as_codes(part) for part in parts)
        self._ends = np.cumsum([len(part) for part in self.parts])
        super().__init__(int(self._ends[-1]), widths.pop())

    def fetch(self, rows: np.ndarray) -> np.ndarray:
        codes = np.empty((len(rows), self.shape[1]), np.uint8)
        which = np.searchsorted(self._ends, rows, side="right")
        for number, part in enumerate(self.parts):
            of_part = np.flatnonzero(which == number)
            if of_part.size:
                codes[of_part] = part[rows[of_part] - (self._ends[number] - len(part))]
        return codes


def as_codes(codes: Codes) -> Codes:
    """The codes themselves, or a view that takes rows in any order of those that do not: HDF5, zarr and the like."""
    return codes if isinstance(codes, np.ndarray | LazyCodes) else CodeRows(codes)


def is_plain(rows: Any) -> bool:
    """Whether rows are an array in memory, not on disk or made on demand."""
    return type(rows) is np.ndarray


def take_rows(rows: Any, index: np.ndarray) -> Any:
    """Some rows: a copy of an array in memory; otherwise a view that reads them on demand."""
    if is_plain(rows):
        return rows[index]
    return rows.take(index) if isinstance(rows, LazyRows) else CodeRows(rows, index)


def join_codes(parts: Sequence[Codes]) -> Codes:
    """Concatenate the rows of several codes: an array if all are arrays in memory, otherwise a view."""
    arrays = [part for part in parts if isinstance(part, np.ndarray) and is_plain(part)]
    return np.concatenate(arrays) if len(arrays) == len(parts) else JoinedCodes(parts)


def row_slices(codes: Codes | LazyRows) -> Iterator[slice]:
    """Slices that cover all rows, with a few million bases or numbers each, to bound memory."""
    step = max(1, _BLOCK_BASES // max(1, prod(codes.shape[1:])))
    return (slice(first, min(first + step, len(codes))) for first in range(0, len(codes), step))


def row_numbers(index: Any, count: int) -> np.ndarray:
    """Row numbers of a slice, mask, integer or integer array, as int64 from 0 to ``count`` - 1.

    Raises
    ------
    IndexError
        For a row that does not exist, or a mask of another length.
    TypeError
        For anything else.
    """
    if isinstance(index, slice):
        return np.arange(*index.indices(count))
    rows = np.asarray(index)
    if rows.dtype.kind == "b" and rows.ndim == 1:
        if len(rows) != count:
            raise IndexError(f"a mask of {count} rows is expected, got one of {len(rows)}")
        return np.flatnonzero(rows)
    if rows.size == 0 and rows.ndim == 1:
        return np.zeros(0, np.int64)
    if rows.dtype.kind not in "iu" or rows.ndim > 1:
        raise TypeError(f"rows expect a slice, a mask or whole numbers (n,), got {rows.dtype} {rows.shape}")
    wrong = (rows < -count) | (rows >= count)
    if wrong.any():
        raise IndexError(f"rows expect numbers below {count}, got {int(rows[wrong].flat[0])}")
    return np.where(rows < 0, rows + count, rows).astype(np.int64)
