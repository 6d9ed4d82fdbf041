"""Motifs as position matrices: TRANSFAC (as JASPAR writes it) and minimal MEME format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Literal

import numpy as np

from genoml.io.errors import FormatError, shown
from genoml.io.files import Path, Source, write_whole

#: How far the probabilities of a position may be from 1 in a file, which rounds them.
_SUM_TOLERANCE = 0.01
# the last two head an alphabet definition, which lists A, C, G, T in this order
_MEME_ALPHABETS = ("ACGT", "ACGU", '"DNA"', '"RNA"')


@dataclass(frozen=True, eq=False)
class Motif:
    """A position matrix with its names.

    Parameters
    ----------
    name : str
        Accession or identifier, such as ``"MA0139.2"``.
    matrix : numpy.ndarray
        (width, 4) float64, columns A, C, G, T, nothing negative and no row of zeros.
    kind : {"counts", "probabilities"}
        What the matrix holds.
    symbol : str
        Name of the factor, such as ``"CTCF"``; may be empty.
    n_sites : float, optional
        How many sites the probabilities were estimated from, if known.

    Raises
    ------
    ValueError
        For a matrix of another shape, negative or non-finite entries, or a row that sums to zero (to
        anything but 1, for probabilities).
    """

    name: str
    matrix: np.ndarray
    kind: Literal["counts", "probabilities"] = "probabilities"
    symbol: str = ""
    n_sites: float | None = None

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if self.kind not in ("counts", "probabilities"):
            raise ValueError(f"kind expects 'counts' or 'probabilities', got {self.kind!r}")
        if matrix.ndim != 2 or matrix.shape[0] == 0 or matrix.shape[1] != 4:
            raise ValueError(f"motif {self.name} expects a matrix (width >= 1, 4), got {matrix.shape}")
        sums = matrix.sum(axis=1)
        if not np.all(np.isfinite(matrix)) or np.any(matrix < 0) or np.any(sums <= 0):
            raise ValueError(f"motif {self.name} expects finite entries, none negative, and no row of zeros")
        if self.kind == "probabilities" and np.any(np.abs(sums - 1) > _SUM_TOLERANCE):
            raise ValueError(f"motif {self.name} expects probabilities that sum to 1, got {sums.tolist()}")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @property
    def width(self) -> int:
        """Number of positions, in bases."""
        return int(self.matrix.shape[0])

    @property
    def probabilities(self) -> np.ndarray:
        """(width, 4), each row divided by its sum."""
        return np.asarray(self.matrix / self.matrix.sum(axis=1, keepdims=True))


class _Lines:
    """The lines of a text file, with what is needed to say where an error is."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.path = source.path
        self.number = 0
        self.record: str | None = None

    def __iter__(self) -> Iterator[str]:
        with self._source.open() as stream, self._source.damage_reported():
            for self.number, line in enumerate(stream, 1):
                yield line.decode("utf-8", "replace").strip()

    def error(self, what: str, fix: str = "") -> FormatError:
        return FormatError(what, path=self.path, line=self.number, record=self.record, fix=fix)

    def numbers(self, fields: list[str]) -> list[float]:
        try:
            row = [float(field) for field in fields]
        except ValueError:
            row = []
        if len(row) != 4:
            raise self.error(f"got {shown(' '.join(fields))!r}", "expects four numbers: A, C, G, T")
        return row

    def motif(self, make: Callable[[], Motif]) -> Motif:
        try:
            return make()
        except ValueError as error:
            raise self.error(str(error)) from error


def read_transfac(path: Path) -> list[Motif]:
    """Read count matrices in TRANSFAC format, as JASPAR writes it; plain or gzipped.

    Used are the lines AC (accession), ID (symbol), PO or P0 (the order of the bases) and the numbered rows;
    ``//`` ends a record.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For a matrix without accession, a row that is not four numbers or out of order, a record that does
        not end, or no record at all.
    """
    lines = _Lines(Source(path))
    motifs: list[Motif] = []
    fields: dict[str, str] = {}
    rows: list[list[float]] = []
    for line in lines:
        key, _, value = line.partition("\t" if line[:2] in ("PO", "P0") else " ")
        if line == "//":
            motifs.append(_transfac_motif(lines, fields, rows))
            fields, rows, lines.record = {}, [], None
        elif key in ("AC", "ID"):
            fields[key] = value.strip()
            lines.record = fields.get("AC")
        elif key in ("PO", "P0"):
            if value.split() != ["A", "C", "G", "T"]:
                raise lines.error(f"columns {shown(value)!r}", "expects A C G T")
            fields["PO"] = value
        elif line[:1].isdigit() and "PO" in fields:
            number, *entries = line.split()
            due = f"{len(rows) + 1:02d}"
            if number.zfill(2) != due:
                raise lines.error(f"row {shown(number)} where {due} is due", "a row is missing or repeated")
            rows.append(lines.numbers(entries[:4]))
    if fields or not motifs:
        what = "the file ends within a record" if fields else "no motif"
        raise lines.error(what, "expects records that end with //")
    return motifs


def _transfac_motif(lines: _Lines, fields: dict[str, str], rows: list[list[float]]) -> Motif:
    name = fields.get("AC") or fields.get("ID")
    if not name:
        raise lines.error("the motif has no AC line", "expects AC followed by the accession")
    if not rows:
        raise lines.error("the motif has no matrix", "expects a PO line and numbered rows")
    return lines.motif(lambda: Motif(name, np.array(rows), "counts", fields.get("ID", "")))


def read_meme(path: Path) -> list[Motif]:
    """Read probability matrices in minimal MEME format (version 4 and later); plain or gzipped.

    Used are the lines ``MEME version``, ``ALPHABET``, ``MOTIF name [symbol]`` and
    ``letter-probability matrix:``, from which ``w`` and ``nsites`` are taken, and the rows that follow it.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For an alphabet other than DNA or RNA, a matrix of another width than it says, a row that is not
        four numbers or does not sum to 1, or no motif at all.
    """
    source = Source(path)
    if not source.start.startswith(b"MEME version"):
        raise FormatError("no 'MEME version' line", path=source.path, line=1, fix="expects MEME format")
    lines = _Lines(source)
    motifs: list[Motif] = []
    names, rows, due, n_sites = [""], list[list[float]](), 0, None
    for line in lines:
        words = line.split()
        if due:
            rows.append(lines.numbers(words))
            due -= 1
            if not due:
                motifs.append(_meme_motif(lines, names, rows, n_sites))
                lines.record = None
        elif line.startswith("ALPHABET"):
            alphabet = line.removeprefix("ALPHABET").lstrip("= ")
            if not alphabet.startswith(_MEME_ALPHABETS):
                raise lines.error(f"got {shown(line)!r}", "expects ALPHABET= ACGT")
        elif words[:1] == ["MOTIF"]:
            _require_no_motif_begun(lines)
            if len(words) < 2:
                raise lines.error("the motif has no name", "expects MOTIF followed by a name")
            names = words[1:]
            lines.record = names[0]
        elif line.startswith("letter-probability matrix"):
            due, n_sites = _matrix_header(lines, line)
            rows = []
    if due or not motifs:
        what = "the file ends within a matrix" if due else "no motif"
        raise lines.error(what, "expects MOTIF and a matrix")
    _require_no_motif_begun(lines)
    return motifs


def _require_no_motif_begun(lines: _Lines) -> None:
    if lines.record is not None:
        raise lines.error("the motif has no matrix", "expects 'letter-probability matrix:' and its rows")


def _matrix_header(lines: _Lines, line: str) -> tuple[int, float | None]:
    if lines.record is None:
        raise lines.error("a matrix without a MOTIF line", "expects MOTIF and a name before it")
    words = line.partition(":")[2].replace("=", " ").split()
    fields = dict(zip(words[::2], words[1::2], strict=False))
    try:
        width, size = int(fields.get("w", "")), int(fields.get("alength", "4"))
        n_sites = float(fields["nsites"]) if "nsites" in fields else None
    except ValueError:
        raise lines.error(f"got {shown(line)!r}", "expects alength= 4 w= WIDTH nsites= N") from None
    if width < 1 or size != 4:
        raise lines.error(f"alength {size}, w {width}", "expects alength 4 and w 1 or more")
    return width, n_sites


def _meme_motif(lines: _Lines, names: list[str], rows: list[list[float]], n_sites: float | None) -> Motif:
    symbol = names[1] if len(names) > 1 else ""
    return lines.motif(lambda: Motif(names[0], np.array(rows), "probabilities", symbol, n_sites))


def write_meme(path: Path, motifs: Iterable[Motif]) -> None:
    """Write motifs as probabilities in minimal MEME format, whole or not at all.

    Counts are divided by their sums, and ``nsites`` is then the largest of them. Eight decimals are kept.

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
            if n_sites is None and motif.kind == "counts":
                n_sites = float(motif.matrix.sum(axis=1).max())
            header = f"letter-probability matrix: alength= 4 w= {motif.width}"
            header += "" if n_sites is None else f" nsites= {n_sites:g}"
            rows = [" ".join(f"{value:.8f}" for value in row) for row in motif.probabilities.tolist()]
            lines = [f"MOTIF {motif.name} {motif.symbol}".rstrip(), header, *rows, "", ""]
            stream.write("\n".join(lines).encode())


def jaspar_motifs() -> list[Motif]:
    """The 879 vertebrate count matrices of JASPAR 2024 CORE, which come with genoml (CC BY 4.0).

    References
    ----------
    Rauluseviciute et al. (2024), doi:10.1093/nar/gkad1059.
    """
    with as_file(files("genoml") / "resources" / "jaspar2024_vertebrates.transfac.gz") as path:
        return read_transfac(path)
