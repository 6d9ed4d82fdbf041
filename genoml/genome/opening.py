"""Opening of a genome given as a store or as FASTA, whose store is made once and kept."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from genoml.genome.store import GenomeStore
from genoml.genome.store_file import is_store
from genoml.io.errors import FormatError
from genoml.io.files import FilePath

#: errors of a place where a store cannot be written
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


def open_genome(
    genome: FilePath, *, store: FilePath | None = None, tell: Callable[[str], None] = lambda message: None
) -> GenomeStore:
    """Open a store, or the store of a FASTA file, which is made if there is none or the file has changed.

    Parameters
    ----------
    genome : str or os.PathLike
        A store, or FASTA, plain or compressed.
    store : str or os.PathLike, optional
        Path of the store of a FASTA file; ``GENOME.store`` if None.
    tell : callable, optional
        Called with a message when a store is made, and when an existing one cannot be used.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        If a store or the FASTA file is damaged, or the path of the store is another file.
    ValueError
        For standard input, a store whose own store is named, or a folder that cannot be written to.
    """
    source = os.fspath(genome)
    if source == "-":
        raise ValueError("GENOME expects a file, got standard input (-); save it first")
    if is_store(source):
        if store is not None:
            raise ValueError(f"{source} is a store already; expects no place for another")
        return GenomeStore.open(source)
    path = f"{source}.store" if store is None else os.fspath(store)
    if os.path.exists(path):
        try:
            return GenomeStore.open(path, fasta=source)
        except FormatError as error:
            if not is_store(path):
                raise  # some other file, which must not be replaced
            tell(str(error))
    tell(f"making {path} from {source}{_size(source)}; later commands read it in its place")
    try:
        return GenomeStore.build(source, path)
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        raise ValueError(
            f"{path}: cannot be written ({error.strerror}); make it elsewhere (genoml fetch --store PATH), and name "
            "that store as the genome"
        ) from None


def _size(source: str) -> str:
    """Words for the size of the store, a byte a base: of an uncompressed file about its own."""
    if not os.path.isfile(source):
        return ""
    with open(source, "rb") as stream:
        plain = stream.read(1) == b">"
    return f", about {os.path.getsize(source) / 1e6:,.1f} MB" if plain else ", a byte a base"
