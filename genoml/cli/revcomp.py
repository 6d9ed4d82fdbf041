"""``genoml revcomp``: write reverse complements."""

from __future__ import annotations

import click

from genoml.cli.options import examples, open_output, out_option, sequences_argument


@click.command("revcomp", epilog=examples("genoml revcomp sequences.fa > reversed.fa"))
@sequences_argument
@out_option
@click.option(
    "--alphabet",
    type=click.Choice(["auto", "DNA", "RNA"]),
    default="auto",
    show_default=True,
    help="Whether the complement of A is T or U; auto: U in records that hold a U.",
)
def command(sequences: str, out: str, alphabet: str) -> None:
    """Write the reverse complement of each record.

    SEQUENCES is FASTA or FASTQ, plain or gzipped; - is standard input. The same format is written; the
    qualities of FASTQ are reversed with their bases. Case and names are kept.
    """
    from genoml.io import FastaRecord, FastqRecord
    from genoml.io.records import Record, errors_in, read_records, record_bytes
    from genoml.sequence import reverse_complement

    with open_output(out) as stream:
        for record in read_records(sequences):
            with errors_in(sequences, record):
                letters = reverse_complement(record.sequence, alphabet=alphabet)
            reverse: Record = FastaRecord(record.name, letters)
            if isinstance(record, FastqRecord):
                reverse = FastqRecord(record.name, letters, record.scores[::-1])
            stream.write(record_bytes(reverse))
