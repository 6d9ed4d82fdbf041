"""Reader of motif files of any known format, and of the motifs that come with genoml."""

from __future__ import annotations

from importlib.resources import as_file, files

from genoml.io.errors import FormatError, shown
from genoml.io.files import Path, Source
from genoml.io.jaspar import jaspar_format_motifs, read_jaspar
from genoml.io.meme import meme_motifs, read_meme, write_meme
from genoml.io.transfac import read_transfac, transfac_motifs
from genoml.sequence.motif import Motif

__all__ = ["jaspar_motifs", "read_jaspar", "read_meme", "read_motifs", "read_transfac", "write_meme"]


def read_motifs(path: Path) -> list[Motif]:
    """Read motifs in MEME, JASPAR or TRANSFAC format, recognised by the start of the file; plain or gzipped.

    ``MEME version`` begins a MEME file, ``>`` or a number or ``A [`` a JASPAR one, and a two-letter key such
    as ``AC``, ``ID`` or ``XX`` a TRANSFAC one.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        If it has none of the formats, or is damaged: see read_meme, read_jaspar and read_transfac.
    """
    source = Source(path)
    first = source.start.split(b"\n", 1)[0].split()
    if source.start.startswith(b"MEME version"):
        return meme_motifs(source)
    if source.start.startswith(b">") or first[0][:1] in b"0123456789." or first[0][:2] in (b"A", b"A["):
        return jaspar_format_motifs(source)
    if len(first[0]) == 2 and first[0].isalnum() and first[0].isupper():
        return transfac_motifs(source)
    text = shown(b" ".join(first).decode("utf-8", "replace"))
    raise FormatError(f"got {text!r}", path=source.path, fix="expects MEME, JASPAR or TRANSFAC format")


def jaspar_motifs() -> list[Motif]:
    """The 879 vertebrate count matrices of JASPAR 2024 CORE, which come with genoml (CC BY 4.0).

    References
    ----------
    Rauluseviciute et al. (2024), doi:10.1093/nar/gkad1059.
    """
    with as_file(files("genoml") / "resources" / "jaspar2024_vertebrates.transfac.gz") as path:
        return read_transfac(path)
