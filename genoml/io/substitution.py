"""Reader of substitution matrices in NCBI's text format, which BLAST, EMBOSS and Biopython use."""

from __future__ import annotations

import os

import numpy as np

from genoml.io.errors import FormatError, shown
from genoml.io.files import FilePath, Source
from genoml.sequence.align.substitution import SubstitutionMatrix

#: The most letters of a matrix: the printable ASCII characters.
_MOST_LETTERS = 94


def read_substitution_matrix(path: FilePath) -> SubstitutionMatrix:
    """Read a substitution matrix in NCBI's format; plain or gzipped.

    Lines that begin with ``#`` are comments. The first other line lists the letters of the columns; each line that
    follows is a letter and its scores, one per column, in any order of rows. The name is that of the file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For text that is not ASCII, a letter that is repeated or longer than one character, a row with too few or
        too many numbers, a row that is missing, or a score that is not a number of at most 1e6 in size.
    """
    source = Source(path)
    columns: list[str] = []
    rows: dict[str, list[float]] = {}
    number = 0
    with source.open() as stream:
        for number, line in enumerate(stream, 1):
            words = _words(line, source.path, number)
            if not words or words[0].startswith("#"):
                continue
            if not columns:
                columns = _letters(words, source.path, number)
            else:
                letter, scores = _row(words, columns, source.path, number)
                if letter in rows:
                    raise _error(
                        source.path, number, f"a second row {letter}", "expects one row a letter", letter
                    )
                rows[letter] = scores
    missing = [letter for letter in columns if letter not in rows]
    if missing or not columns:
        what = f"no row for {' '.join(missing)}" if columns else "no line with the letters of the columns"
        raise _error(source.path, number, what, "expects a row for each column")
    name = os.path.basename(source.path).split(".gz")[0]
    return SubstitutionMatrix("".join(columns), np.array([rows[letter] for letter in columns]), name)


def _error(path: str, line: int, what: str, fix: str, record: str | None = None) -> FormatError:
    return FormatError(what, path=path, line=line, record=record, fix=fix)


def _words(line: bytes, path: str, number: int) -> list[str]:
    try:
        return line.decode("ascii").split()
    except UnicodeDecodeError:
        raise _error(path, number, "text that is not ASCII", "save it as plain ASCII text") from None


def _letters(words: list[str], path: str, number: int) -> list[str]:
    letters = [word.upper() for word in words]
    bad = [w for w in letters if len(w) != 1 or not w.isprintable() or w in "-."]
    if bad or len(letters) > _MOST_LETTERS:
        what = f"columns {shown(' '.join(words))!r}"
        raise _error(path, number, what, "expects single letters before the first row")
    if len(set(letters)) < len(letters):
        raise _error(path, number, f"columns {shown(' '.join(words))!r}", "expects each letter once")
    return letters


def _row(words: list[str], columns: list[str], path: str, number: int) -> tuple[str, list[float]]:
    letter = words[0].upper()
    if letter not in columns:
        fix = f"expects one of the columns, {' '.join(columns)}"
        raise _error(path, number, f"a row {shown(words[0])!r}", fix)
    try:
        scores = [float(word) for word in words[1:] if "_" not in word]  # Python would read 1_0 as 10
    except ValueError:
        scores = []
    if len(scores) != len(columns) or not all(abs(score) <= 1e6 for score in scores):
        what = f"got {shown(' '.join(words[1:]))!r}"
        raise _error(path, number, what, f"expects {len(columns)} numbers of at most 1e6 in size", letter)
    return letter, scores
