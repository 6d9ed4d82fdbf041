"""bigWig files: a reader of values at single bases, and a writer. Both need the package pybigtools.

On a damaged file pybigtools may panic, which is no Exception, or end the process. So the file is checked first, and any
error of pybigtools becomes a FormatError.
"""

from __future__ import annotations

import importlib
import os
import shutil
import struct
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Self

import numpy as np

from genoml.io.errors import FormatError
from genoml.io.files import FilePath, write_whole

#: The remedy for a file that is refused.
AGAIN = "expects a bigWig file: copy or download it again"


class BigWig:
    """Reader of a bigWig file, which stays open. Threads can share it, and processes: each opens the file for itself.

    Attributes
    ----------
    path : str
        The file.
    sizes : dict of str to int
        Length of each chromosome in bp.

    Raises
    ------
    ImportError
        Without pybigtools.
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For what is no bigWig file, or is damaged.
    """

    def __init__(self, path: FilePath) -> None:
        self.path = os.fspath(path)
        self._open()

    def _open(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        pybigtools = _pybigtools()
        check_bigwig(self.path)
        self._stream = open(self.path, "rb")  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._stream.close)
        try:
            with self._refusing():
                # a stream, since pybigtools opens by name only files with the suffix .bw or .bigWig
                self._reader = pybigtools.open(self._stream)
                self.sizes: dict[str, int] = self._reader.chroms()
        except BaseException:
            self._stream.close()
            raise

    def values(self, chrom: str, start: int, end: int) -> np.ndarray:
        """Values of the bases from start to end, which lie on the chromosome: float64, NaN where there is none."""
        if self._process != os.getpid():  # a forked process would share the place in the file
            self._open()
        with self._lock, self._refusing():
            found: np.ndarray = self._reader.values(chrom, start, end, fillna=None)
            return found

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.path = state["path"]
        self._open()

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Convert any error of pybigtools, panics included, to FormatError."""
        try:
            yield
        except (KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:
            why = " ".join(str(error).split())
            raise FormatError(f"the bigWig file is damaged ({why})", path=self.path, fix=AGAIN) from None


def write_bigwig(
    path: FilePath, sizes: Mapping[str, int], values: Iterable[tuple[str, int, int, float]]
) -> None:
    """Write a bigWig file, which gets its name when it is complete; the same values give the same bytes.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    sizes : mapping of str to int
        Length of each chromosome in bp.
    values : iterable of (chrom, start, end, value)
        0-based and half-open, in the order of ``sizes`` and of the starts, without overlaps; read as they are written.

    Raises
    ------
    ImportError
        Without pybigtools.
    ValueError
        Without values, or for values out of order, overlapping, or past the end of a chromosome; it names the first.
    """
    pybigtools = _pybigtools()
    checked = _Checked(values, sizes)
    target = os.fspath(path)
    with write_whole(target) as stream, TemporaryDirectory(dir=os.path.dirname(target) or ".") as folder:
        made = os.path.join(folder, "values.bw")  # the suffix decides the format
        first = list(islice(checked, 1))
        checked.refuse()
        if not first:
            raise ValueError(f"{target}: a bigWig file expects at least one value, got none")
        pybigtools.open(made, "w").write(dict(sizes), chain(first, checked))
        checked.refuse()  # pybigtools prints what goes wrong, and raises nothing
        check_bigwig(made)
        with open(made, "rb") as written:
            shutil.copyfileobj(written, stream)


class _Checked:
    """Values in order; the first that is out of place ends them, and so does an error of their source."""

    def __init__(self, values: Iterable[tuple[str, int, int, float]], sizes: Mapping[str, int]) -> None:
        self._values = iter(values)
        self._sizes = sizes
        self._place = {name: number for number, name in enumerate(sizes)}
        self._last = (-1, 0)
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[tuple[str, int, int, float]]:
        return self

    def __next__(self) -> tuple[str, int, int, float]:
        try:
            chrom, start, end, value = next(self._values)
        except StopIteration:
            raise
        except BaseException as error:
            self._error = error
            raise StopIteration from None
        number, size = self._place.get(chrom, -1), self._sizes.get(chrom, 0)
        before, last = self._last
        if number < before or not (last if number == before else 0) <= start < end <= size:
            self._error = ValueError(
                f"a bigWig file expects values in order, apart, on its chromosomes; got {chrom}:{start}-{end}"
            )
            raise StopIteration
        self._last = (number, end)
        return chrom, start, end, value

    def refuse(self) -> None:
        """Raise the error that ended the values, if one did."""
        if self._error is not None:
            raise self._error


def _pybigtools() -> Any:
    try:
        return importlib.import_module("pybigtools")
    except ModuleNotFoundError as error:
        raise ImportError(
            "bigWig files need the package pybigtools, which is not installed: pip install 'genoml-xp[bigwig]'"
        ) from error


_MAGIC = 0x888FFC26
_NAMES_MAGIC = 0x78CA8C91
_INDEX_MAGIC = 0x2468ACE0
_HEADER = "IHHQQQHHQQIQ"
_NAMES = "IIIIQQ"
_INDEX = "IIQIIIIQII"
_LONGEST_NAME = 1 << 10
_LARGEST_BLOCK = 1 << 28


def check_bigwig(path: str) -> None:
    """Raise unless this is a bigWig file, not cut, with sizes and offsets inside the file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        If it is none, or damaged.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path}: this is a directory; expects a bigWig file")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file; check the path")
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        order = {_MAGIC.to_bytes(4, "little"): "<", _MAGIC.to_bytes(4, "big"): ">"}.get(stream.read(4))
        if order is None:
            raise FormatError("this is no bigWig file", path=path, fix=AGAIN)
        try:
            sound = _is_sound(stream, size, order)
        except struct.error:  # the file ends within a part
            sound = False
    if not sound:
        raise FormatError("the bigWig file is cut or damaged", path=path, fix=AGAIN)


def _is_sound(stream: BinaryIO, size: int, order: str) -> bool:
    header = _read(stream, order + _HEADER, 0)
    names_at, data_at, index_at = header[3:6]
    block_size = header[10]
    end = _read(stream, order + "I", size - 4)  # a file ends with the magic number too
    if end[0] != _MAGIC or max(names_at, data_at, index_at) >= size or block_size > _LARGEST_BLOCK:
        return False
    magic, _, key_size, value_size, count, _ = _read(stream, order + _NAMES, names_at)
    if magic != _NAMES_MAGIC or value_size != 8 or not 0 < key_size <= _LONGEST_NAME:
        return False
    index = _read(stream, order + _INDEX, index_at)
    if index[0] != _INDEX_MAGIC or count * (key_size + 8) > size or index[2] * 32 > size:
        return False
    return _blocks_are_inside(stream, size, order, index_at + struct.calcsize(order + _INDEX), index[2])


def _read(stream: BinaryIO, form: str, at: int) -> tuple[int, ...]:
    stream.seek(max(0, at))
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _blocks_are_inside(stream: BinaryIO, size: int, order: str, root: int, count: int) -> bool:
    """Whether every node of the index, and every block of values it points to, lies inside the file."""
    places = [root]
    seen = 0
    while places:
        at = places.pop()
        is_leaf, _, items = _read(stream, order + "BBH", at)
        seen += max(1, items)
        if is_leaf > 1 or seen > 2 * count + 2:  # a tree has fewer nodes than leaves; more means a cycle
            return False
        words = np.frombuffer(stream.read(items * (32 if is_leaf else 24)), f"{order}u4")
        if len(words) != items * (8 if is_leaf else 6):
            return False
        pairs = words.reshape(items, 8 if is_leaf else 6)[:, 4:].copy().view(f"{order}u8")
        if (pairs > size).any() or (pairs.sum(axis=1) > size).any():
            return False
        if not is_leaf:
            places += pairs[:, 0].tolist()
    return True
