"""``genoml shuffle``: shuffle records, with their k-let counts kept."""

from __future__ import annotations

import click

from genoml.cli.options import examples, open_output, out_option, sequences_argument


@click.command(
    "shuffle",
    epilog=examples(
        "genoml shuffle peaks.fa --seed 1 > shuffled.fa", "genoml shuffle peaks.fa -k 3 --out shuffled.fa.gz"
    ),
)
@sequences_argument
@out_option
@click.option(
    "-k",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    help="Keep the counts of k-lets: 1 letters, 2 dinucleotides, ...",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the shuffles.")
@click.option(
    "--copies", type=click.IntRange(1), default=1, show_default=True, help="Shuffles of each record."
)
def command(sequences: str, out: str, k: int, seed: int, copies: int) -> None:
    """Shuffle each record so that every k-let count stays exactly as it is, as FASTA.

    SEQUENCES is FASTA or FASTQ, plain or gzipped; - is standard input. Each shuffle is drawn uniformly from
    all sequences with the same k-lets and, for k of 2 and more, the same first and last k - 1 letters. IUPAC
    codes are letters of their own. Letters come out in upper case; the first word of a name gets the
    ending _shuffle1, _shuffle2 and so on. The same file with the same options gives the same bytes. A record
    takes about 100 bytes of memory a base while it is shuffled.
    """
    from genoml.io import read_sequences
    from genoml.io.fasta import fasta_bytes
    from genoml.io.records import errors_in, errors_in_batch, name_with, record_batches
    from genoml.random import derive_key
    from genoml.sequence import klet_shuffle

    batches = record_batches(read_sequences(sequences), most_bp=max(1, (1 << 20) // copies))
    with open_output(out) as stream:
        for number, batch in enumerate(batches):
            for record in batch:
                if not record.sequence:
                    with errors_in(sequences, record):
                        raise ValueError("the record has no sequence to shuffle; remove it")
            key = derive_key(seed, "shuffle", number)[0]
            with errors_in_batch(sequences, batch):
                letters = [record.sequence for record in batch for _ in range(copies)]
                shuffled = iter(klet_shuffle(letters, k, seed=key))
            for record in batch:
                for copy in range(1, copies + 1):
                    stream.write(fasta_bytes(name_with(record, f"_shuffle{copy}"), next(shuffled)))
