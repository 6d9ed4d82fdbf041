"""Reader of motif files of any known format, and of the motifs that come with genoml."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from typing import Literal, TypeAlias

import numpy as np

from genoml.io.errors import FormatError, shown
from genoml.io.files import FilePath, Source
from genoml.io.meme import ROUNDING, MotifLines, meme_motifs, read_meme, write_meme
from genoml.io.transfac import read_transfac, transfac_motifs
from genoml.sequence.motifs.motif import Motif

__all__ = ["Motif", "jaspar_motifs", "read_jaspar", "read_meme", "read_motifs", "read_transfac", "write_meme"]


def read_motifs(path: FilePath) -> list[Motif]:
    """Read motifs in any known format, recognised by what the file contains; plain or gzipped.

    ``MEME version`` begins a MEME file, and a two-letter key such as ``AC``, ``ID`` or ``XX`` a TRANSFAC one. ``>``, a
    number or ``A [`` begins matrices with a row a base (JASPAR) or a row a position (HOMER, cluster-buster, HOCOMOCO
    pcm). Four rows that begin with A, C, G, T, or have other than four numbers, are bases. Below a header of HOMER,
    or if there are more or fewer, rows are positions. Four rows of four numbers are as the other matrices of their
    file are; where all are such, each position sums to the same number, and each base does not.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        If it has none of the formats, is damaged (see read_meme, read_jaspar and read_transfac), has rows of both
        kinds, or could be read either way.
    """
    source = Source(path)
    first = source.start.split(b"\n", 1)[0].split()
    if source.start.startswith(b"MEME version"):
        return meme_motifs(source)
    if source.start[:1] in b">#0123456789." or first[0][:2] in (b"A", b"A["):
        return plain_motifs(source)
    if len(first[0]) == 2 and first[0].isalnum() and first[0].isupper():
        return transfac_motifs(source)
    raise FormatError(
        f"got {shown(b' '.join(first).decode('utf-8', 'replace'))!r}",
        path=source.path, line=source.start_line,
        fix="expects MEME, JASPAR or TRANSFAC format, or that of HOMER, cluster-buster or HOCOMOCO",
    )  # fmt: skip


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
# the third field of a HOMER header: the least log-odds score of a match
_SCORE = re.compile(r"\s*[+-]?\d+\.?\d*(?:[eE][+-]?\d+)?\s*", re.ASCII)
_Rows: TypeAlias = Literal["bases", "positions"]


def read_jaspar(path: FilePath) -> list[Motif]:
    """Read count matrices in JASPAR format (``.jaspar``, ``.pfm``); plain or gzipped.

    A record is a line ``>NAME SYMBOL`` and four rows, A, C, G, T, with one number per position: either
    ``A  [ 4 19 0 ]`` or only the numbers. A file of four rows without a header is one motif, named after the file. A
    matrix with fractions whose columns each sum to 1 is one of probabilities, any other one of counts. Lines that
    begin with ``#`` are comments.

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
        order, a number that is negative or not finite, probabilities that do not sum to 1, rows that are positions
        (see read_motifs), or no record at all.
    """
    return plain_motifs(Source(path), jaspar=True)


@dataclass
class _Matrix:
    """A matrix as it stands in a file; ``line`` is that of its last row."""

    name: str
    symbol: str = ""
    is_headed: bool = False
    is_homer: bool = False
    is_lettered: bool = False
    rows: list[list[float]] = field(default_factory=list)
    line: int = 0


def plain_motifs(source: Source, *, jaspar: bool = False) -> list[Motif]:
    """The motifs of a source of matrices, with a row a base or, unless ``jaspar``, a row a position."""
    lines = MotifLines(source)
    matrices = list(_matrices(lines, jaspar))
    if not matrices:
        raise lines.error("no motif", "expects >NAME and rows of numbers")
    rows = _rows_are(lines, matrices, jaspar)
    if jaspar and rows == "positions":
        raise _error_at(lines, matrices[0], "a row a position", "read it with read_motifs")
    return [_plain_motif(lines, matrix, rows) for matrix in matrices]


def _matrices(lines: MotifLines, jaspar: bool) -> Iterator[_Matrix]:
    matrix: _Matrix | None = _Matrix(_stem(lines.path))  # of rows without a header
    after_blank = False
    for line in lines:
        if line.startswith(">"):
            yield from _whole(lines, matrix, jaspar)
            matrix = _header(lines, line[1:].strip())
            lines.record = matrix.name
        elif line and not line.startswith("#"):
            plain = matrix is not None and not (jaspar or matrix.is_lettered)
            if matrix is None or (after_blank and plain and matrix.rows):
                what = "a blank line" if matrix else "four rows"
                raise lines.error(f"got {shown(line)!r} after {what}", "expects '>' and the next name")
            _add_row(lines, matrix, line, jaspar)
            if len(matrix.rows) == 4 and (jaspar or matrix.is_lettered):
                yield matrix
                matrix = lines.record = None
        after_blank = not line
    yield from _whole(lines, matrix, jaspar)


def _stem(path: str) -> str:
    name = os.path.basename(path).removesuffix(".gz")
    return os.path.splitext(name)[0].replace(" ", "_")


def _header(lines: MotifLines, header: str) -> _Matrix:
    if not header:
        raise lines.error("the header has no name", "expects >NAME SYMBOL")
    tabs = header.split("\t")
    if len(tabs) > 2 and tabs[1].strip() and _SCORE.fullmatch(tabs[2]):
        return _Matrix("_".join(tabs[1].split()), is_headed=True, is_homer=True)
    name, *symbol = header.split(maxsplit=1)
    return _Matrix(name, "".join(symbol), is_headed=True)


def _add_row(lines: MotifLines, matrix: _Matrix, line: str, jaspar: bool) -> None:
    rows = matrix.rows
    due = (*_BASES, "'>'")[min(len(rows), 4)]
    lettered = _LETTERED.fullmatch(line)
    if lettered and lettered[1].upper() != due:
        raise lines.error(f"row {lettered[1]} where {due} is due", "expects the rows A, C, G, T")
    matrix.is_lettered |= lettered is not None
    numbers = line if lettered is None else lettered["inside"] or lettered["bare"] or ""
    values = [lines.value(field) for field in numbers.split()]
    if not values or (rows and len(values) != len(rows[0])):
        row, first = (due, "A") if jaspar or matrix.is_lettered else (len(rows) + 1, 1)
        wanted = f"{len(rows[0])} numbers, as many as row {first} has" if rows else "one number a position"
        raise lines.error(f"row {row} has {len(values)} numbers", f"expects {wanted}")
    rows.append(values)
    matrix.line = lines.number


def _whole(lines: MotifLines, matrix: _Matrix | None, jaspar: bool) -> Iterator[_Matrix]:
    """The matrix that ends here, if there is one."""
    if matrix is None or not (matrix.is_headed or matrix.rows):
        return
    n_rows = len(matrix.rows)
    if not n_rows or jaspar or matrix.is_lettered:
        raise lines.error(f"the motif ends after {n_rows} row(s)", "expects four: A, C, G, T")
    if n_rows != 4 and len(matrix.rows[0]) != 4:
        fix = "expects four rows, A, C, G, T, or rows of four numbers, one a position"
        raise _error_at(lines, matrix, f"{n_rows} rows of {len(matrix.rows[0])} numbers", fix)
    yield matrix


def _error_at(lines: MotifLines, matrix: _Matrix, what: str, fix: str) -> FormatError:
    return FormatError(what, path=lines.path, line=matrix.line, record=matrix.name, fix=fix)


def _rows_are(lines: MotifLines, matrices: list[_Matrix], jaspar: bool) -> _Rows:
    """Whether the rows of a file are bases or positions, the same for all its matrices."""
    for told in (_told_by_form, _told_by_sums):
        answers = [(answer, matrix) for matrix in matrices if (answer := told(matrix))]
        for answer, matrix in answers:
            if answer != answers[0][0]:
                what = (
                    f"a row a {answer[:-1]}, and a row a {answers[0][0][:-1]} in {shown(answers[0][1].name)}"
                )
                raise _error_at(lines, matrix, what, "expects one or the other in a file")
        if answers:
            return answers[0][0]
    for matrix in matrices:
        if not jaspar and not np.array_equal(matrix.rows, np.transpose(matrix.rows)):
            fix = "begin the rows with A, C, G, T, or read it with read_jaspar"
            raise _error_at(lines, matrix, "four rows, which may be bases or positions", fix)
    return "bases"


def _told_by_form(matrix: _Matrix) -> _Rows | None:
    if matrix.is_lettered or len(matrix.rows[0]) != 4:
        return "bases"
    return "positions" if matrix.is_homer or len(matrix.rows) != 4 else None


def _told_by_sums(matrix: _Matrix) -> _Rows | None:
    with np.errstate(over="ignore", invalid="ignore"):
        sums = (np.sum(matrix.rows, axis=0), np.sum(matrix.rows, axis=1))
        bases, positions = (bool(np.ptp(sum_) <= ROUNDING * sum_.max()) for sum_ in sums)
    return None if bases == positions else "bases" if bases else "positions"


def _plain_motif(lines: MotifLines, matrix: _Matrix, rows: _Rows) -> Motif:
    values = np.array(matrix.rows)
    values = values.T if rows == "bases" else values
    lines.number, lines.record = matrix.line, matrix.name if matrix.is_headed else None
    kind = "probabilities" if matrix.is_homer else lines.kind(values)
    return lines.motif(lambda: Motif(matrix.name, values, kind, matrix.symbol))
