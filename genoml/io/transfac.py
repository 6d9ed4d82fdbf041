"""Reader of count matrices in TRANSFAC format."""

from __future__ import annotations

import numpy as np

from genoml.io.errors import shown
from genoml.io.files import Path, Source
from genoml.io.motif_lines import MotifLines
from genoml.sequence.motif import Motif

__all__ = ["read_transfac", "transfac_motifs"]

#: Lines that a record without a motif may have, such as the one that heads TRANSFAC's own file.
_HEAD_KEYS = ("VV", "XX", "CC")


def read_transfac(path: Path) -> list[Motif]:
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
            motifs += _record(lines, fields, rows)
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
            rows.append(_row(lines, key, values, due=len(rows) + 1))
        elif len(key) == 2 and key not in _HEAD_KEYS:
            fields.setdefault(key, "")
    if fields or not motifs:
        what = "the file ends within a record" if fields else "no motif"
        raise lines.error(what, "expects records that end with //")
    return motifs


def _row(lines: MotifLines, number: str, values: list[str], due: int) -> list[float]:
    if number.zfill(2) != f"{due:02d}":
        raise lines.error(f"row {shown(number)} where {due:02d} is due", "a row is missing or repeated")
    if len(values) == 5 and values[4].isalpha():
        values = values[:4]
    return lines.row(values)


def _record(lines: MotifLines, fields: dict[str, str], rows: list[list[float]]) -> list[Motif]:
    if not fields:
        return []
    name = fields.get("AC") or fields.get("ID")
    if not name:
        raise lines.error("the motif has no AC line", "expects AC followed by the accession")
    if not rows:
        raise lines.error("the motif has no matrix", "expects a PO line and numbered rows")
    return [lines.motif(lambda: Motif(name, np.array(rows), "counts", fields.get("ID", "")))]
