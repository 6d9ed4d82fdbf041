"""Reader and writer of probability matrices in minimal MEME format, without loss."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from genoml.io.errors import FormatError, control_in, shown
from genoml.io.files import FilePath, Source, write_whole
from genoml.sequence.intervals import nearest
from genoml.sequence.motifs.motif import Motif

__all__ = ["MotifLines", "meme_motifs", "read_meme", "write_meme"]

# the last two head an alphabet definition, which lists A, C, G, T in this order
_ALPHABETS = ("ACGT", "ACGU", '"DNA"', '"RNA"')
_KEYWORDS = ("MOTIF", "ALPHABET", "letter-probability matrix")
_KEYS = ("alength", "w", "nsites")
# Python's own float() also takes 1_000, nan, infinity and the digits of other scripts
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

#: By how much sums of positions may differ, as a part of the greatest, in files that round their numbers.
ROUNDING = 0.01


class MotifLines:
    """The lines of a motif file of any format, with the place of the current line for errors."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.path = source.path
        self.number = 0
        self.record: str | None = None

    def __iter__(self) -> Iterator[str]:
        with self._source.open() as stream:
            for self.number, line in enumerate(stream, 1):
                text = line.decode("utf-8", "replace").strip(" \t\r\n")
                if control := control_in(text):
                    raise self.error(
                        f"control character {control!r} in the text", "save the file as plain text"
                    )
                yield text.strip()

    def error(self, what: str, fix: str = "") -> FormatError:
        """A FormatError for the current line."""
        return FormatError(what, path=self.path, line=self.number, record=self.record, fix=fix)

    def value(self, field: str) -> float:
        """Convert a field to a number; it must be finite, not negative and in digits."""
        value = float(field) if _NUMBER.fullmatch(field) else math.nan
        if not math.isfinite(value) or value < 0:
            raise self.error(f"got {shown(field)!r}", "expects a finite number, 0 or above")
        return value

    def row(self, fields: list[str]) -> list[float]:
        """Convert fields to the four numbers of one position, which must not all be 0."""
        if len(fields) != 4:
            raise self.error(f"got {shown(' '.join(fields))!r}", "expects four numbers: A, C, G, T")
        values = [self.value(field) for field in fields]
        if not any(values):
            raise self.error("a position of zeros", "expects a base that is seen there")
        return values

    def motif(self, make: Callable[[], Motif]) -> Motif:
        """Make a motif; a ValueError becomes a FormatError for the current line."""
        try:
            return make()
        except ValueError as error:
            raise self.error(str(error)) from error

    def kind(self, matrix: np.ndarray) -> Literal["counts", "probabilities"]:
        """What a matrix (width, 4) holds; probabilities must sum to 1 at each position."""
        with np.errstate(over="ignore"):
            sums = matrix.sum(axis=1)
        if not np.all(sums > 0):
            raise self.error(f"position {int(np.argmin(sums)) + 1} is all zeros", "expects a base seen there")
        off = np.abs(sums - 1) > ROUNDING
        if not np.any(matrix % 1) or (off.mean() > 0.5 and matrix.max() > 1):
            return "counts"
        if off.any():
            position = int(np.argmax(off))
            raise self.error(
                f"position {position + 1} sums to {sums[position]:g}", "expects probabilities that sum to 1"
            )
        return "probabilities"


def read_meme(path: FilePath) -> list[Motif]:
    """Read probability matrices in minimal MEME format (version 4 and later); plain or gzipped.

    The lines ``MEME version``, ``ALPHABET``, ``MOTIF name [symbol]`` and ``letter-probability matrix:`` are used, from
    which ``w`` and ``nsites`` are taken (0 means unknown), and the rows that follow. Without ``w`` they end at a blank
    line or the next keyword. The background of the file is ignored: a PWM gets its own.

    Parameters
    ----------
    path : str or os.PathLike
        ``"-"`` is standard input.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For an alphabet other than DNA or RNA, a matrix of another width than it says, a row that is not
        four numbers or does not sum to 1, a number that is negative or not finite, a misspelt keyword, or no motif at
        all.
    """
    return meme_motifs(Source(path))


def meme_motifs(source: Source) -> list[Motif]:
    """The motifs of a source in MEME format."""
    if not source.start.startswith(b"MEME version"):
        raise FormatError("no 'MEME version' line", path=source.path, line=1, fix="expects MEME format")
    lines = MotifLines(source)
    motifs: list[Motif] = []
    names = [""]
    matrix: _Matrix | None = None
    has_ended = False  # whether the last line of text was that of a whole matrix
    for line in lines:
        words = line.split()
        if matrix is not None:
            if not matrix.add(lines, words):
                continue
            motifs.append(matrix.motif(lines, names))
            is_row = len(matrix.rows) == matrix.width
            matrix = lines.record = None
            has_ended = True
            if is_row:
                continue
        if has_ended and words and all(map(_NUMBER.fullmatch, words)):
            raise lines.error(
                f"got {shown(line)!r} after the matrix", "expects as many rows as w= says, none apart"
            )
        has_ended = has_ended and not words
        if line.startswith("ALPHABET"):
            _check_alphabet(lines, line)
        elif words[:1] == ["MOTIF"]:
            names = _names(lines, words)
            lines.record = names[0]
        elif line.startswith("letter-probability matrix"):
            matrix = _matrix_header(lines, line)
        elif words:
            _check_keyword(lines, line)
    if matrix is not None:
        motifs.append(matrix.motif(lines, names))
        lines.record = None
    if not motifs:
        raise lines.error("no motif", "expects MOTIF and a matrix")
    _require_no_motif_begun(lines)
    return motifs


@dataclass
class _Matrix:
    """A matrix that is being read; without a width it ends at a blank line or a keyword."""

    width: int | None
    n_sites: float | None
    rows: list[list[float]] = field(default_factory=list)

    def add(self, lines: MotifLines, words: list[str]) -> bool:
        """Add a line; whether the matrix ends, with this row or before this line."""
        if self.width is None and (not words or words[0] in ("MOTIF", "URL")):
            return bool(self.rows or words)
        values = lines.row(words)
        if abs(sum(values) - 1) > ROUNDING:
            raise lines.error(f"the row sums to {sum(values):g}", "expects probabilities that sum to 1")
        self.rows.append(values)
        return len(self.rows) == self.width

    def motif(self, lines: MotifLines, names: list[str]) -> Motif:
        """The motif at the matrix's end."""
        if not self.rows or len(self.rows) < (self.width or 1):
            raise lines.error("the file ends within a matrix", "expects MOTIF and a matrix")
        symbol = names[1] if len(names) > 1 else ""
        return lines.motif(
            lambda: Motif(names[0], np.array(self.rows), "probabilities", symbol, self.n_sites)
        )


def _check_alphabet(lines: MotifLines, line: str) -> None:
    if not line.removeprefix("ALPHABET").lstrip("= ").startswith(_ALPHABETS):
        raise lines.error(f"got {shown(line)!r}", "expects ALPHABET= ACGT")


def _names(lines: MotifLines, words: list[str]) -> list[str]:
    _require_no_motif_begun(lines)
    if len(words) < 2:
        raise lines.error("the motif has no name", "expects MOTIF followed by a name")
    return words[1:]


def _require_no_motif_begun(lines: MotifLines) -> None:
    if lines.record is not None:
        raise lines.error("the motif has no matrix", "expects 'letter-probability matrix:' and its rows")


def _check_keyword(lines: MotifLines, line: str) -> None:
    meant = nearest(line.split()[0].rstrip(":="), _KEYWORDS)
    if meant:
        raise lines.error(f"got {shown(line)!r}{meant}", "keywords are read as they are spelt")


def _matrix_header(lines: MotifLines, line: str) -> _Matrix:
    if lines.record is None:
        raise lines.error("a matrix without a MOTIF line", "expects MOTIF and a name before it")
    words = line.partition(":")[2].replace("=", " ").split()
    fields = dict(zip(words[::2], words[1::2], strict=False))
    misspelt = any(nearest(key.lower(), _KEYS) for key in fields if key not in _KEYS)
    try:
        width = int(fields["w"]) if "w" in fields else None
        size = int(fields.get("alength", "4"))
        if misspelt or len(words) % 2:
            raise ValueError
    except ValueError:
        raise lines.error(f"got {shown(line)!r}", "expects alength= 4 w= WIDTH nsites= N") from None
    if (width is not None and width < 1) or size != 4:
        raise lines.error(f"alength {size}, w {width}", "expects alength 4 and w 1 or more")
    return _Matrix(width, lines.value(fields["nsites"]) or None if "nsites" in fields else None)


def write_meme(path: FilePath, motifs: Iterable[Motif]) -> None:
    """Write motifs as probabilities in minimal MEME format. A failed write leaves no file.

    Each number is written with the fewest digits that give the same float64, so that probabilities are read back
    identically. Counts are divided by their sums, and ``nsites`` is the largest sum.

    Raises
    ------
    ValueError
        For a name or symbol with white space, or an empty name.
    """
    with write_whole(path) as stream:
        stream.write(meme_text(motifs).encode())


def meme_text(motifs: Iterable[Motif]) -> str:
    """Content of the file that :func:`write_meme` writes; errors as there."""
    parts = ["MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n"]
    for motif in motifs:
        texts = (motif.name, motif.symbol)
        if not motif.name or any(text and ([text] != text.split() or control_in(text)) for text in texts):
            raise ValueError(
                f"a motif expects a name, and a name and symbol without white space, "
                f"got {motif.name!r} and {motif.symbol!r}"
            )
        n_sites = motif.n_sites
        matrix = motif.matrix
        if motif.kind == "counts":
            n_sites = float(matrix.sum(axis=1).max()) if n_sites is None else n_sites
            matrix = motif.probabilities
        header = f"letter-probability matrix: alength= 4 w= {motif.width}"
        header += "" if n_sites is None else f" nsites= {_digits(float(n_sites))}"
        rows = [" ".join(map(_digits, row)) for row in matrix.tolist()]
        parts.append("\n".join([f"MOTIF {motif.name} {motif.symbol}".rstrip(), header, *rows, "", ""]))
    return "".join(parts)


def _digits(value: float) -> str:
    return repr(value).removesuffix(".0")
