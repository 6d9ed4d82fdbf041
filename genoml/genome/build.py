"""Building of a genome store from FASTA, in pieces of bounded size."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import BinaryIO

from genoml.genome.fasta_codes import fasta_codes
from genoml.genome.store_format import HEAD, Chromosome, Index, SourceFile, tail
from genoml.io.errors import FormatError
from genoml.io.files import Path, Source, write_whole


def build_store(fasta: Path, path: Path) -> None:
    """Write the base codes of a FASTA file as a genome store.

    It takes a few megabytes of memory for a genome of any size. Upper and lower case become the same code, so that soft
    masking is lost; U becomes T.

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
    before = source_file(fasta, path)
    with write_whole(path) as stream:
        stream.write(HEAD)
        chromosomes = _written(fasta_codes(source), stream)
        if not unchanged(before, fasta):
            raise FormatError("the file changed while it was read", path=fasta, fix="try again")
        n_bases = sum(chromosome.length for chromosome in chromosomes)
        stream.write(tail(Index(chromosomes, before), n_bases))


def _written(pieces: Iterable[str | bytes], stream: BinaryIO) -> list[Chromosome]:
    chromosomes: list[Chromosome] = []
    name = ""
    length = 0
    digest = hashlib.sha256()
    for piece in pieces:
        if isinstance(piece, str):
            if length:
                chromosomes.append(Chromosome(name, length, digest.hexdigest()))
            name = piece
            length = 0
            digest = hashlib.sha256()
            continue
        stream.write(piece)
        digest.update(piece)
        length += len(piece)
    return [*chromosomes, Chromosome(name, length, digest.hexdigest())]


def source_file(fasta: str, store: str) -> SourceFile:
    """The record of a FASTA file in its store, with its path relative to the store."""
    status = os.stat(fasta)
    folder = os.path.dirname(os.path.realpath(store))
    try:
        relative = os.path.relpath(os.path.realpath(fasta), folder)
    except ValueError:  # on another drive of Windows
        relative = os.path.realpath(fasta)
    return SourceFile(relative, status.st_size, status.st_mtime_ns, _sha256(fasta))


def unchanged(known: SourceFile, fasta: str) -> bool:
    """Whether a FASTA file is the same as when its store was made.

    Size and time are compared; if only the time differs, as after copying, the SHA-256 of the file decides.
    """
    status = os.stat(fasta)
    if status.st_size != known.size:
        return False
    return status.st_mtime_ns == known.mtime_ns or _sha256(fasta) == known.sha256


def _sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
