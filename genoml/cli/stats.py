"""``genoml stats``: summarise FASTA and FASTQ files."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from genoml.cli.options import examples, open_output, out_option

if TYPE_CHECKING:
    from genoml.io.summary import Summary

_COLUMNS = (
    "file", "format", "encoding", "encoding_sure", "records", "total_bp", "min_bp", "mean_bp", "median_bp",
    "max_bp", "n50_bp", "gc_fraction", "ambiguous_bp", "mean_quality",
)  # fmt: skip


@click.command("stats", epilog=examples("genoml stats reads.fq.gz", "genoml stats a.fa b.fa --out stats.tsv"))
@click.argument("files", nargs=-1, type=click.Path())
@out_option
@click.option("--json", "as_json", is_flag=True, help="JSON, with lengths and qualities by position.")
@click.option(
    "--letters",
    type=click.Choice(["nucleotide", "protein", "any"]),
    default="nucleotide",
    show_default=True,
    help="What the letters of FASTA are checked against.",
)
@click.option(
    "--encoding",
    type=click.Choice(["auto", "phred33", "phred64", "solexa"]),
    default="auto",
    show_default=True,
    help="How FASTQ writes qualities; auto guesses, and encoding_sure says whether it could be another.",
)
def command(files: tuple[str, ...], out: str, as_json: bool, letters: str, encoding: str) -> None:
    """Sum up FASTA and FASTQ files: a row each, tab-separated.

    FILES may be compressed with gzip, bgzip or zstd; - or none is standard input. Lengths are in bases
    (letters); GC is among A, C, G, T and U; ambiguous are all other letters; the mean quality is the Phred
    score of the mean error probability. JSON adds how many records have each length, and the mean quality at
    each of the first 1,000 positions.
    """
    from genoml.io.summary import summarise

    kind = None if letters == "any" else letters
    with open_output(out) as stream:
        if not as_json:
            stream.write(("\t".join(_COLUMNS) + "\n").encode())
        rows = []
        for file in files or ("-",):
            summary = summarise(file, letters=kind, encoding=encoding)
            rows.append(_more(summary) if as_json else _fields(summary))
            if not as_json:
                stream.write(("\t".join(map(_cell, rows[-1].values())) + "\n").encode())
        if as_json:
            stream.write((json.dumps(rows, indent=1) + "\n").encode())


def _fields(summary: Summary) -> dict[str, Any]:
    values: tuple[Any, ...] = (
        summary.path,
        summary.format,
        summary.encoding,
        summary.encoding_sure if summary.encoding else None,
        summary.n_records,
        summary.total_bp,
        summary.min_bp,
        summary.mean_bp,
        summary.median_bp,
        summary.max_bp,
        summary.n50_bp,
        summary.gc_fraction,
        summary.ambiguous_bp,
        summary.mean_quality,
    )
    cleaned = [None if isinstance(value, float) and math.isnan(value) else value for value in values]
    return dict(zip(_COLUMNS, cleaned, strict=True))


def _more(summary: Summary) -> dict[str, Any]:
    fields = _fields(summary)
    fields["lengths_bp"] = {str(length): summary.lengths[length] for length in sorted(summary.lengths)}
    if summary.encoding:
        fields["position_qualities"] = [round(value, 4) for value in summary.position_qualities.tolist()]
    return fields


def _cell(value: object) -> str:
    """One field of the table; empty if a file has no such value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value).replace("\t", " ")
