"""Reader of genes and their exons: GTF, GFF3, and the table of SpliceAI.

References
----------
GTF 2.2, https://mblab.wustl.edu/GTF22.html. GFF3, specification 1.26,
https://github.com/The-Sequence-Ontology/Specifications. The table: NAME, CHROM, STRAND, TX_START, TX_END, EXON_START,
EXON_END, 0-based and half-open, lists separated by commas, as in Jaganathan et al. (2019),
doi:10.1016/j.cell.2018.12.015.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

import numpy as np

from genoml.io.errors import FormatError
from genoml.io.files import FilePath, Source

__all__ = ["Gene", "Genes", "read_genes"]

_TABLE = ("NAME", "CHROM", "STRAND", "TX_START", "TX_END", "EXON_START", "EXON_END")
_GTF_ATTRIBUTE = re.compile(r'\s*([^\s;"]+)\s+(?:"([^"]*)"|([^;\s]+))\s*;?')
_LONGEST_LINE = 1 << 22


@dataclass(frozen=True, eq=False)
class Gene:
    """A gene: its place, and where its exons begin and end.

    Attributes
    ----------
    name : str
        Symbol, or identifier where the file has no symbol.
    chrom : str
    start, end : int
        0-based, half-open: from the first base of an exon to the last.
    strand : {"+", "-"}
    boundaries : numpy.ndarray
        int64, sorted: the first and the last base of each exon of each transcript, 0-based.
    """

    name: str
    chrom: str
    start: int
    end: int
    strand: str
    boundaries: np.ndarray


class Genes:
    """Genes in the order of their file, found by position.

    Chromosomes are the same with and without ``chr`` before their name, and chrM is MT.
    """

    def __init__(self, genes: Iterable[Gene]) -> None:
        self.genes = tuple(genes)
        rows: dict[str, list[int]] = defaultdict(list)
        for row, gene in enumerate(self.genes):
            rows[self.key(gene.chrom)].append(row)
        self._rows = {key: np.array(found) for key, found in rows.items()}
        self._spans = {
            key: np.array([(self.genes[row].start, self.genes[row].end) for row in found]).T
            for key, found in rows.items()
        }

    @staticmethod
    def key(chrom: str) -> str:
        """The name of a chromosome without ``chr``, MT for M."""
        name = chrom.removeprefix("chr")
        return "MT" if name == "M" else name

    def __len__(self) -> int:
        return len(self.genes)

    def at(self, chrom: str, position: int) -> list[Gene]:
        """The genes that hold a position (0-based), in the order of the file."""
        spans = self._spans.get(self.key(chrom))
        if spans is None:
            return []
        held = np.flatnonzero((spans[0] <= position) & (position < spans[1]))
        return [self.genes[row] for row in self._rows[self.key(chrom)][held].tolist()]

    def on(self, chrom: str) -> bool:
        """Whether there are genes on this chromosome."""
        return self.key(chrom) in self._spans


def read_genes(path: FilePath) -> Genes:
    """Read genes with their exons from GTF, GFF3 or SpliceAI's table, plain or compressed.

    A gene of GTF or GFF3 reaches over the exons of all its transcripts; the boundaries of all of them count. Only its
    lines ``exon`` are read, and in GFF3 the lines that say whose they are.

    Raises
    ------
    FormatError
        Naming the line, if the file is none of these, a field is not as its format says, or there is no gene.
    """
    source = Source(path)
    first = source.start.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    if tuple(first.removeprefix("#").split("\t")[:7]) == _TABLE:
        genes = list(_table(source))
    else:
        genes = _features(source)
    if not genes:
        raise FormatError("there is no gene in it", path=source.path, line=1, fix="expects lines of exons")
    return Genes(genes)


def _lines(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is neither empty nor a comment, up to the sequences of a GFF3 file."""
    with source.open() as stream:
        number = 0
        while line := stream.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise FormatError(
                    f"the line has more than {_LONGEST_LINE} bytes", path=source.path, line=number
                )
            if line.startswith((b"##FASTA", b">")):
                return
            if line.startswith(b"#") or not line.strip():
                continue
            try:
                yield number, line.decode("utf-8").rstrip("\r\n").split("\t")
            except UnicodeDecodeError:
                raise FormatError("the line is not UTF-8", path=source.path, line=number) from None


@dataclass
class _Place:
    """A line of a file, for its errors."""

    path: str
    line: int

    def fail(self, what: str, fix: str = "") -> FormatError:
        return FormatError(what, path=self.path, line=self.line, fix=fix)

    def number(self, text: str, what: str, least: int) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 13 and int(text) >= least):
            raise self.fail(f"{what} expects a whole number from {least} on, got {text!r}")
        return int(text)

    def strand(self, text: str) -> str:
        if text not in ("+", "-"):
            raise self.fail(f"the strand of a gene expects + or -, got {text!r}")
        return text


def _table(source: Source) -> Iterator[Gene]:
    for line, fields in _lines(source):
        place = _Place(source.path, line)
        if tuple(fields[:7]) == _TABLE:
            continue
        if len(fields) < 7:
            raise place.fail(f"expects {len(_TABLE)} columns ({' '.join(_TABLE)}), got {len(fields)}")
        name, chrom, strand, *numbers = fields[:7]
        start, end = (place.number(text, what, 0) for text, what in zip(numbers, _TABLE[3:5], strict=False))
        firsts, stops = (
            [place.number(text, what, 0) for text in listed.rstrip(",").split(",")]
            for listed, what in zip(numbers[2:], _TABLE[5:], strict=True)
        )
        if len(firsts) != len(stops) or any(a >= b for a, b in zip(firsts, stops, strict=True)):
            raise place.fail("EXON_START and EXON_END expect as many numbers, each start before its end")
        if not start < end:
            raise place.fail(f"TX_START expects less than TX_END, got {start} and {end}")
        bounds = np.unique(np.array([*firsts, *(stop - 1 for stop in stops)], dtype=np.int64))
        yield Gene(name, chrom, start, end, place.strand(strand), bounds)


@dataclass
class _Found:
    """What the lines of a GTF or GFF3 file say."""

    #: (owner, chromosome, strand) -> starts and ends of exons in turn
    exons: dict[tuple[str, str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    #: owner -> its symbol; GFF3: -> its own owner
    names: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)

    def top(self, owner: str) -> str:
        """The gene that a transcript belongs to, itself if it belongs to none."""
        for _ in range(8):
            if owner not in self.parents:
                break
            owner = self.parents[owner]
        return owner


def _features(source: Source) -> list[Gene]:
    """Genes of GTF or GFF3, which differ in the ninth column alone."""
    found, gff3 = _Found(), source.start.startswith(b"##gff-version 3")
    for line, fields in _lines(source):
        place = _Place(source.path, line)
        if len(fields) != 9:
            raise place.fail(
                f"expects the 9 columns of GTF or GFF3, or SpliceAI's table with its header, got {len(fields)}"
            )
        if not gff3 and fields[2] != "exon":
            continue
        attributes = _gff3(fields[8]) if gff3 else _gtf(fields[8])
        if gff3 and fields[2] != "exon":
            if "ID" in attributes:
                found.names[attributes["ID"]] = attributes.get("Name") or attributes.get("gene_name", "")
                if parent := attributes.get("Parent"):
                    found.parents[attributes["ID"]] = parent.split(",")[0]
            continue
        owners = attributes.get("Parent", "") if gff3 else attributes.get("gene_id", "")
        if not owners:
            raise place.fail(f"an exon expects {'Parent=' if gff3 else 'gene_id'} in its ninth column")
        start, end = place.number(fields[3], "the start", 1), place.number(fields[4], "the end", 1)
        if start > end:
            raise place.fail(f"the end ({end}) is before the start ({start})", "exchange them")
        for owner in owners.split(",") if gff3 else [owners]:
            found.exons[owner, fields[0], place.strand(fields[6])] += [start - 1, end - 1]
        if not gff3 and attributes.get("gene_name"):
            found.names[owners] = attributes["gene_name"]
    return _joined(found)


def _joined(found: _Found) -> list[Gene]:
    """A gene for each owner, chromosome and strand, in the order of their first exons."""
    bounds: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for (owner, chrom, strand), own in found.exons.items():
        bounds[found.top(owner), chrom, strand] += own
    genes = []
    for (owner, chrom, strand), own in bounds.items():
        edges = np.unique(np.array(own, dtype=np.int64))
        name = found.names.get(owner) or owner
        genes.append(Gene(name, chrom, int(edges[0]), int(edges[-1]) + 1, strand, edges))
    return genes


def _gtf(text: str) -> dict[str, str]:
    return {key: quoted or plain for key, quoted, plain in _GTF_ATTRIBUTE.findall(text)}


def _gff3(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {key.strip(): unquote(value.strip()) for key, _, value in pairs}
