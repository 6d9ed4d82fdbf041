"""File format of a genome store, and its checks.

::

    0             8 bytes   magic 89 47 4D 4C 53 0D 0A 1A (``GMLS`` between)
    8             8 bytes   version, little-endian
    16            codes     one byte a base, chromosome after chromosome
    16 + bases    index     JSON: Index below
    end - 64     64 bytes   offset and length of the index (8 bytes each, little-endian), SHA-256 of the index
                            (32 bytes), 8 bytes of zero, magic

The index follows the codes, so that a store is written in one pass. Every size in the file is compared with the size
of the file before it is used; nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import IO

import msgspec

from genoml.io.errors import FormatError

MAGIC = b"\x89GMLS\r\n\x1a"
VERSION = 1
#: Offset of the codes, in bytes.
DATA_OFFSET = 16
HEAD = struct.pack("<8sQ", MAGIC, VERSION)
_FOOT = struct.Struct("<QQ32sQ8s")
_REBUILD = "build it again from its FASTA file"


class Chromosome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One chromosome of a store.

    Attributes
    ----------
    name : str
        First word of its FASTA header.
    length : int
        In bp.
    sha256 : str
        Of its codes.
    """

    name: str
    length: int
    sha256: str


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The FASTA file that a store was made from.

    Attributes
    ----------
    path : str
        Relative to the folder of the store.
    size : int
        In bytes.
    mtime_ns : int
        Time of its last change, in ns.
    sha256 : str
        Of its bytes, as they lie on disk.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Index of a store: its chromosomes in order, and its source."""

    chromosomes: list[Chromosome]
    source: SourceFile


def is_store(path: str) -> bool:
    """Whether a file begins with the magic number of a genome store."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def tail(index: Index, bases: int) -> bytes:
    """Index and foot, which are written after the codes."""
    packed = msgspec.json.encode(index)
    digest = hashlib.sha256(packed).digest()
    return packed + _FOOT.pack(DATA_OFFSET + bases, len(packed), digest, 0, MAGIC)


def read_index(stream: IO[bytes], size: int, path: str) -> tuple[Index, str]:
    """Read and check head, foot and index; return the index and its SHA-256 in hexadecimal digits.

    Raises
    ------
    FormatError
        If it is no store, is of another version, was truncated or extended, or its index is damaged.
    """
    head = stream.read(DATA_OFFSET)
    if not head.startswith(MAGIC):
        raise FormatError("this is not a genome store", path=path, fix="expects a file made from FASTA")
    if head != HEAD:
        version = int.from_bytes(head[8:], "little")
        what = f"the genome store is of version {version}, expects {VERSION}"
        raise FormatError(what, path=path, fix=_REBUILD)
    if size < DATA_OFFSET + _FOOT.size:
        raise FormatError("the genome store is truncated", path=path, fix=_REBUILD)
    stream.seek(size - _FOOT.size)
    offset, length, digest, reserved, magic = _FOOT.unpack(stream.read(_FOOT.size))
    if magic != MAGIC or reserved or offset + length + _FOOT.size != size or offset < DATA_OFFSET:
        what = "the genome store is truncated, or its last bytes are damaged"
        raise FormatError(what, path=path, fix=_REBUILD)
    stream.seek(offset)
    packed = stream.read(length)
    if hashlib.sha256(packed).digest() != digest:
        raise FormatError("the index of the genome store is damaged", path=path, fix=_REBUILD)
    return _decoded(packed, offset - DATA_OFFSET, path), digest.hex()


def _decoded(packed: bytes, bases: int, path: str) -> Index:
    try:
        index = msgspec.json.decode(packed, type=Index)
    except msgspec.MsgspecError as error:
        what = f"the index of the genome store is not as expected ({error})"
        raise FormatError(what, path=path, fix=_REBUILD) from None
    lengths = [chromosome.length for chromosome in index.chromosomes]
    names = {chromosome.name for chromosome in index.chromosomes}
    if not lengths or len(names) != len(lengths) or min(lengths) < 1 or sum(lengths) != bases:
        what = f"the index of the genome store does not fit its {bases} bases"
        raise FormatError(what, path=path, fix=_REBUILD)
    return index
