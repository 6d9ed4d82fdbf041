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
import stat
import struct
import time
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import IO, Annotated, BinaryIO, Literal, TypeAlias

import msgspec

from genoml.genome.checksums import BlockChecksums, count_blocks
from genoml.genome.fasta_codes import Piece, fasta_codes
from genoml.io.errors import FormatError
from genoml.io.files import FilePath, Source, write_whole
from genoml.io.processes import locked

MAGIC = b"\x89GMLS\r\n\x1a"
#: 1 had a SHA-256 of each chromosome in place of checksums, and less about its source.
VERSION = 2
#: Offset of the codes, in bytes.
DATA_OFFSET = 16
HEAD = struct.pack("<8sQ", MAGIC, VERSION)
_FOOT = struct.Struct("<QQ32sQ8s")
#: Whether code 3 is T or U.
Alphabet: TypeAlias = Literal["DNA", "RNA"]
_REBUILD = "build it again from its FASTA file"
#: A file that changed less than this before its store was complete could change once more without another time.
_TICK_NS = 2_000_000_000


class Chromosome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One chromosome of a store.

    Attributes
    ----------
    name : str
        First word of its FASTA header.
    length : int
        In bp.
    alphabet : {"DNA", "RNA"}
        Whether code 3 is T or U in the file.
    checksums : bytes
        CRC-32 of each block of 16,384 codes, the last one shorter; four bytes each, little-endian.
    """

    name: str
    length: int
    alphabet: Alphabet
    checksums: bytes


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The FASTA file that a store was made from.

    Attributes
    ----------
    path : str
        Relative to the folder of the store.
    size : int
        In bytes.
    mtime_ns, ctime_ns : int
        Times of the last change of its content, and of anything about it, in ns. The second cannot be set by a user;
        it is 0 if it was so recent that it proves nothing.
    inode : int
        Number of the file in its file system.
    sha256 : str
        Of its bytes, as they lie on disk.
    """

    path: str
    size: Annotated[int, msgspec.Meta(ge=1)]
    mtime_ns: int
    ctime_ns: int
    inode: int
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
    sums = [len(chromosome.checksums) for chromosome in index.chromosomes]
    fits = sum(lengths) == bases and sums == [4 * count_blocks(length) for length in lengths]
    if not lengths or len(names) != len(lengths) or min(lengths) < 1 or not fits:
        what = f"the index of the genome store does not fit its {bases} bases"
        raise FormatError(what, path=path, fix=_REBUILD)
    return index


def build_store(fasta: FilePath, path: FilePath) -> None:
    """Write the base codes of a FASTA file as a genome store.

    It takes a few megabytes of memory for a genome of any size. Upper and lower case become the same code, so that soft
    masking is lost. T and U are one code; whether a chromosome has U is kept.

    Parameters
    ----------
    fasta : str or os.PathLike
        Plain or compressed, as for read_fasta. A file, since its size, time and hash are kept to notice later changes.
    path : str or os.PathLike
        The store; written atomically, so that on failure an older file stays. One byte per base; it is mapped into
        memory and so cannot be compressed.

    Raises
    ------
    FormatError
        For FASTA that is not sound; see read_fasta. Names that occur twice are refused too.
    InUseError
        If another process is writing the store; a ValueError.
    ValueError
        If ``path`` ends in ``.gz`` or ``.zst``, or is the FASTA file.
    OSError
        If there is no such file or folder, or no room.
    """
    fasta, path = os.fspath(fasta), os.fspath(path)
    if path.endswith((".gz", ".zst")):
        ending = path[path.rindex(".") :]
        raise ValueError(f"{path}: a genome store is read in place, uncompressed; leave out {ending}")
    if fasta == "-" or (os.path.exists(fasta) and not os.path.isfile(fasta) and not os.path.isdir(fasta)):
        raise ValueError(f"{fasta}: a genome store expects a FASTA file, got a stream; save it first")
    if os.path.realpath(fasta) == os.path.realpath(path):
        raise ValueError(f"{path}: a genome store expects another name than its FASTA file")
    source = Source(fasta)
    with locked(f"{os.path.realpath(path)}.lock", path), write_whole(path) as stream:
        before = source_file(fasta, path)
        stream.write(HEAD)
        chromosomes = _written(fasta_codes(source), stream)
        if time.time_ns() - before.ctime_ns < _TICK_NS:
            before = msgspec.structs.replace(before, ctime_ns=0)
        if not unchanged(before, fasta):
            raise FormatError("the file changed while it was read", path=fasta, fix="try again")
        n_bases = sum(chromosome.length for chromosome in chromosomes)
        stream.write(tail(Index(chromosomes, before), n_bases))


def _written(pieces: Iterable[Piece], stream: BinaryIO) -> list[Chromosome]:
    chromosomes: list[Chromosome] = []
    for name, group in groupby(pieces, attrgetter("name")):
        length = 0
        checksums = BlockChecksums()
        for piece in group:
            stream.write(piece.codes)
            checksums.update(piece.codes)
            length += len(piece.codes)
        alphabet: Alphabet = "RNA" if piece.is_rna else "DNA"
        chromosomes.append(Chromosome(name, length, alphabet, checksums.packed()))
    return chromosomes


def source_file(fasta: str, store: str) -> SourceFile:
    """The record of a FASTA file in its store, with its path relative to the store."""
    status = os.stat(fasta)
    folder = os.path.dirname(os.path.realpath(store))
    try:
        relative = os.path.relpath(os.path.realpath(fasta), folder)
    except ValueError:  # on another drive of Windows
        relative = os.path.realpath(fasta)
    return SourceFile(relative, status.st_size, *_stamp(status), _sha256(fasta))


def unchanged(known: SourceFile, fasta: str) -> bool:
    """Whether a FASTA file is the same as when its store was made.

    It is if size, both times and inode are. If only the size is, as after copying, the SHA-256 of the file decides.
    What is no regular file is not opened, since the path may be a stranger's.
    """
    status = os.stat(fasta)
    if status.st_size != known.size or not stat.S_ISREG(status.st_mode):
        return False
    stamp = known.mtime_ns, known.ctime_ns, known.inode
    return _stamp(status) == stamp or _sha256(fasta) == known.sha256


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
