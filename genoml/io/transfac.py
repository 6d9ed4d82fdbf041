"""Reader of matrices in TRANSFAC format and its variants."""

from __future__ import annotations

import numpy as np

from genoml.io.errors import shown
from genoml.io.files import FilePath, Source
from genoml.io.meme import MotifLines
from genoml.sequence.motifs.motif import Motif

__all__ = ["read_transfac", "transfac_motifs"]

#: Lines that a record without a motif may have, such as the one that heads TRANSFAC's own file.
_HEAD_KEYS = ("VV", "XX", "CC")


def read_transfac(path: FilePath) -> list[Motif]:
    """Read matrices in TRANSFAC format, as TRANSFAC, JASPAR, HOCOMOCO and mCross write it; plain or gzipped.

    The lines AC (accession), ID (symbol), NA (symbol, where there is no AC), PO or P0 (the order of the bases) and the
    rows below it, numbered from 00 or 01, are used; the fifth field of a row, a consensus letter, is ignored, and so
    is the table XL of crosslinks; ``//`` ends a record. Fractions that sum to 1 are probabilities, as in read_jaspar.

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
        negative or not finite, probabilities that do not sum to 1, a line of a record without a key, a record that
        does not end, or no record at all.
    """
    return transfac_motifs(Source(path))


def transfac_motifs(source: Source) -> list[Motif]:
    """The motifs of a source in TRANSFAC format."""
    lines = MotifLines(source)
    motifs: list[Motif] = []
    fields: dict[str, str] = {}
    rows: list[tuple[str, list[float]]] = []
    section = ""
    for line in lines:
        if not line:
            continue
        key, *values = line.split()
        if key == "//":
            motifs += _transfac_record(lines, fields, [row for _, row in rows])
            fields = {}
            rows = []
            lines.record = None
        elif key in ("PO", "P0"):
            if values != ["A", "C", "G", "T"]:
                raise lines.error(f"columns {shown(' '.join(values))!r}", "expects A C G T")
            if "PO" in fields:
                raise lines.error("a second matrix in a record", "expects records that end with //")
            fields["PO"] = ""
        elif key in ("AC", "ID", "NA"):
            fields[key] = " ".join(values)
            lines.record = fields.get("AC")
        elif key[:1].isdigit():
            if "PO" not in fields:
                raise lines.error(f"row {shown(key)} without columns", "expects a PO line: A C G T")
            if section != "XL":
                rows.append((key, _transfac_row(lines, section, key, values, rows)))
            continue
        elif len(key) == 2 and key.isupper():
            fields |= {} if key in _HEAD_KEYS else {key: ""}
        elif fields:
            raise lines.error(
                f"got {shown(line)!r}", "expects a key of two capital letters, such as AC or XX"
            )
        section = key
    if fields or not motifs:
        what = "the file ends within a record" if fields else "no motif"
        raise lines.error(what, "expects records that end with //")
    return motifs


def _transfac_row(
    lines: MotifLines, section: str, number: str, values: list[str], rows: list[tuple[str, list[float]]]
) -> list[float]:
    if section not in ("PO", "P0"):
        raise lines.error(f"row {shown(number)} below the matrix", "expects it below the PO line")
    first = rows[0][0] if rows else number if number.strip("0") == "" else "1"
    due = int(first) + len(rows)
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
    symbol = fields.get("ID" if fields.get("AC") else "NA", fields.get("ID", ""))
    matrix = np.array(rows)
    kind = lines.kind(matrix)
    return [lines.motif(lambda: Motif(name, matrix, kind, symbol))]
