"""``genoml variants``: score the variants of a VCF file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from genoml.cli.options import backend_option, examples, expect_file, open_output, open_run, shard_option
from genoml.cli.tile import opened_genome
from genoml.genome import concat
from genoml.io.bed import bed_intervals
from genoml.io.vcf import open_vcf
from genoml.parallel import Shard


def scoring_options(command: Any) -> Any:
    """Add the options of scoring that ``genoml variants`` and ``genoml saturate`` share."""
    for option in reversed(
        (
            click.option(
                "--task",
                "tasks",
                multiple=True,
                metavar="NAME",
                help="Score this task alone; can be repeated.",
            ),
            click.option(
                "--effect",
                type=click.Choice(["difference", "log2_ratio", "profile"]),
                help="Difference of logits, log-rates or values (default); log2 of the ratio of predictions; "
                "counts and shape of profiles (their default).",
            ),
            click.option(
                "--null",
                default=0,
                show_default=True,
                metavar="N",
                type=click.IntRange(0),
                help="Also score each in N dinucleotide shuffles of its window: z and p.",
            ),
            click.option(
                "--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the shuffles."
            ),
            click.option(
                "--length",
                "length_bp",
                type=click.IntRange(1),
                metavar="BP",
                help="Of a window (that of the training).",
            ),
            click.option(
                "--share",
                "share_bp",
                default=0,
                show_default=True,
                type=click.IntRange(0),
                metavar="BP",
                help="Single bases in the same stretch of BP share a window, off its centre by half of that.",
            ),
            click.option(
                "--edges",
                default="drop",
                show_default=True,
                type=click.Choice(["drop", "pad"]),
                help="Of windows that pass an end of the chromosome: not scored, or padded.",
            ),
            click.option(
                "--most-n",
                default=0.1,
                show_default=True,
                type=click.FloatRange(0, 1),
                metavar="SHARE",
                help="Greatest share of ambiguous bases in a window.",
            ),
            click.option(
                "--resume",
                is_flag=True,
                help="Go on where an interrupted scoring stopped, to the same bytes.",
            ),
            shard_option,
        )
    ):
        command = option(command)
    return command


@click.command(
    "variants",
    epilog=examples(
        "genoml variants RUN calls.vcf.gz genome.fa --out scores.tsv",
        "genoml variants RUN calls.vcf genome.fa --out scores.tsv --vcf annotated.vcf.gz --summary summary.json",
        "genoml variants RUN calls.vcf genome.fa --regions peaks.bed --null 100 --out scores.tsv --resume",
        "genoml variants RUN snps.tsv genome.fa --columns chrom=CHR,pos=BP,ref=A1,alt=A2 > scores.tsv",
        "genoml variants RUN calls.vcf genome.fa --out scores.tsv --report page.html",
        "genoml variants RUN calls.vcf.gz genome.fa --out 3.tsv --shard 3/16",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("calls", type=click.Path())
@click.argument("genome", type=click.Path())
@click.option(
    "--out", default="-", show_default=True, metavar="FILE", type=click.Path(), help="Table to write, TSV."
)
@click.option(
    "--vcf", metavar="FILE", type=click.Path(), help="Also write CALLS with the scores as an INFO key."
)
@click.option("--summary", metavar="FILE", type=click.Path(), help="Also write the numbers by status, JSON.")
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write a page, HTML, about the variants with the largest effects.",
)
@click.option("--top", default=5, show_default=True, type=click.IntRange(1), help="Variants on the page.")
@click.option(
    "--columns", metavar="NAMES", help="CALLS is a TSV or CSV: chrom=A,pos=B,ref=C,alt=D and maybe id=E."
)
@click.option("--regions", metavar="BED", type=click.Path(), help="Score variants in these regions only.")
@click.option(
    "--swapped",
    default="skip",
    show_default=True,
    type=click.Choice(["skip", "score"]),
    help="Variants whose ALT, not REF, is the genome's; scored, alleles and sign are exchanged.",
)
@click.option("--normalise", is_flag=True, help="Shift insertions and deletions left before scoring.")
@click.option(
    "--anchor",
    default="middle",
    show_default=True,
    type=click.Choice(["middle", "both"]),
    help="Of insertions and deletions: one left flank, or the mean of one left and one right.",
)
@click.option(
    "--least-match",
    default=0.95,
    show_default=True,
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Of REF alleles at the beginning that are the genome's; below it, nothing is scored.",
)
@scoring_options
@backend_option
def command(
    run: Path,
    calls: str,
    genome: str,
    out: str,
    vcf: str | None,
    summary: str | None,
    report: Path | None,
    top: int,
    columns: str | None,
    regions: str | None,
    swapped: str,
    least_match: float,
    resume: bool,
    shard: Shard | None,
    backend_name: str | None,
    **options: Any,
) -> None:
    """Score what each variant of CALLS, a VCF file, changes in the predictions of the model in the folder RUN.

    Every ALT gets a row and a status. REF is compared with GENOME, FASTA or a store made from it, before anything is
    scored; a file of another genome build is refused. The row has the predictions for both alleles, and the effect of
    each task. Substitutions, insertions and deletions are scored; CALLS may be compressed, and - is standard input.
    """
    from genoml.variants import score_file

    if out == "-" and (vcf or resume):
        raise click.UsageError("--vcf and --resume expect --out FILE")
    if shard is not None and (summary or report):
        raise click.UsageError("--summary and --report are of all of CALLS; leave them out with --shard")
    part = expect_file(shard, calls)
    if vcf and columns:
        raise click.UsageError("--vcf expects VCF; leave out --columns")
    if report is not None:
        from genoml.report import expect_writable

        expect_writable(report)
    for path in filter(None, (None if out == "-" else out, vcf, summary)):
        _expect_writable(Path(path), calls)
    loaded = open_run(run, backend_name)
    file = open_vcf(calls, columns=_named(columns))
    with opened_genome(genome) as store:
        found = None if regions is None else concat(bed_intervals(regions, sizes=store.sizes))
        options |= {"regions": found, "score_swapped": swapped == "score", "tasks": options["tasks"] or None}
        shared: dict[str, Any] = {
            "least_match": least_match,
            "resume": resume,
            "annotated": vcf,
            "shard": part,
            **options,
        }
        if out == "-":
            with open_output(out, part.ranks) as stream:
                result = score_file(loaded, store, file, stream, **shared)
        else:
            result = score_file(loaded, store, file, out, **shared)
        if not part.ranks.first:
            return
        if summary is not None:
            result.write(summary)
        if report is not None:
            from genoml.report import write_variant_report

            write_variant_report(loaded, store, result, report, top=top, length_bp=options["length_bp"])
    tell_summary(result, [each for each in (out if out != "-" else "standard output", vcf, report) if each])


def tell_summary(result: Any, files: list[Any]) -> None:
    """Print what became of the variants."""
    statuses = ", ".join(
        f"{count:,} {name}" for name, count in sorted(result.statuses.items(), key=lambda x: -x[1])
    )
    line = f"{result.records:,} records, {result.alts:,} alternative alleles: {statuses or 'none'}"
    if result.duplicates:
        line += f"; {result.duplicates:,} duplicates"
    if result.alts and not result.strongest:
        click.echo("warning: no variant was scored; the column status says why", err=True)
    if result.chromosomes:
        click.echo(f"genoml: {result.chromosomes}", err=True)
    click.echo(f"{line}; {', '.join(map(str, files))}", err=True)


def _expect_writable(path: Path, calls: str) -> None:
    """Raise ValueError, before any work, if a file cannot be written, or is the one that is read."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"{path}: expects a file name in a folder that exists; choose another")
    if path.exists() and calls != "-" and os.path.exists(calls) and path.samefile(calls):
        raise ValueError(f"{path}: is the file of variants itself; choose another name")


def _named(columns: str | None) -> dict[str, str] | None:
    """``chrom=CHR,pos=BP`` as a mapping."""
    if columns is None:
        return None
    pairs = [part.partition("=") for part in columns.split(",")]
    if not all(key and name for key, _, name in pairs):
        raise click.UsageError(f"--columns expects chrom=A,pos=B,ref=C,alt=D and maybe id=E, got {columns!r}")
    return {key.strip(): name.strip() for key, _, name in pairs}
