"""Opening files to read (plain, gzip, standard input, pipes) and writing them whole or not at all."""

from __future__ import annotations

import gzip
import io
import os
import secrets
import shutil
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, BinaryIO, TypeAlias, cast

from genoml.io.errors import FormatError

#: A path as a str or an os.PathLike; ``"-"`` is standard input where a reader takes it.
Path: TypeAlias = "str | os.PathLike[str]"

_GZIP = b"\x1f\x8b"
_OTHER_COMPRESSION = {
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"PK\x03\x04": ("zip", "unzip"),
}
_BUFFER = 1 << 17
# Standard input and pipes cannot be read twice; up to this many bytes are held in memory, more on disk.
_SPOOL = 1 << 26


class Source:
    """A file to read, opened on demand and as often as needed.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input. A pipe or standard input is first copied whole, to memory or, beyond
        64 MB, to a temporary file, so that its kind can be seen before it is read.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        At once.
    FormatError
        At once, if the file is empty or compressed otherwise than with gzip.
    """

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        self._spool: IO[bytes] | None = None
        if self.path == "-":
            self.path = "standard input"
            self._spool = _spooled(sys.stdin.buffer)
        else:
            mode = _mode_of(self.path)
            if not stat.S_ISREG(mode):
                with open(self.path, "rb") as stream:
                    self._spool = _spooled(stream)
        if self._spool is not None:
            weakref.finalize(self, self._spool.close)
        self.start = self._look()

    def _look(self) -> bytes:
        """The first bytes of the content, decompressed, without leading white space."""
        with self.open() as stream, self.damage_reported():
            start = stream.read(4096)
            while start.isspace():
                start = stream.read(4096)
        if not start:
            raise FormatError("the file is empty", path=self.path, fix="expects at least one record")
        for magic, (name, tool) in _OTHER_COMPRESSION.items():
            if start.startswith(magic):
                raise FormatError(
                    f"the file is compressed with {name}",
                    path=self.path,
                    fix=f"expects plain text or gzip: decompress it with {tool}",
                )
        if start.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            raise FormatError(
                "the file starts with a byte-order mark", path=self.path, fix="save it as plain ASCII text"
            )
        return start.lstrip()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the content from its beginning, decompressed."""
        if self._spool is not None:
            self._spool.seek(0)
            raw: IO[bytes] = self._spool
        else:
            raw = open(self.path, "rb", buffering=_BUFFER)  # noqa: SIM115 - closed below
        try:
            magic = raw.read(2)
            raw.seek(0)
            if magic == _GZIP:
                # io.BufferedReader iterates over lines much faster than GzipFile
                yield cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb"), _BUFFER))
            else:
                yield cast(BinaryIO, raw)
        finally:
            if raw is not self._spool:
                raw.close()

    @contextmanager
    def damage_reported(self) -> Iterator[None]:
        """Report a truncated or corrupt gzip stream as a FormatError."""
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            what = "ends too early" if isinstance(error, EOFError) else f"is corrupt ({error})"
            raise FormatError(
                f"the gzip stream {what}", path=self.path, fix="copy or download the file again"
            ) from error


def _mode_of(path: str) -> int:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file; check the path") from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path}: this is a directory; expects a file")
    return mode


def _spooled(stream: BinaryIO) -> IO[bytes]:
    spool = cast(IO[bytes], tempfile.SpooledTemporaryFile(_SPOOL))  # noqa: SIM115 - lives as long as its Source
    shutil.copyfileobj(stream, spool)
    return spool


@contextmanager
def write_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write that appears under its name only once it is complete.

    The bytes go to a temporary file beside it, which then replaces it in one step; if the block raises, the
    temporary file is removed and what stood there before remains. A path that ends in ``.gz`` is compressed,
    without a time stamp, so that the same content gives the same bytes. A device or pipe is written directly.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        if os.path.isdir(target):
            raise IsADirectoryError(f"{target}: this is a directory; expects a file name")
        with open(target, "wb") as raw, _compressed(raw, target) as stream:
            yield stream
        return
    if not os.path.isdir(os.path.dirname(target)):
        raise FileNotFoundError(f"{os.path.dirname(target)}: no such directory to write {path} in")
    temporary = f"{target}.{secrets.token_hex(4)}.tmp"
    raw = open(temporary, "xb")  # noqa: SIM115 - closed below, before it takes the place of the target
    try:
        with raw:
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
            error.filename = os.fspath(path)  # a full disk does not say which file it was
        raise


def _sync_folder(folder: str) -> None:
    """Put the new name on disk too; a rename alone may be lost with the power."""
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _compressed(raw: IO[bytes], path: str) -> Iterator[BinaryIO]:
    if not path.endswith(".gz"):
        yield cast(BinaryIO, raw)
        return
    with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as packed:
        yield cast(BinaryIO, packed)
