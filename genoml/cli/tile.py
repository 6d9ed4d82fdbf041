"""``genoml tile``: windows along a genome; and what ``genoml predict`` does along one."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from genoml.cli.options import examples, open_output, open_ranks, out_option
from genoml.genome import GenomeStore, concat, open_genome, tile, whole_chromosomes
from genoml.io.bed import bed_intervals
from genoml.parallel import Shard
from genoml.runs import Run
from genoml.runs.region_files import KINDS
from genoml.runs.regions import BLOCK, predict_windows, windows_of

#: windows that ``tile`` writes together
_TILES = 1 << 16


@click.command("tile", epilog=examples("genoml tile genome.fa --length 1000 --step 500 --out windows.bed"))
@click.argument("genome", type=click.Path())
@click.option(
    "--length", "length_bp", type=click.IntRange(min=1), metavar="BP", required=True, help="Of a window."
)
@click.option(
    "--step",
    "step_bp",
    type=click.IntRange(min=1),
    metavar="BP",
    help="From one start to the next. Default: the length, side by side.",
)
@click.option("--partial", is_flag=True, help="Also the windows that an end of a chromosome cuts short.")
@out_option
def command(genome: str, length_bp: int, step_bp: int | None, partial: bool, out: str) -> None:
    """Write windows of one length along every chromosome of GENOME, as BED with three columns.

    GENOME is FASTA, plain or compressed, or a store made from it; from FASTA a store is made once, GENOME.store.
    """
    with opened_genome(genome) as store, open_output(out) as stream:
        written = 0
        for name, size in store.sizes.items():
            windows = tile(whole_chromosomes({name: size}), length_bp, step_bp=step_bp, keep_partial=partial)
            written += len(windows)
            for first in range(0, len(windows), _TILES):
                part = slice(first, first + _TILES)
                ends = zip(windows.start[part].tolist(), windows.end[part].tolist(), strict=True)
                stream.writelines(f"{name}\t{start}\t{end}\n".encode() for start, end in ends)
    if not written:
        raise ValueError(f"{genome}: no chromosome has {length_bp} bp; choose a shorter --length")


def opened_genome(genome: str) -> GenomeStore:
    """A genome, FASTA or a store; says so if a store is made, by the first of the ranks."""

    def opened() -> GenomeStore:
        return open_genome(genome, tell=lambda text: click.echo(f"genoml: {text}", err=True))

    ranks = open_ranks()
    if ranks.count > 1:
        ranks.on_first(lambda: opened().close())
    return opened()


def scan_genome(
    run: Run, genome: str, out: Path, *, regions: str | None, step_bp: int | None, resume: bool, shard: Shard
) -> None:
    """Write a run's predictions along a genome, or around regions of it, as the suffix of the file says.

    Raises
    ------
    ValueError
        For another suffix, standard output, a shard of bigWig, or as ``predict_windows``.
    """
    kind = KINDS.get(out.suffix.lower())
    if kind is None:
        raise ValueError(f"{out}: with --genome --out expects a file ending in {', '.join(KINDS)}")
    if kind == "bigwig" and shard.count > 1:
        raise ValueError(f"{out}: bigWig files cannot be joined; with --shard write .bed or .tsv")
    with opened_genome(genome) as store:
        found = None if regions is None else concat(bed_intervals(regions, sizes=store.sizes))
        windows = windows_of(run, store, found, step_bp)
        windows = windows[shard.rows(len(windows), BLOCK)]
        if not len(windows):  # fewer blocks than shards
            files = [out]
            with open_output(str(out), shard.ranks):
                pass
        else:
            files = predict_windows(run, store, windows, out, kind=kind, resume=resume, shard=shard)
        sizes = np.array([store.sizes[name] for name in windows.names], np.int64)[windows.codes]
    past = int(((windows.start < 0) | (windows.end > sizes)).sum())
    padded = f", {past} padded past an end of their chromosome" if past else ""
    named = ", ".join(map(str, files))
    click.echo(f"{len(windows)} windows of {run.record.length_bp} bp scored{padded}; {named}", err=True)
