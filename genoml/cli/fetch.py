"""``genoml fetch``: write the sequences of intervals of a genome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import click

from genoml.cli.options import examples, open_output, out_option

if TYPE_CHECKING:
    from genoml.genome import GenomeStore, Intervals

#: Bases that are fetched and written together.
_BATCH_BP = 1 << 24


@click.command(
    "fetch",
    epilog=examples(
        "genoml fetch genome.fa peaks.bed --out peaks.fa",
        "genoml fetch genome.fa peaks.narrowPeak --length 200 --centre summit > peaks.fa",
    ),
)
@click.argument("genome", type=click.Path())
@click.argument("intervals", default="-", type=click.Path())
@click.option(
    "--length",
    "length_bp",
    type=click.IntRange(min=1),
    metavar="BP",
    default=None,
    help="Fetch a window of this length around the centre of each interval.",
)
@click.option(
    "--centre",
    "on",
    type=click.Choice(["midpoint", "summit"]),
    default="midpoint",
    show_default=True,
    help="With --length: around the midpoint, or the summit of narrowPeak.",
)
@click.option(
    "--edges",
    type=click.Choice(["error", "pad", "drop"]),
    default="error",
    show_default=True,
    help="An interval past an end of its chromosome: stop, pad with N, or leave it out.",
)
@click.option(
    "--columns",
    type=click.IntRange(3, 12),
    default=None,
    help="How many columns are BED's, for files with others after them.",
)
@click.option(
    "--store",
    "store_path",
    metavar="FILE",
    default=None,
    help="Where the genome's store is kept. Default: GENOME.store.",
)
@out_option
def command(
    genome: str,
    intervals: str,
    length_bp: int | None,
    on: Any,
    edges: Any,
    columns: int | None,
    store_path: str | None,
    out: str,
) -> None:
    """Write the sequences of INTERVALS in GENOME as FASTA.

    GENOME is FASTA, plain or compressed, or a store made from it. From FASTA a store is made once, one byte
    a base, and kept in GENOME.store or where --store says; it is made again when GENOME changes. INTERVALS is
    BED, narrowPeak (10 columns) or broadPeak (9), plain or compressed; - is standard input.

    Names are chrom:start-end(strand), 0-based and half-open, as `bedtools getfasta -s` gives them; of strand
    - the reverse complement is written. Letters are upper-case; U stays U.
    """
    from genoml.io import bed_intervals

    if columns in (10, 11):
        raise click.BadParameter("expects 3 to 9, or 12", param_hint="'--columns'")
    with _opened(genome, store_path) as store, open_output(out) as stream:
        # given the sizes, the reader names the line that leaves the chromosome
        sizes = store.sizes if edges == "error" else None
        dropped = 0
        for block in bed_intervals(intervals, columns=columns, sizes=sizes):
            dropped += _write(stream, store, _windows(block, length_bp, on), edges)
    if dropped:
        click.echo(
            f"genoml: left out {dropped} interval(s) that reach past an end of their chromosome", err=True
        )


def _windows(block: Intervals, length_bp: int | None, on: Any) -> Intervals:
    from genoml.genome import centre

    return block if length_bp is None else centre(block, length_bp, on=on)


def _opened(genome: str, store_path: str | None) -> GenomeStore:
    """Open a store, or the store of a FASTA file, which is made if needed."""
    from genoml.genome import open_genome
    from genoml.genome.store_file import is_store

    if store_path is not None and is_store(genome):
        raise click.BadParameter("GENOME is a store already", param_hint="'--store'")
    return open_genome(genome, store=store_path, tell=lambda text: click.echo(f"genoml: {text}", err=True))


def _write(stream: BinaryIO, store: GenomeStore, intervals: Intervals, edges: Any) -> int:
    """Write records; return the number of rows left out."""
    from genoml.genome.gather import row_blocks

    dropped = 0
    for rows in row_blocks(intervals, _BATCH_BP):
        part = intervals[rows]
        if edges == "drop":
            sequences, kept = store.fetch(part, edges="drop")
            dropped += len(part) - len(kept)
            part = part[kept]
        else:
            sequences = store.fetch(part, edges=edges)
        letters = [_letters(store.alphabets.get(name, "DNA")) for name in part.names]
        stream.writelines(
            f">{part.place(row)}({part.strand[row]})\n".encode()
            + codes.tobytes().translate(letters[part.codes[row]])
            + b"\n"
            for row, codes in enumerate(sequences)
        )
    return dropped


def _letters(alphabet: str) -> bytes:
    """The letter of each code; code 15, beyond an edge, is written N."""
    from genoml.sequence.alphabet import CODE_LETTERS

    letters = CODE_LETTERS.replace("T", "U") if alphabet == "RNA" else CODE_LETTERS
    return f"{letters}N".encode().ljust(256, b"N")
