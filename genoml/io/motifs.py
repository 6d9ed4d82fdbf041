"""Reader of motif files of any known format, and of the motifs that come with genoml."""

from __future__ import annotations

import os
import re
from importlib.resources import as_file, files
from typing import Literal

import numpy as np

from genoml.io.errors import FormatError, shown
from genoml.io.files import FilePath, Source
from genoml.io.meme import MotifLines, meme_motifs, read_meme, write_meme
from genoml.sequence.motifs.motif import Motif

__all__ = ["Motif", "jaspar_motifs", "read_jaspar", "read_meme", "read_motifs", "read_transfac", "write_meme"]


def read_motifs(path: FilePath) -> list[Motif]:
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


_BASES = "ACGT"
# "A  [ 1 2 3 ]", where the brackets may be left out
_LETTERED = re.compile(r"([A-Za-z])\s*(?:\[(?P<inside>[^\[\]]*)\]|(?P<bare>[^\[\]]*))")


def read_jaspar(path: FilePath) -> list[Motif]:
    """Read count matrices in JASPAR format (``.jaspar``, ``.pfm``); plain or gzipped.

    A record is a line ``>NAME SYMBOL`` and four rows, A, C, G, T, with one number per position: either
    ``A  [ 4 19 0 ]`` or only the numbers. A file of four rows without a header is one motif, named after the file. A
    matrix with fractions whose columns each sum to 1 is one of probabilities, any other one of counts.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For a header without a name, a record of other than four rows, rows of several lengths or out of
        order, a number that is negative or not finite, or no record at all.
    """
    return jaspar_format_motifs(Source(path))


def jaspar_format_motifs(source: Source) -> list[Motif]:
    """The motifs of a source in JASPAR format."""
    lines = MotifLines(source)
    motifs: list[Motif] = []
    header: list[str] | None = None
    rows: list[list[float]] = []
    for line in lines:
        if line.startswith(">"):
            _require_whole(lines, header, rows)
            header = line[1:].split(maxsplit=1)
            rows = []
            if not header:
                raise lines.error("the header has no name", "expects >NAME SYMBOL")
            lines.record = header[0]
        elif line:
            if header is None and not motifs:
                header = [_stem(source.path)]
            if header is None:
                raise lines.error(f"got {shown(line)!r} after four rows", "expects '>' and the next name")
            rows.append(_jaspar_row(lines, line, rows))
            if len(rows) == 4:
                motifs.append(_jaspar_motif(lines, header, np.array(rows).T))
                header = None
                rows = []
                lines.record = None
    _require_whole(lines, header, rows)
    if not motifs:
        raise lines.error("no motif", "expects >NAME and four rows, A, C, G, T")
    return motifs


def _stem(path: str) -> str:
    name = os.path.basename(path).removesuffix(".gz")
    return os.path.splitext(name)[0].replace(" ", "_")


def _jaspar_row(lines: MotifLines, line: str, rows: list[list[float]]) -> list[float]:
    due = _BASES[len(rows)]
    lettered = _LETTERED.fullmatch(line)
    if lettered and lettered[1].upper() != due:
        raise lines.error(f"row {lettered[1]} where {due} is due", "expects the rows A, C, G, T")
    numbers = line if lettered is None else lettered["inside"] or lettered["bare"] or ""
    values = [lines.value(field) for field in numbers.split()]
    if not values or (rows and len(values) != len(rows[0])):
        wanted = f"{len(rows[0])} numbers, as many as row A has" if rows else "one number a position"
        raise lines.error(f"row {due} has {len(values)} numbers", f"expects {wanted}")
    return values


def _jaspar_motif(lines: MotifLines, header: list[str], matrix: np.ndarray) -> Motif:
    with np.errstate(over="ignore"):
        sums = matrix.sum(axis=1)
    if not np.all(sums > 0):
        raise lines.error(f"position {int(np.argmin(sums)) + 1} is all zeros", "expects a base seen there")
    shares = bool(np.all(np.abs(sums - 1) <= 0.01)) and bool(np.any(matrix % 1 != 0))
    symbol = header[1].strip() if len(header) > 1 else ""
    kind: Literal["counts", "probabilities"] = "probabilities" if shares else "counts"
    return lines.motif(lambda: Motif(header[0], matrix, kind, symbol))


def _require_whole(lines: MotifLines, header: list[str] | None, rows: list[list[float]]) -> None:
    if header is not None:
        raise lines.error(f"the motif ends after {len(rows)} row(s)", "expects four: A, C, G, T")


#: Lines that a record without a motif may have, such as the one that heads TRANSFAC's own file.
_HEAD_KEYS = ("VV", "XX", "CC")


def read_transfac(path: FilePath) -> list[Motif]:
    """Read count matrices in TRANSFAC format, as TRANSFAC and JASPAR write it; plain or gzipped.

    The lines AC (accession), ID (symbol), PO or P0 (the order of the bases) and the numbered rows are used; the fifth
    field of a row, a consensus letter, is ignored; ``//`` ends a record.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For a matrix without accession, a row that is not four numbers or out of order, a number that is
        negative or not finite, a record that does not end, or no record at all.
    """
    return transfac_motifs(Source(path))


def transfac_motifs(source: Source) -> list[Motif]:
    """The motifs of a source in TRANSFAC format."""
    lines = MotifLines(source)
    motifs: list[Motif] = []
    fields: dict[str, str] = {}
    rows: list[list[float]] = []
    for line in lines:
        key, *values = line.split() or [""]
        if key == "//":
            motifs += _transfac_record(lines, fields, rows)
            fields = {}
            rows = []
            lines.record = None
        elif key in ("PO", "P0"):
            if values != ["A", "C", "G", "T"]:
                raise lines.error(f"columns {shown(' '.join(values))!r}", "expects A C G T")
            fields["PO"] = ""
        elif key in ("AC", "ID"):
            fields[key] = " ".join(values)
            lines.record = fields.get("AC")
        elif key[:1].isdigit():
            if "PO" not in fields:
                raise lines.error(f"row {shown(key)} without columns", "expects a PO line: A C G T")
            rows.append(_transfac_row(lines, key, values, due=len(rows) + 1))
        elif len(key) == 2 and key not in _HEAD_KEYS:
            fields.setdefault(key, "")
    if fields or not motifs:
        what = "the file ends within a record" if fields else "no motif"
        raise lines.error(what, "expects records that end with //")
    return motifs


def _transfac_row(lines: MotifLines, number: str, values: list[str], due: int) -> list[float]:
    if number.zfill(2) != f"{due:02d}":
        raise lines.error(f"row {shown(number)} where {due:02d} is due", "a row is missing or repeated")
    if len(values) == 5 and values[4].isalpha():
        values = values[:4]
    return lines.row(values)


def _transfac_record(lines: MotifLines, fields: dict[str, str], rows: list[list[float]]) -> list[Motif]:
    if not fields:
        return []
    name = fields.get("AC") or fields.get("ID")
    if not name:
        raise lines.error("the motif has no AC line", "expects AC followed by the accession")
    if not rows:
        raise lines.error("the motif has no matrix", "expects a PO line and numbered rows")
    return [lines.motif(lambda: Motif(name, np.array(rows), "counts", fields.get("ID", "")))]
