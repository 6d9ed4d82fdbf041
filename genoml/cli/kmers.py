"""``genoml kmers``: count k-mers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import numpy as np

from genoml.cli.options import examples, open_output, out_option, sequences_argument

if TYPE_CHECKING:
    from genoml.io import FastaRecord

# Lines, or cells of a table, written at a time.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class _Request:
    path: str
    k: int | str
    canonical: bool
    sparse: bool
    frequencies: bool

    @property
    def column(self) -> str:
        """Name of the column of numbers."""
        return "frequency" if self.frequencies else "count"


@click.command(
    "kmers",
    epilog=examples(
        "genoml kmers reads.fq.gz -k 6 --canonical",
        "genoml kmers peaks.fa -k 4 --per-sequence --out counts.tsv",
    ),
)
@sequences_argument
@out_option
@click.option("-k", type=click.IntRange(1, 32), help="Bases of a k-mer.  [default: 6]")
@click.option(
    "--pattern",
    metavar="SEED",
    help="A spaced seed such as 1101011 in place of -k: k-mers are the bases at its 1s.",
)
@click.option(
    "--canonical",
    is_flag=True,
    help="Count a k-mer and its reverse complement as one, the first in A-Z order.",
)
@click.option("--sparse", is_flag=True, help="Leave out k-mers that do not occur; needed for k above 12.")
@click.option("--per-sequence", is_flag=True, help="Count each record by itself.")
@click.option("--frequencies", is_flag=True, help="Divide counts by the number of k-mers counted.")
def command(
    sequences: str,
    out: str,
    k: int | None,
    pattern: str | None,
    canonical: bool,
    sparse: bool,
    per_sequence: bool,
    frequencies: bool,
) -> None:
    """Count k-mers over overlapping windows, as TSV.

    SEQUENCES is FASTA or FASTQ, plain or gzipped; - is standard input. Columns are kmer and count, in
    lexicographic order; with --per-sequence name and one column per k-mer, or with --sparse too name, kmer,
    count. A k-mer lies within one record, and one with a base other than A, C, G, T (or U) is not counted.
    """
    from genoml.io import read_sequences
    from genoml.sequence.kmer_windows import MAX_K, MAX_SPARSE_K, kmer_shape

    if k is not None and pattern is not None:
        raise click.UsageError("-k and --pattern exclude each other: the 1s of a pattern are its k")
    asked = pattern if pattern is not None else k or 6
    shape = kmer_shape(asked, canonical=canonical, longest=MAX_SPARSE_K)
    if shape.k > MAX_K and not sparse:
        raise click.UsageError(f"k = {shape.k} has 4**{shape.k} k-mers: pass --sparse for those that occur")
    request = _Request(sequences, asked, canonical, sparse, frequencies)
    records = read_sequences(sequences)
    if not per_sequence:
        parts = _whole(request, records)
    elif sparse:
        parts = _sparse_rows(request, records)
    else:
        parts = _dense_rows(request, records, 4**shape.k)
    with open_output(out) as stream:
        for part in parts:
            stream.write(part)


def _whole(request: _Request, records: Iterable[FastaRecord]) -> Iterator[bytes]:
    """The table of all records together."""
    from genoml.io.records import errors_in_batch, record_batches
    from genoml.sequence import KmerCounter

    counter = KmerCounter(request.k, canonical=request.canonical)
    for batch in record_batches(records):
        with errors_in_batch(request.path, batch):
            counter.update([record.sequence for record in batch])
    if request.sparse:
        sparse = counter.sparse()
        codes, counts = sparse.codes, sparse.counts
    else:
        codes = _columns(counter.k, request.canonical)
        counts = counter.counts()[codes]
    yield f"kmer\t{request.column}\n".encode()
    for first in range(0, codes.size, _BLOCK):
        part = slice(first, first + _BLOCK)
        yield _lines(request, codes[part], counts[part], counter.k, counter.total)


def _sparse_rows(request: _Request, records: Iterable[FastaRecord]) -> Iterator[bytes]:
    """A line for each k-mer of each record."""
    from genoml.io.records import errors_in_batch, record_batches
    from genoml.sequence import sparse_kmers

    yield f"name\tkmer\t{request.column}\n".encode()
    for batch in record_batches(records):
        with errors_in_batch(request.path, batch):
            rows = sparse_kmers([record.sequence for record in batch], request.k, canonical=request.canonical)
        for record, row in zip(batch, rows, strict=True):
            name = record.id.encode() + b"\t"
            lines = _lines(request, row.codes, row.counts, row.k, row.total)
            yield b"".join(name + line for line in lines.splitlines(keepends=True))


def _dense_rows(request: _Request, records: Iterable[FastaRecord], width: int) -> Iterator[bytes]:
    """A line for each record, with a column for each k-mer."""
    from genoml.io.records import errors_in_batch, record_batches
    from genoml.sequence import kmer_counts, kmer_strings

    k = width.bit_length() // 2
    columns = _columns(k, request.canonical)
    yield "\t".join(["name", *kmer_strings(columns, k)]).encode() + b"\n"
    for batch in record_batches(records, most_records=max(1, _BLOCK // width)):
        with errors_in_batch(request.path, batch):
            letters = [record.sequence for record in batch]
            counts = kmer_counts(letters, request.k, canonical=request.canonical)[:, columns]
        for record, row in zip(batch, counts, strict=True):
            yield b"\t".join([record.id.encode(), *_numbers(request, row, int(row.sum()))]) + b"\n"


def _columns(k: int, canonical: bool) -> np.ndarray:
    from genoml.sequence import canonical_columns

    return canonical_columns(k) if canonical else np.arange(4**k)


def _numbers(request: _Request, counts: np.ndarray, total: int) -> list[bytes]:
    if not request.frequencies:
        return [b"%d" % count for count in counts.tolist()]
    return [b"%.6g" % (count / max(total, 1)) for count in counts.tolist()]


def _lines(request: _Request, codes: np.ndarray, counts: np.ndarray, k: int, total: int) -> bytes:
    """Lines of k-mer and number, made as one matrix of bytes from which the zeros are removed."""
    from genoml.sequence.kmer_windows import kmer_letters

    if not codes.size:
        return b""
    numbers = np.array(_numbers(request, counts, total))
    digits = numbers.view(np.uint8).reshape(codes.size, -1)
    tab = np.full((codes.size, 1), ord("\t"), dtype=np.uint8)
    end = np.full((codes.size, 1), ord("\n"), dtype=np.uint8)
    return np.hstack([kmer_letters(codes, k), tab, digits, end]).tobytes().replace(b"\0", b"")
