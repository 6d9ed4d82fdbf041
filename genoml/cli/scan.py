"""``genoml scan``: where motifs match sequences, as BED or as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import click
import numpy as np

from genoml.cli.options import (
    backend_option,
    examples,
    expect_file,
    open_backend,
    open_output,
    out_option,
    sequences_argument,
    shard_option,
)

if TYPE_CHECKING:
    from genoml.io import Motif
    from genoml.io.fasta import FastaRecord
    from genoml.parallel import Shard
    from genoml.sequence import MotifHits, MotifScanner

    #: ids and letters of records, and the scan of some of them
    _Unit: TypeAlias = tuple[np.ndarray, list[str], Callable[[], list[MotifHits]]]

#: Records that are scanned together, at most: many short ones fill a batch.
_BATCH_RECORDS = 1 << 17

_HEADER = "name\tmotif\tstart\tend\tstrand\tscore\tp_value\tsequence\n"


@click.command(
    "scan",
    epilog=examples(
        "genoml scan peaks.fa --motifs known.meme > hits.bed",
        "genoml scan genome.fa --motifs known.meme --out 3.bed --shard 3/16",
    ),
)
@sequences_argument
@click.option(
    "--motifs",
    "motifs_path",
    metavar="FILE",
    default=None,
    help="Motifs in MEME, JASPAR, TRANSFAC, HOMER, cluster-buster or HOCOMOCO format. Default: the 879 "
    "vertebrate motifs of JASPAR 2024.",
)
@click.option(
    "--motif", "names", metavar="NAME", multiple=True, help="Only this one, by name or symbol; repeatable."
)
@click.option(
    "--p-value",
    type=click.FloatRange(0.0, 1.0, min_open=True),
    default=1e-4,
    show_default=True,
    help="Report windows whose p-value, on one strand, is at most this.",
)
@click.option("--format", "kind", type=click.Choice(["bed", "tsv"]), default="bed", show_default=True)
@click.option("--strand", type=click.Choice(["both", "+"]), default="both", show_default=True)
@shard_option
@out_option
@backend_option
def command(
    sequences: str,
    motifs_path: str | None,
    names: tuple[str, ...],
    p_value: float,
    kind: str,
    strand: str,
    shard: Shard | None,
    out: str,
    backend_name: str | None,
) -> None:
    """Find where motifs match SEQUENCES (FASTA or FASTQ; - is standard input).

    Scores are log-odds in bits against equal base frequencies, from counts with 0.25 added for each base; a
    motif of probabilities stands for the number of sites in its file, or for 20. Coordinates are 0-based and
    half-open. An ambiguous letter, N too, scores as the worst of its bases: a hit over one is a hit whatever
    the base is, and a run of N is none.

    BED has six columns: sequence, start, end, motif, -100 log10(p-value) as a whole number up to 1000,
    strand. The table (tsv) has name, motif, start, end, strand, score in bits, p_value, and the matched
    sequence as it reads on its strand.
    """
    from genoml.sequence import PWM, MotifScanner

    backend = open_backend(backend_name)
    shard = expect_file(shard, sequences)
    if sequences == motifs_path == "-":
        raise ValueError(
            "standard input (-) can be only one of SEQUENCES and --motifs; name a file for the other"
        )
    motifs = _chosen(motifs_path, names)
    scanner = MotifScanner(
        [PWM.from_motif(motif) for motif in motifs],
        p_value=p_value,
        both_strands=strand == "both",
        backend=backend,
    )
    labels = np.array([motif.name for motif in motifs], dtype=object)
    with open_output(out, shard.ranks) as stream:
        if kind == "tsv" and shard.first:
            stream.write(_HEADER.encode())
        units = _units(sequences, scanner, shard)
        stream.writelines(shard.ranks.map(partial(_lines, labels, kind), units))


def _units(path: str, scanner: MotifScanner, shard: Shard) -> Iterator[_Unit]:
    """The shard's blocks in spans, with the records that they are of; the file is read once more to count blocks."""
    from genoml.io import read_sequences
    from genoml.io.records import record_batches

    def batches() -> Iterator[tuple[list[FastaRecord], int]]:
        for batch in record_batches(read_sequences(path), most_records=_BATCH_RECORDS):
            yield batch, scanner.count_blocks(sum(len(record.sequence) for record in batch), len(batch))

    own = shard.own(lambda: sum(count for _, count in batches()))
    first = 0
    for batch, count in batches():
        blocks = range(max(own.start - first, 0), min(own.stop - first, count))
        if blocks:
            ids = np.array([record.id for record in batch], dtype=object)
            letters = [record.sequence for record in batch]
            for span in scanner.spans(letters, blocks):
                yield ids, letters, span
        first += count


def _chosen(path: str | None, names: tuple[str, ...]) -> list[Motif]:
    """The motifs of the file, or those of the names asked for."""
    from genoml.io import jaspar_motifs, read_motifs

    motifs = jaspar_motifs() if path is None else read_motifs(path)
    where = "JASPAR 2024 vertebrates" if path is None else path
    known = {label for motif in motifs for label in (motif.name, motif.symbol) if label}
    for name in names:
        if name not in known:
            raise ValueError(
                f"{where}: no motif named {name!r} among {len(motifs)}; see the names in the file"
            )
    return [motif for motif in motifs if not names or motif.name in names or motif.symbol in names]


def _lines(labels: np.ndarray, kind: str, unit: _Unit) -> bytes:
    """The lines of a unit's hits."""
    ids, letters, span = unit
    return b"".join(_lines_of(hits, ids, letters, labels, kind) for hits in span())


def _lines_of(hits: MotifHits, ids: np.ndarray, letters: list[str], labels: np.ndarray, kind: str) -> bytes:
    columns = [ids[hits.sequence], labels[hits.motif], hits.start, hits.end, hits.strand]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    if kind == "bed":
        with np.errstate(divide="ignore"):
            shown = np.minimum(np.rint(-100.0 * np.log10(hits.p_value)), 1000.0).astype(int).tolist()
        lines = [f"{n}\t{s}\t{e}\t{m}\t{v}\t{d}\n" for (n, m, s, e, d), v in zip(rows, shown, strict=True)]
    else:
        numbers = zip(hits.score.tolist(), hits.p_value.tolist(), hits.sites(letters), strict=True)
        lines = [
            f"{n}\t{m}\t{s}\t{e}\t{d}\t{score:.4f}\t{p:.4g}\t{site}\n"
            for (n, m, s, e, d), (score, p, site) in zip(rows, numbers, strict=True)
        ]
    return "".join(lines).encode()
