"""``genoml saturate``: score every substitution in regions of a genome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from genoml.cli.options import backend_option, examples, expect_file, open_run
from genoml.cli.tile import opened_genome
from genoml.cli.variants import scoring_options, tell_summary
from genoml.genome import concat
from genoml.io.bed import bed_intervals
from genoml.parallel import Shard


@click.command(
    "saturate",
    epilog=examples(
        "genoml saturate RUN genome.fa peaks.bed --out effects.tsv",
        "genoml saturate RUN genome.fa peaks.bed --share 100 --out effects.bw --resume",
        "genoml saturate RUN genome.fa peaks.bed --out effects.vcf.gz",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("genome", type=click.Path())
@click.argument("regions", type=click.Path())
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="TSV (.tsv), VCF (.vcf, .vcf.gz), or bigWig (.bw): what each base is worth.",
)
@scoring_options
@backend_option
def command(
    run: Path, genome: str, regions: str, out: Path, resume: bool, shard: Shard | None, backend_name: str | None,
    **options: Any,
) -> None:  # fmt: skip
    """Score every substitution of every base in REGIONS of GENOME, with the model in the folder RUN.

    Each base is in the middle of its own window, or near it with --share, which is many times faster. The table has
    the columns of `genoml variants`. A track has minus the mean effect of the three substitutions of a base, which is
    what the base is worth.
    """
    from genoml.variants import saturate_regions

    part = expect_file(shard, regions)
    loaded = open_run(run, backend_name)
    with opened_genome(genome) as store:
        places = concat(bed_intervals(regions, sizes=store.sizes))
        options["tasks"] = options["tasks"] or None
        files, result = saturate_regions(loaded, store, places, out, resume=resume, shard=part, **options)
    tell_summary(result, list(files))
