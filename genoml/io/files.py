"""Files to read (plain, compressed, standard input, pipes), and files to write atomically."""

from __future__ import annotations

import gzip
import io
import os
import re
import secrets
import stat
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, BinaryIO, TypeAlias, cast

from genoml.io.compression import (
    MAGIC_LENGTH,
    compression_of,
    decompressed,
    refuse_other_compression,
    zstandard_module,
)
from genoml.io.errors import FormatError
from genoml.io.processes import lock

#: A path as a str or an os.PathLike; some readers take ``"-"`` as standard input.
FilePath: TypeAlias = "str | os.PathLike[str]"

_BUFFER = 1 << 17
#: The most bytes of white space before the first record.
_MOST_BLANK = 1 << 20
#: Bytes of the first line that are examined.
_START = 4096


class Source:
    """A file to read: a regular file any number of times, standard input or a pipe once.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input. From a pipe only as much is read now as is needed to recognise its content.

    Attributes
    ----------
    path : str
        For messages.
    start : bytes
        First line of the content or its first 4,096 bytes, and maybe more, decompressed, without leading
        white space.
    start_line : int
        1-based number of the line on which they begin.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        At once.
    FormatError
        At once, if the file is empty or compressed otherwise than with gzip, bgzip or zstd; while reading,
        if a compressed stream is cut, corrupt or followed by something else.

    Warns
    -----
    FormatWarning
        While reading, if a bgzip stream ends without its end-of-file block.
    """

    def __init__(self, path: FilePath) -> None:
        self.path = os.fspath(path)
        self._is_stream = True
        self._once: io.BufferedReader | None = None
        if self.path == "-":
            self.path = "standard input"
            self._once = _content(_Available(sys.stdin.buffer), self.path)
        elif not stat.S_ISREG(_mode_of(self.path)):
            pipe = open(self.path, "rb", buffering=0)  # noqa: SIM115 - closed with this object
            weakref.finalize(self, pipe.close)
            self._once = _content(pipe, self.path)
        else:
            self._is_stream = False
        if self._once is not None:
            begin = self._look(self._once)
            self._once = _buffered(_Joined(begin, self._once))
        else:
            with self.open() as stream:
                self._look(stream)

    def _look(self, stream: io.BufferedReader) -> bytes:
        """Set ``start`` and ``start_line``; return the bytes that were read from the beginning."""
        begin = b""
        while len(text := begin.lstrip()) < _START and b"\n" not in text:
            more = stream.read1(_BUFFER)
            if not more:
                break
            begin += more
            if len(begin) > _MOST_BLANK and begin.isspace():
                raise FormatError(
                    f"the file starts with more than {_MOST_BLANK} bytes of white space",
                    path=self.path,
                    line=1 + begin.count(b"\n"),
                    fix="expects records",
                )
        if not text:
            raise FormatError("the file is empty", path=self.path, line=1, fix="expects at least one record")
        self.start = begin.lstrip()
        self.start_line = 1 + begin.count(b"\n", 0, len(begin) - len(self.start))
        refuse_other_compression(begin, self.path)
        if begin.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            raise FormatError(
                "the file starts with a byte-order mark",
                path=self.path,
                line=1,
                fix="save it as plain ASCII text",
            )
        return begin

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """Open the decompressed content from its beginning.

        Raises
        ------
        ValueError
            If standard input or a pipe is opened a second time.
        """
        if not self._is_stream:
            with open(self.path, "rb", buffering=0) as raw:
                yield _content(raw, self.path)
            return
        stream = self._once
        self._once = None
        if stream is None:
            raise ValueError(f"{self.path} can be read only once; save it to a file first")
        yield stream


class _Available:
    """A buffered stream whose ``read`` returns the available bytes, so that records come before a pipe ends."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read1(size)
        return data


class _Joined(io.RawIOBase):
    """A stream of bytes that were read before, followed by the rest of their stream."""

    def __init__(self, begin: bytes, rest: Any) -> None:
        self._begin = memoryview(begin)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._begin[: len(view)] if self._begin else memoryview(_available(self._rest, len(view)))
        self._begin = self._begin[len(data) :]
        view[: len(data)] = data
        return len(data)


def _available(stream: Any, size: int) -> bytes:
    """At most ``size`` bytes, without waiting for more; none at the end."""
    data: bytes = stream.read1(size) if hasattr(stream, "read1") else stream.read(size)
    return data


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return io.BufferedReader(raw, _BUFFER)


def _content(raw: Any, path: str) -> io.BufferedReader:
    """The content of a stream, decompressed according to its first bytes."""
    magic = b""
    while len(magic) < MAGIC_LENGTH and (more := raw.read(MAGIC_LENGTH - len(magic))):
        magic += more
    kind = compression_of(magic)
    if kind is None and raw.seekable():
        raw.seek(0)
        return io.BufferedReader(raw, _BUFFER)
    joined = _buffered(_Joined(magic, raw))
    return joined if kind is None else _buffered(decompressed(_Available(joined), kind, path))


def _mode_of(path: str) -> int:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; check the path") from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path}: this is a directory; expects a file")
    return mode


@contextmanager
def write_whole(path: FilePath) -> Iterator[BinaryIO]:
    """Open a file for writing that gets its name only when it is complete.

    The bytes go to a temporary file in the same folder, which then replaces the target in one step and takes its mode;
    if the block raises, the temporary file is removed and an older file stays. What a killed process left of an earlier
    write is removed. A path that ends in ``.gz`` is compressed with gzip, without a time stamp, so that the same
    content gives the same bytes; one that ends in ``.zst`` with zstd and a checksum. A device or pipe is written
    directly.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such folder, or it is one.
    FormatError
        For ``.zst`` without the package ``zstandard``.
    """
    if os.fspath(path).endswith(".zst"):
        zstandard_module(os.fspath(path))  # before anything is created
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        if os.path.isdir(target):
            raise IsADirectoryError(f"{target}: this is a directory; expects a file name")
        with open(target, "wb") as device, _compressed(device, target) as stream:
            yield stream
        return
    if not os.path.isdir(os.path.dirname(target)):
        raise FileNotFoundError(f"{os.path.dirname(target)}: no such directory to write {path} in")
    _sweep(target)
    temporary, raw = _temporary(target)
    try:
        with raw:
            if os.path.exists(target):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            with _compressed(raw, target) as stream:
                yield stream
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(temporary, target)
        _sync_folder(os.path.dirname(target))
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.remove(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = os.fspath(path)  # the error of a full disk names no file
        raise


def _temporary(target: str) -> tuple[str, BinaryIO]:
    """A temporary file of a target, locked as long as it is written."""
    while True:
        temporary = f"{target}.{secrets.token_hex(4)}.tmp"
        raw = open(temporary, "xb")  # noqa: SIM115 - closed by the caller, or below
        lock(raw, wait=True)
        if os.path.exists(temporary):
            return temporary, raw
        raw.close()  # another process has just swept it away


def _sweep(target: str) -> None:
    """Remove temporary files of a target whose process has ended."""
    folder, name = os.path.split(target)
    left = re.compile(re.escape(name) + r"\.[0-9a-f]{8}\.tmp")
    names: list[str] = []
    with suppress(OSError):
        names = os.listdir(folder)
    for place in (os.path.join(folder, found) for found in filter(left.fullmatch, names)):
        with suppress(OSError):
            if not stat.S_ISREG(os.lstat(place).st_mode):  # opening a pipe would wait
                continue
            with open(place, "rb") as file:
                if lock(file, wait=False):
                    os.unlink(place)


def _sync_folder(folder: str) -> None:
    """Sync the folder to disk, since a power failure can undo a rename."""
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _compressed(raw: IO[bytes], path: str) -> Iterator[BinaryIO]:
    if path.endswith(".gz"):
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed:
            yield cast(BinaryIO, packed)
    elif path.endswith(".zst"):
        packer = zstandard_module(path).ZstdCompressor(write_checksum=True)
        with packer.stream_writer(raw, closefd=False) as stream:
            yield cast(BinaryIO, stream)
    else:
        yield cast(BinaryIO, raw)
