"""Reader and writer of probability matrices in minimal MEME format, without loss."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from genoml.io.errors import FormatError, shown
from genoml.io.files import FilePath, Source, write_whole
from genoml.sequence.motifs.motif import Motif

__all__ = ["MotifLines", "meme_motifs", "read_meme", "write_meme"]

# the last two head an alphabet definition, which lists A, C, G, T in this order
_ALPHABETS = ("ACGT", "ACGU", '"DNA"', '"RNA"')
# Python's own float() also takes 1_000, nan, infinity and the digits of other scripts
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


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
                yield line.decode("utf-8", "replace").strip()

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


def read_meme(path: FilePath) -> list[Motif]:
    """Read probability matrices in minimal MEME format (version 4 and later); plain or gzipped.

    The lines ``MEME version``, ``ALPHABET``, ``MOTIF name [symbol]`` and ``letter-probability matrix:`` are used, from
    which ``w`` and ``nsites`` are taken (0 means unknown), and the rows that follow. The background of the file is
    ignored: a PWM gets its own.

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
        four numbers or does not sum to 1, a number that is negative or not finite, or no motif at all.
    """
    return meme_motifs(Source(path))


def meme_motifs(source: Source) -> list[Motif]:
    """The motifs of a source in MEME format."""
    if not source.start.startswith(b"MEME version"):
        raise FormatError("no 'MEME version' line", path=source.path, line=1, fix="expects MEME format")
    lines = MotifLines(source)
    motifs: list[Motif] = []
    names = [""]
    rows: list[list[float]] = []
    n_missing = 0  # rows of the matrix still to come
    n_sites = None
    for line in lines:
        words = line.split()
        if n_missing:
            rows.append(lines.row(words))
            n_missing -= 1
            if not n_missing:
                motifs.append(_motif(lines, names, rows, n_sites))
                lines.record = None
        elif line.startswith("ALPHABET"):
            alphabet = line.removeprefix("ALPHABET").lstrip("= ")
            if not alphabet.startswith(_ALPHABETS):
                raise lines.error(f"got {shown(line)!r}", "expects ALPHABET= ACGT")
        elif words[:1] == ["MOTIF"]:
            _require_no_motif_begun(lines)
            if len(words) < 2:
                raise lines.error("the motif has no name", "expects MOTIF followed by a name")
            names = words[1:]
            lines.record = names[0]
        elif line.startswith("letter-probability matrix"):
            n_missing, n_sites = _matrix_header(lines, line)
            rows = []
    if n_missing or not motifs:
        what = "the file ends within a matrix" if n_missing else "no motif"
        raise lines.error(what, "expects MOTIF and a matrix")
    _require_no_motif_begun(lines)
    return motifs


def _require_no_motif_begun(lines: MotifLines) -> None:
    if lines.record is not None:
        raise lines.error("the motif has no matrix", "expects 'letter-probability matrix:' and its rows")


def _matrix_header(lines: MotifLines, line: str) -> tuple[int, float | None]:
    if lines.record is None:
        raise lines.error("a matrix without a MOTIF line", "expects MOTIF and a name before it")
    words = line.partition(":")[2].replace("=", " ").split()
    fields = dict(zip(words[::2], words[1::2], strict=False))
    try:
        width, size = int(fields.get("w", "")), int(fields.get("alength", "4"))
    except ValueError:
        raise lines.error(f"got {shown(line)!r}", "expects alength= 4 w= WIDTH nsites= N") from None
    if width < 1 or size != 4:
        raise lines.error(f"alength {size}, w {width}", "expects alength 4 and w 1 or more")
    return width, lines.value(fields["nsites"]) or None if "nsites" in fields else None


def _motif(lines: MotifLines, names: list[str], rows: list[list[float]], n_sites: float | None) -> Motif:
    symbol = names[1] if len(names) > 1 else ""
    return lines.motif(lambda: Motif(names[0], np.array(rows), "probabilities", symbol, n_sites))


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
        stream.write(b"MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n")
        for motif in motifs:
            if not motif.name or any(len(text.split()) > 1 for text in (motif.name, motif.symbol)):
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
            lines = [f"MOTIF {motif.name} {motif.symbol}".rstrip(), header, *rows, "", ""]
            stream.write("\n".join(lines).encode())


def _digits(value: float) -> str:
    return repr(value).removesuffix(".0")
