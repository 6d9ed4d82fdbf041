"""``genoml translate``: translate sequences into protein."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import click

from genoml.cli.options import examples, open_output, out_option, sequences_argument

if TYPE_CHECKING:
    from genoml.io import FastaRecord


@click.command("translate", epilog=examples("genoml translate genes.fa > proteins.fa"))
@sequences_argument
@out_option
@click.option(
    "--table",
    default="1",
    show_default=True,
    metavar="CODE",
    help="NCBI genetic code: its number, or its name in quotes.",
)
@click.option(
    "--frames",
    default="1",
    show_default=True,
    metavar="LIST",
    help="Reading frames, such as 1,2,3 or -1; negative ones are of the reverse complement.",
)
@click.option("--six", is_flag=True, help="All six frames: short for --frames 1,2,3,-1,-2,-3.")
@click.option("--to-stop", is_flag=True, help="End each protein before its first stop.")
@click.option("--methionine", is_flag=True, help="Read a start codon of the table in first place as M.")
@click.option(
    "--partial",
    type=click.Choice(["drop", "X", "error"]),
    default="drop",
    show_default=True,
    help="What one or two bases after the last codon become.",
)
def command(
    sequences: str,
    out: str,
    table: str,
    frames: str,
    six: bool,
    to_stop: bool,
    methionine: bool,
    partial: str,
) -> None:
    """Translate each record into protein, as FASTA.

    SEQUENCES is FASTA or FASTQ of DNA or RNA, plain or gzipped; - is standard input. With more than one
    frame the first word of each name gets the ending _frame1, _frame-2 and so on.
    """
    from genoml.io import read_sequences
    from genoml.io.records import errors_in, record_batches
    from genoml.sequence import genetic_code, translate
    from genoml.sequence.genes.translate import FRAMES

    code = genetic_code(table)
    chosen = FRAMES if six else _frames(frames)
    options: dict[str, Any] = {"to_stop": to_stop, "methionine": methionine, "partial": partial}
    translate("", code, **options)  # raises for bad options before any record is read
    with open_output(out) as stream:
        for batch in record_batches(read_sequences(sequences)):
            letters = [record.sequence for record in batch]
            try:
                by_frame = [translate(letters, code, frame=frame, **options) for frame in chosen]
            except ValueError:
                for record, frame in product(batch, chosen):  # find the record at fault
                    with errors_in(sequences, record):
                        translate(record.sequence, code, frame=frame, **options)
                raise
            for record, *proteins in zip(batch, *by_frame, strict=True):
                stream.write(_fasta(record, proteins, chosen))


def _fasta(record: FastaRecord, proteins: list[str], frames: tuple[int, ...]) -> bytes:
    from genoml.io.fasta import fasta_bytes
    from genoml.io.records import name_with

    if len(frames) == 1:
        return fasta_bytes(record.name, proteins[0])
    names = [name_with(record, f"_frame{frame}") for frame in frames]
    return b"".join(map(fasta_bytes, names, proteins))


def _frames(text: str) -> tuple[int, ...]:
    try:
        frames = tuple(int(part) for part in text.split(","))
    except ValueError:
        frames = ()
    if not frames or not set(frames) <= {1, 2, 3, -1, -2, -3} or len(set(frames)) < len(frames):
        raise click.UsageError(f"--frames expects some of 1,2,3,-1,-2,-3, each once, got {text!r}")
    return frames
