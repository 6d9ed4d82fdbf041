"""Decompression of gzip, bgzip and zstd streams; a file that is cut, damaged or has other data after it is an error.

Each call returns a bounded number of bytes, however much a file expands.
"""

from __future__ import annotations

import importlib
import io
import warnings
import zlib
from typing import IO, Any, Literal, TypeAlias

from genoml.io.blocks import count_lines
from genoml.io.errors import FormatError, FormatWarning

#: How a file is compressed; bgzip (BGZF, as samtools writes it) is gzip in small blocks.
Compression: TypeAlias = Literal["gzip", "zstd"]

_MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
#: Longest of the magic numbers above, in bytes.
MAGIC_LENGTH = 4
_OTHER = {
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ": ("xz", "unxz"),
    b"PK\x03\x04": ("zip", "unzip"),
}
_AGAIN = "copy or download the file again"
_READ = 1 << 16
# A zstd block of 4 bytes may expand to 128 kB: input of this size expands to at most 128 MB.
_READ_ZSTD = 1 << 12


def compression_of(start: bytes) -> Compression | None:
    """The compression of content, recognised by its first bytes; None if there is none."""
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)


def refuse_other_compression(start: bytes, path: str) -> None:
    """Raise FormatError if the content is bzip2, xz or zip."""
    for magic, (name, tool) in _OTHER.items():
        if start.startswith(magic):
            raise FormatError(
                f"the file is compressed with {name}",
                path=path,
                line=1,
                fix=f"expects plain text, gzip or zstd: decompress it with {tool}",
            )


def decompressed(raw: Any, kind: Compression, path: str) -> io.RawIOBase:
    """The decompressed content of ``raw``, which has ``read``.

    Raises
    ------
    FormatError
        For zstd, without the package ``zstandard``; while reading, if the stream ends too early, is corrupt,
        or something else follows it.
    """
    return _Gzip(raw, path) if kind == "gzip" else _Zstd(raw, path)


class _Decompressed(io.RawIOBase):
    """Base of the decompressed streams: reads members or frames from ``raw``, one after another."""

    def __init__(self, raw: IO[bytes], path: str) -> None:
        self._raw = raw
        self._path = path
        self._packed = b""  # read, not yet decompressed
        self._ready = memoryview(b"")  # decompressed, not yet returned
        self._ended = False
        self._last = b"\n"
        self._line = 1  # that has been reached in the content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while not self._ready and not self._ended:
            self._ready = memoryview(self._more(len(view)))
            if self._ready:
                self._last = bytes(self._ready[-1:])
        count = min(len(view), len(self._ready))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        self._line += count_lines(view[:count])
        return count

    def _more(self, size: int) -> bytes:
        raise NotImplementedError

    def _truncated(self, kind: str) -> FormatError:
        return FormatError(f"the {kind} stream ends too early", path=self._path, line=self._line, fix=_AGAIN)

    def _corrupt(self, kind: str, why: object) -> FormatError:
        return FormatError(
            f"the {kind} stream is corrupt ({why})", path=self._path, line=self._line, fix=_AGAIN
        )


class _Gzip(_Decompressed):
    def __init__(self, raw: IO[bytes], path: str) -> None:
        super().__init__(raw, path)
        self._member: Any = None
        self._n_members = 0
        self._is_bgzf = self._is_empty = False  # of the last member

    def _more(self, size: int) -> bytes:
        if self._member is None and not self._next_member():
            return b""
        if not self._packed:
            self._packed = self._raw.read(_READ)
            if not self._packed:
                raise self._truncated("gzip")
        try:
            content: bytes = self._member.decompress(self._packed, size)
        except zlib.error as error:
            raise self._corrupt("gzip", error) from error
        self._packed = self._member.unconsumed_tail
        self._is_empty = self._is_empty and not content
        if self._member.eof:
            self._packed = self._member.unused_data
            self._member = None
        return content

    def _next_member(self) -> bool:
        """Start the next member; False at the end of the file. Zero bytes after a member are padding."""
        if self._n_members:
            self._packed = self._packed.lstrip(b"\0")
        while len(self._packed) < 18 and (more := self._raw.read(_READ)):
            self._packed += more
            if self._n_members:
                self._packed = self._packed.lstrip(b"\0")
        if not self._packed:
            self._end()
            return False
        if not b"\x1f\x8b".startswith(self._packed[:2]):
            raise self._corrupt("gzip", f"something else follows member {self._n_members}")
        # BGZF: an extra field (flag 4) whose first subfield is BC
        self._is_bgzf = self._packed[3:4] == b"\x04" and self._packed[12:14] == b"BC"
        self._is_empty = True
        self._member = zlib.decompressobj(wbits=31)
        self._n_members += 1
        return True

    def _end(self) -> None:
        self._ended = True
        if not self._is_bgzf or self._is_empty:
            return
        # An empty block ends BGZF, but some sequencers leave it out. Blocks do not end with lines, so that a file cut
        # between blocks almost always ends within a line.
        if self._last != b"\n":
            raise FormatError(
                "the BGZF stream has no end-of-file block and ends within a line, so it was cut",
                path=self._path,
                line=self._line,
                fix=_AGAIN,
            )
        warnings.warn(
            f"{self._path}: the BGZF stream has no end-of-file block; it may have been cut between two lines",
            FormatWarning,
            stacklevel=2,
        )


class _Zstd(_Decompressed):
    def __init__(self, raw: IO[bytes], path: str) -> None:
        super().__init__(raw, path)
        zstandard = zstandard_module(path)
        self._error = zstandard.ZstdError
        self._new = zstandard.ZstdDecompressor().decompressobj
        self._frame: Any = None

    def _more(self, size: int) -> bytes:
        if not self._packed:
            self._packed = self._raw.read(_READ_ZSTD)
        if not self._packed:
            if self._frame is not None:
                raise self._truncated("zstd")
            self._ended = True
            return b""
        if self._frame is None:
            self._frame = self._new()
        try:
            content: bytes = self._frame.decompress(self._packed[:_READ_ZSTD])
        except self._error as error:
            raise self._corrupt("zstd", str(error).removeprefix("zstd decompressor error: ")) from error
        self._packed = self._packed[_READ_ZSTD:]
        if self._frame.eof:
            self._packed = self._frame.unused_data + self._packed
            self._frame = None
        return content


def zstandard_module(path: str) -> Any:
    """The package ``zstandard``; FormatError with the path if it is not installed."""
    try:
        return importlib.import_module("zstandard")
    except ModuleNotFoundError as error:
        raise FormatError(
            "zstd needs the package zstandard, which is not installed",
            path=path,
            fix="pip install 'genoml-xp[zstd]', or use gzip",
        ) from error
