"""Reader of count matrices in JASPAR format, or as four plain rows of numbers."""

from __future__ import annotations

import os
import re
from typing import Literal

import numpy as np

from genoml.io.errors import shown
from genoml.io.files import Path, Source
from genoml.io.motif_lines import MotifLines
from genoml.sequence.motif import Motif

__all__ = ["jaspar_format_motifs", "read_jaspar"]

_BASES = "ACGT"
# "A  [ 1 2 3 ]", where the brackets may be left out
_LETTERED = re.compile(r"([A-Za-z])\s*(?:\[(?P<inside>[^\[\]]*)\]|(?P<bare>[^\[\]]*))")


def read_jaspar(path: Path) -> list[Motif]:
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
            rows.append(_row(lines, line, rows))
            if len(rows) == 4:
                motifs.append(_motif(lines, header, np.array(rows).T))
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


def _row(lines: MotifLines, line: str, rows: list[list[float]]) -> list[float]:
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


def _motif(lines: MotifLines, header: list[str], matrix: np.ndarray) -> Motif:
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
