"""Variants from VCF 4.1 to 4.5, or from a table with named columns: one row an ALT, in blocks of lines.

Positions are 1-based in files and 0-based in :class:`Variants`. Only text is read, plain or compressed, and of samples
only the number of columns is looked at.

References
----------
The Variant Call Format (VCF), version 4.5 (2024), https://samtools.github.io/hts-specs/. Deviations: REF may have IUPAC
codes, which no genome agrees with; empty lines are skipped.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NoReturn

import numpy as np

from genoml.io.errors import FormatError, FormatWarning, shown
from genoml.io.files import FilePath, Source
from genoml.io.table import LONGEST_LINE, Table, parse_table, whole_lines
from genoml.sequence.intervals import MAX_COORDINATE_BP, nearest
from genoml.sequence.variants import Variants, coded, join_variants, texts

#: the columns that every VCF has
FIXED = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
_VERSION = re.compile(rb"##fileformat=VCFv4\.[1-5]\s*")
_BINARY = {
    b"BCF": ("BCF", "bcftools view -O z -o CALLS.vcf.gz"),
    b"CRAM": ("CRAM, alignments", "bcftools mpileup and bcftools call"),
    b"BAM\1": ("BAM, alignments", "bcftools mpileup and bcftools call"),
}
_BASES = str.maketrans("", "", "ACGTN")
_IUPAC = str.maketrans("", "", "RYSWKMBDHV")
#: an ALT that is no sequence: symbolic, missing, spanning deletion, breakend
_SYMBOLIC = re.compile(r"<[^<>\s]+>|[ACGTN]*[][][^][\s]+[][][ACGTN]*|\.[ACGTN]+|[ACGTN]+\.|\*|\.")
#: columns of a table of variants; an identifier may be absent
_NEEDED = ("chrom", "pos", "ref", "alt")


def read_vcf(path: FilePath, *, columns: Mapping[str, str] | None = None) -> Variants:
    """Read all variants of a file; see :func:`open_vcf`."""
    return join_variants(open_vcf(path, columns=columns))


def open_vcf(path: FilePath, *, columns: Mapping[str, str] | None = None) -> VcfFile:
    """Open VCF, plain or compressed, to read it once in blocks of lines; ``"-"`` is standard input.

    Parameters
    ----------
    path : str or os.PathLike
        The file. Lines may end in CRLF; records may be in any order.
    columns : mapping of str to str, optional
        For a table in place of VCF, with a line of names, separated by tabs, commas or semicolons: the names of its
        columns ``chrom pos ref alt`` and, if there is one, ``id``. Positions are 1-based too.

    Returns
    -------
    VcfFile
        Iterating gives :class:`Variants`, block by block.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        For BCF, CRAM and BAM; without ``##fileformat`` first and a line ``#CHROM`` with its eight names; while reading,
        for another number of columns, a POS that is no whole number from 1, alleles that are none, or damaged gzip. It
        carries ``.path`` and ``.line``.

    Warns
    -----
    FormatWarning
        Without records.
    """
    return VcfFile(Source(path), columns)


class VcfFile:
    """Reader of VCF or a table of variants, from :func:`open_vcf`.

    Attributes
    ----------
    path : str
        For messages.
    header : bytes
        Its lines up to the names of the columns, as they are.
    """

    def __init__(self, source: Source, columns: Mapping[str, str] | None) -> None:
        self.path = source.path
        self._source, self._columns = source, columns
        self._table = None if columns is None else _wanted(columns)
        for magic, (what, command) in _BINARY.items():
            if source.start.startswith(magic):
                raise FormatError(f"this is {what}", path=self.path, fix=f"make text of it: {command}")
        self._blocks = self._read(source)
        self.header, _ = next(self._blocks)

    def __iter__(self) -> Iterator[Variants]:
        return (variants for _, variants in self._blocks)

    def count_records(self) -> int:
        """The number of all records, for which the file is read once more; errors as of ``open_vcf``."""
        return max((int(block.record[-1]) + 1 for block in VcfFile(self._source, self._columns)), default=0)

    def with_lines(self) -> Iterator[tuple[list[bytes], Variants]]:
        """Blocks with the bytes of each record's line; empty lines are parts of the line before them."""
        return ((_lines_of(block, variants), variants) for block, variants in self._blocks)

    def _read(self, source: Source) -> Iterator[tuple[bytes, Variants]]:
        records, before = 0, 0
        with source.open() as stream:
            if self._table is None:
                header, names = _header(stream, self.path)
            else:
                header, names, split = _table_header(stream, self.path, self._table)
            yield header, Variants.of([], [], [], [])
            before = header.count(b"\n")
            for block in whole_lines(stream, self.path, before):
                data = block if self._table is None else split(block, before)
                table = parse_table(data, self.path, before, names, "")
                if table is not None:
                    self._refuse_skipped(data, table, before)
                    yield block, _variants(table, records)
                    records += len(table)
                before += block.count(b"\n")
        if not records:
            warnings.warn(FormatWarning(f"{self.path}: has no records"), stacklevel=3)

    def _refuse_skipped(self, block: bytes, table: Table, before: int) -> None:
        """Raise for a line that is no record and not empty, which other formats know as a comment."""
        lines = block.split(b"\n")
        if len(lines) - (not lines[-1]) == len(table):
            return
        read = set((table.lines - before - 1).tolist())
        for number, line in enumerate(lines):
            if number not in read and line.strip():
                what = f"expects a record, got {shown(line.decode('utf-8', 'replace'))!r}"
                raise FormatError(
                    what, path=self.path, line=before + number + 1, fix="join files with bcftools"
                )


def _lines_of(block: bytes, variants: Variants) -> list[bytes]:
    lines: list[bytes] = []
    for line in block.splitlines(keepends=True):
        if line.strip() and not (lines and not lines[-1].strip()):
            lines.append(line)
        elif lines:
            lines[-1] += line
        else:
            lines = [line]
    return lines


def _header(stream: BinaryIO, path: str) -> tuple[bytes, tuple[str, ...]]:
    """The header of VCF, and the names of its columns."""
    lines: list[bytes] = []

    def fail(what: str, fix: str) -> NoReturn:
        raise FormatError(what, path=path, line=len(lines), fix=fix)

    while line := stream.readline(LONGEST_LINE):
        lines.append(line)
        if len(lines) == 1 and not _VERSION.fullmatch(line):
            fail(
                "expects ##fileformat=VCFv4.1 to 4.5 as first line",
                "this is no VCF, or one of another version",
            )
        if not line.startswith(b"##"):
            break
    names = tuple(line.rstrip(b"\r\n").decode("utf-8", "replace").split("\t"))
    if not line.startswith(b"#CHROM"):
        fail("expects the line #CHROM before the first record", "restore the header")
    if ("#CHROM", *FIXED[1:]) != names[:8] or names[8:9] not in ((), ("FORMAT",)):
        fix = "tabs were lost: restore them" if len(names) == 1 else "correct the line"
        fail(f"expects #CHROM {' '.join(FIXED[1:])}, and FORMAT before samples, separated by tabs", fix)
    return b"".join(lines), ("CHROM", *names[1:])


def _wanted(columns: Mapping[str, str]) -> dict[str, str]:
    """The columns of a table in the order of VCF."""
    known = (*_NEEDED, "id")
    wrong = [key for key in columns if key not in known] or [key for key in _NEEDED if key not in columns]
    if wrong:
        raise ValueError(f"columns expects names for chrom, pos, ref, alt, and maybe id; see {wrong[0]!r}")
    return {key: columns[key] for key in known if key in columns}


def _table_header(
    stream: BinaryIO, path: str, wanted: Mapping[str, str]
) -> tuple[bytes, tuple[str, ...], Any]:
    """The first line of a table, the columns wanted, and a function that makes tab-separated lines of these alone."""
    header = stream.readline(LONGEST_LINE)
    text = header.decode("utf-8", "replace").rstrip("\r\n")
    if "\r" in text:
        raise FormatError("a carriage return within a line", path=path, line=1, fix="save it as plain text")
    tried = {letter: next(csv.reader([text], delimiter=letter), []) for letter in "\t,;"}
    letter, names = max(tried.items(), key=lambda each: sum(name in each[1] for name in wanted.values()))
    for name in wanted.values():
        if name not in names:
            what = f"has no column {name!r}{nearest(name, names)}"
            raise FormatError(what, path=path, line=1, fix=f"the columns are {', '.join(names[:20])}")
    places = [names.index(name) for name in wanted.values()]

    def split(block: bytes, before: int) -> bytes:
        text = block.replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")
        lines = text.removesuffix("\n").split("\n")
        rows = csv.reader(lines, delimiter=letter, strict=True)
        out: list[str] = []
        try:
            for row in rows:
                if row and len(row) != len(names):
                    raise csv.Error(f"has {len(row)} column(s), but the line of names has {len(names)}")
                if rows.line_num != len(out) + 1 or any("\t" in row[place] for place in places if row):
                    raise csv.Error("a field has a tab or a line break")
                out.append("\t".join(row[place] for place in places) if row else "")
        except csv.Error as error:
            raise FormatError(str(error), path=path, line=before + rows.line_num, fix="correct it") from None
        return "\n".join([*out, ""]).encode("utf-8", "surrogateescape")

    return header, tuple(wanted.values()), split


def _variants(table: Table, records: int) -> Variants:
    """The rows of a block; its columns are those of VCF, or chrom pos ref alt and maybe id."""
    places = (0, 1, 2, 3, 4) if table.columns[: len(FIXED)] == FIXED else (0, 1, 4, 2, 3)
    chrom, pos, identifier, ref, alt = places
    names, codes = coded(table.text(chrom))
    blank = {code for code, name in enumerate(names) if name.split() != [name]}
    if blank:
        table.fail(int(np.flatnonzero(np.isin(codes, list(blank)))[0]), chrom, "a name without blanks")
    start = table.integers(pos, MAX_COORDINATE_BP) - 1
    table.require(start >= 0, pos, "a whole number from 1")
    refs, alts = (_upper(table.text(column)) for column in (ref, alt))
    if "".join(refs).translate(_BASES).translate(_IUPAC):
        legal = np.array([not each.translate(_BASES).translate(_IUPAC) for each in refs])
        table.require(legal, ref, "bases, A C G T N")
    rows = np.arange(len(table))
    alt_index = np.ones(len(table), np.int64)
    if any("," in each for each in alts):
        parts = [each.split(",") if "," in each else [each] for each in alts]
        counts = np.array(list(map(len, parts)))
        rows = np.repeat(rows, counts)
        alt_index = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
        alts = [each for part in parts for each in part]
    if not all(alts) or "".join(alts).translate(_BASES):
        legal = np.array(
            [(bool(each) and not each.translate(_BASES)) or bool(_SYMBOLIC.fullmatch(each)) for each in alts]
        )
        if not legal.all():
            table.fail(int(rows[np.argmin(legal)]), alt, "bases (A C G T N), * . <NAME> or breakends")
    ids = texts(table.text(identifier) if identifier < len(table.columns) else ["."] * len(table))
    return Variants(
        names, codes[rows], start[rows], ids[rows], texts(refs)[rows], texts(alts), records + rows, alt_index,
        table.lines[rows],
    )  # fmt: skip


def _upper(texts: list[str]) -> list[str]:
    """Alleles in upper case; names in angle brackets and breakends stay."""
    if "".join(texts).isupper():
        return texts
    return [text if "<" in text or "[" in text or "]" in text else text.upper() for text in texts]
