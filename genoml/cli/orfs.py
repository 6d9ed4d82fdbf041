"""``genoml orfs``: find open reading frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from genoml.cli.options import examples, open_output, out_option, sequences_argument

if TYPE_CHECKING:
    from genoml.io.features import OrfsOf


@click.command(
    "orfs", epilog=examples("genoml orfs plasmid.fa --circular", "genoml orfs genome.fa --out orfs.tsv")
)
@sequences_argument
@out_option
@click.option("--min-length", type=int, default=100, show_default=True, help="In bp, without the stop codon.")
@click.option(
    "--table",
    default="1",
    show_default=True,
    metavar="CODE",
    help="NCBI genetic code: its number, or its name in quotes.",
)
@click.option(
    "--starts",
    default="ATG",
    show_default=True,
    metavar="WHICH",
    help="What an ORF begins with: codons, such as ATG,GTG; table (all start codons of the genetic code); "
    "or any (all between two stops).",
)
@click.option("--circular", is_flag=True, help="The sequences are circular.")
@click.option(
    "--nested", is_flag=True, help="An ORF for every start codon, not for the first before a stop only."
)
@click.option(
    "--partial",
    type=click.Choice(["none", "end", "both"]),
    help="Which ORFs that the ends of a sequence cut are taken.  [default: end; both with --starts any]",
)
@click.option("--strand", type=click.Choice(["both", "+", "-"]), default="both", show_default=True)
@click.option("--include-stop", is_flag=True, help="Coordinates, and nucleotides, take in the stop codon.")
@click.option(
    "--format",
    type=click.Choice(["fasta", "gff3", "tsv"]),
    default="gff3",
    show_default=True,
    help="Of the output.",
)
@click.option(
    "--protein", is_flag=True, help="Proteins in place of nucleotides (FASTA), or beside (GFF3, TSV)."
)
def command(sequences: str, out: str, format: str, protein: bool, circular: bool, **options: Any) -> None:
    """Find the open reading frames of each record.

    SEQUENCES is FASTA or FASTQ of DNA or RNA, plain or gzipped; - is standard input. GFF3 counts from 1, ends
    included; TSV and the headers of FASTA count from 0, the end not included.
    """
    from genoml.io.features import stream_orfs

    with open_output(out) as stream:
        stream_orfs(stream, _search(sequences, circular, options), format=format, protein=protein)


def _search(path: str, circular: bool, options: dict[str, Any]) -> Iterator[OrfsOf]:
    from genoml.io import read_sequences
    from genoml.io.features import OrfsOf
    from genoml.io.records import errors_in
    from genoml.sequence import find_orfs, genetic_code

    starts = str(options.pop("starts"))
    options["starts"] = starts if starts in ("table", "any") else starts.split(",")
    options["table"] = genetic_code(str(options["table"]))
    find_orfs("", circular=circular, **options)  # raises for bad options before any record is read
    for record in read_sequences(path):
        with errors_in(path, record):
            orfs = find_orfs(record.sequence, circular=circular, **options)
        yield OrfsOf(record.name, record.sequence, orfs, circular)
