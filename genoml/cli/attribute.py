"""``genoml attribute``: write what each base contributes to a trained model's output."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click
import numpy as np

from genoml.cli.options import backend_option, examples, expect_file, open_run, shard_option
from genoml.cli.tile import opened_genome
from genoml.data.peaks import GenomeCodes
from genoml.genome import concat
from genoml.io.bed import bed_intervals
from genoml.parallel import Shard
from genoml.runs.attribute import Method, attribute
from genoml.runs.attributions import Attributions
from genoml.runs.regions import windows_of
from genoml.runs.run import Run


@click.command(
    "attribute",
    epilog=examples(
        "genoml attribute RUN sequences.fa --out contributions.npz",
        "genoml attribute RUN --genome genome.fa --regions peaks.bed --out contributions.npz --bigwig bases.bw",
        "genoml attribute RUN sequences.fa --method mutagenesis --explain profile --out contributions.npz",
        "genoml attribute RUN sequences.fa --out contributions.npz --modisco peaks",
        "genoml attribute RUN sequences.fa --out contributions.npz --control 5",
        "genoml attribute RUN sequences.fa --out 3.npz --shard 3/16",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("sequences", required=False, type=click.Path())
@click.option("--genome", metavar="FILE", help="FASTA or store of a genome, in place of SEQUENCES.")
@click.option("--regions", metavar="BED", help="With --genome: windows around these.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="NPZ file to write.")
@click.option(
    "--method",
    default="deeplift",
    show_default=True,
    type=click.Choice(get_args(Method)),
    help="DeepLIFT or integrated gradients from shuffled references, gradient times input, or in-silico mutagenesis.",
)
@click.option(
    "--references",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Of DeepLIFT and integrated gradients: dinucleotide shuffles of each sequence.",
)
@click.option(
    "--steps",
    default=32,
    show_default=True,
    type=click.IntRange(1),
    help="Of integrated gradients: points on the way from a shuffle to the sequence.",
)
@click.option(
    "--control",
    metavar="N",
    default=0,
    type=click.IntRange(0),
    help="Also explain N shuffles of each sequence (of 500 of them, if there are more): the control of seqlets.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the shuffles.")
@click.option(
    "--explain",
    metavar="OUTPUT",
    help="Output that is explained: a task or class (the first); of profiles counts (the default) or profile, of one "
    "track counts:TRACK.",
)
@click.option(
    "--bigwig",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --genome: contributions along the genome (.bw); where windows overlap, those of the nearest middle.",
)
@click.option(
    "--modisco",
    metavar="PREFIX",
    help="Also write PREFIX.onehot.npz and PREFIX.attributions.npz for modisco.",
)
@shard_option
@backend_option
def command(
    run: Path,
    sequences: str | None,
    genome: str | None,
    regions: str | None,
    out: Path,
    method: Method,
    references: int,
    steps: int,
    control: int,
    seed: int,
    explain: str | None,
    bigwig: Path | None,
    modisco: str | None,
    shard: Shard | None,
    backend_name: str | None,
) -> None:
    """Write what each base of SEQUENCES, a FASTA or FASTQ file, contributes to the output of the model in RUN.

    The NPZ file holds names, codes (n, length), actual (n, length), which is what each base contributes, hypothetical
    (n, length, 4), which is what each of A, C, G and T would, and how they were computed. DeepLIFT's contributions sum,
    for each sequence, to the difference of the output from its mean over the sequence's own shuffles. With --control it
    holds control_codes (m, length) and control_actual (m, length) too, of shuffled sequences by the same method.

    With --genome the sequences are windows of the training's length around --regions, on their strands.

    The files of all parts of --shard are read as one by `genoml discover`, and by Attributions.load in Python.
    """
    if out.is_dir() or not out.absolute().parent.is_dir() or out.suffix != ".npz":
        raise ValueError(f"{out}: --out expects a file name that ends in .npz, in a folder that exists")
    if (sequences is None) == (genome is None):
        got = "neither" if genome is None else "both"
        raise click.UsageError(f"expects SEQUENCES, or --genome and --regions; got {got}")
    if genome is None and (regions is not None or bigwig is not None):
        raise click.UsageError("--regions and --bigwig have a meaning with --genome only")
    if shard is not None and (bigwig is not None or modisco is not None):
        raise click.UsageError("--bigwig and --modisco are of all sequences; leave them out with --shard")
    part = expect_file(shard, sequences if genome is None else regions)
    loaded = open_run(run, backend_name)
    how: dict[str, Any] = {
        "method": method, "references": references, "steps": steps, "seed": seed, "output": explain,
        "control": control, "shard": part,
    }  # fmt: skip
    if genome is not None:
        found = _of_genome(loaded, genome, regions, bigwig, how)
    else:
        named = loaded.read(str(sequences))
        found = attribute(loaded, named.letters, named.ids, **how)
    if not part.ranks.first:
        return
    found.save(out)
    files = [out, *([bigwig] if bigwig else []), *(found.save_modisco(modisco) if modisco else [])]
    sums = f", sums exact to {found.error:.0e}" if found.references else ""
    beside = "" if found.control_codes is None else f", beside {len(found.control_codes)} shuffled ones"
    click.echo(
        f"contributions to {found.output}: {len(found.names)} sequences of {found.codes.shape[1]} bp "
        f"by {method}{sums}{beside}; {', '.join(map(str, files))}",
        err=True,
    )


def _of_genome(
    run: Run, genome: str, regions: str | None, bigwig: Path | None, how: dict[str, Any]
) -> Attributions:
    """Contributions in windows around regions, and their track."""
    if regions is None:
        raise click.UsageError("--genome expects --regions: the peaks whose bases are explained")
    with opened_genome(genome) as store:
        windows = windows_of(run, store, concat(bed_intervals(regions, sizes=store.sizes)))
        names = [f"{windows.place(row)}({windows.strand[row]})" for row in range(len(windows))]
        codes = GenomeCodes(store, windows)[np.arange(len(windows))]
        found = attribute(run, codes, names, **how)
        if bigwig is not None and how["shard"].ranks.first:
            found.save_bigwig(bigwig, store, windows)
    return found
