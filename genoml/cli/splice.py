"""``genoml splice``: score what the variants of a VCF file do to splice sites."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from genoml.cli.options import backend_option, examples, expect_file, open_backend, open_output, shard_option
from genoml.cli.tile import opened_genome
from genoml.cli.variants import tell_summary
from genoml.genome import open_genome
from genoml.parallel import Shard

#: the names of the shipped example's files: variants, genome, genes
_EXAMPLE = ("splice_example.vcf", "splice_example.fa.gz", "splice_example.gtf")


@click.command(
    "splice",
    epilog=examples(
        "genoml splice --example",
        "genoml splice calls.vcf.gz genome.fa genes.gtf.gz --out scores.vcf.gz",
        "genoml splice calls.vcf genome.fa genes.gff3 --model RUN1 --model RUN2 --mask --out scores.vcf --resume",
    ),
)
@click.argument("calls", required=False, type=click.Path())
@click.argument("genome", required=False, type=click.Path())
@click.argument("genes", required=False, type=click.Path())
@click.option("--example", is_flag=True, help="Score a few variants of one gene, which come with genoml.")
@click.option(
    "--out",
    default="-",
    show_default=True,
    metavar="FILE",
    type=click.Path(),
    help="VCF to write, .gz or not.",
)
@click.option(
    "--model", "models", multiple=True, metavar="RUN", type=click.Path(path_type=Path),
    help="Run of a network, from `genoml import`; can be repeated, and is averaged. Default: the network that comes "
    "with genoml, one of CI-SpliceAI's five (CC BY 4.0).",
)  # fmt: skip
@click.option(
    "--context", "context_bp", type=click.IntRange(0), metavar="BP",
    help="Bases that the networks must see around each (what the first one sees).",
)  # fmt: skip
@click.option("--distance", default=50, show_default=True, type=click.IntRange(0, 5000), metavar="BP",
              help="Bases on either side in which sites may be gained or lost.")  # fmt: skip
@click.option(
    "--mask", is_flag=True, help="Count gains at the nearest exon boundary, and losses elsewhere, as 0."
)
@click.option(
    "--raw", metavar="FILE", type=click.Path(), help="Also write the probabilities at each position, TSV."
)
@click.option("--key", default="SPLICE", show_default=True, metavar="NAME",
              help="INFO key, such as SpliceAI for readers that expect it.")  # fmt: skip
@click.option("--least-match", default=0.95, show_default=True, type=click.FloatRange(0, 1), metavar="SHARE",
              help="Of REF alleles at the beginning that are the genome's; below it, nothing is scored.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on where an interrupted scoring stopped, to the same bytes.")
@shard_option
@backend_option
def command(
    calls: str | None, genome: str | None, genes: str | None, example: bool, out: str, models: tuple[Path, ...],
    context_bp: int | None, distance: int, mask: bool, raw: str | None, key: str, least_match: float, resume: bool,
    shard: Shard | None, backend_name: str | None,
) -> None:  # fmt: skip
    """Write CALLS, a VCF file, with delta scores: what each variant does to the splice sites of its genes.

    GENOME is FASTA or a store made from it; GENES has the exons, as GTF, GFF3 or SpliceAI's table. Substitutions,
    insertions and deletions are scored in every gene that holds them, and REF is checked. Scores are written as
    SpliceAI writes them: ALLELE|SYMBOL|DS_AG|DS_AL|DS_DG|DS_DL|DP_AG|DP_AL|DP_DG|DP_DL, gain and loss of acceptors
    and donors from 0 to 1, and where. The header says whose networks they are.
    """
    from genoml.io import open_vcf, read_genes
    from genoml.variants import SpliceOptions, SpliceScorer, load_networks, score_splicing
    from genoml.variants.splice_networks import names_of

    given = (calls, genome, genes)
    if example == any(given) or not (example or all(given)):
        raise click.UsageError("expects CALLS, GENOME and GENES, or --example alone")
    if out == "-" and (raw or resume):
        raise click.UsageError("--raw and --resume expect --out FILE")
    if not key.replace("_", "").replace(".", "").isalnum() or not key.isascii() or not key[0].isalpha():
        raise click.UsageError(f"--key expects letters, digits, _ and ., a letter first; got {key!r}")
    part = expect_file(shard, calls)
    backend = open_backend(backend_name)
    with ExitStack() as stack:
        if example:
            held = [stack.enter_context(as_file(files("genoml") / "resources" / name)) for name in _EXAMPLE]
            calls, genome, genes = map(str, held)
            folder = stack.enter_context(TemporaryDirectory())
            store = open_genome(genome, store=Path(folder) / "example.store")
        else:
            store = opened_genome(str(genome))
        stack.enter_context(store)
        networks = load_networks(models, context_bp=context_bp, backend=backend)
        click.echo(f"genoml: networks: {names_of(networks)}", err=True)
        scorer = SpliceScorer(networks, store, read_genes(str(genes)), SpliceOptions(distance, mask))
        file = open_vcf(str(calls))
        if out == "-":
            with open_output(out, part.ranks) as stream:
                result = score_splicing(scorer, file, stream, key=key, least_match=least_match, shard=part)
        else:
            result = score_splicing(
                scorer, file, out, key=key, raw=raw, least_match=least_match, resume=resume, shard=part
            )
    tell_summary(result, [each for each in (out if out != "-" else "standard output", raw) if each])
