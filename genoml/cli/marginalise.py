"""``genoml marginalise``: what motifs alone do to a trained model's output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genoml.cli.experiment_options import (
    background_options,
    backgrounds_of,
    experiment,
    known_motifs,
    result_options,
)
from genoml.cli.options import examples

if TYPE_CHECKING:
    from genoml.explain.tasks import Task
    from genoml.runs import Run


@click.command(
    "marginalise",
    epilog=examples(
        "genoml marginalise RUN --motifs known.meme --backgrounds peaks.fa --shuffle 100 --out effects.tsv",
        "genoml marginalise RUN --genome genome.fa --out effects.tsv --report page.html",
        "genoml marginalise RUN --motif TGASTCA --motif CTCF --strand +",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--motifs",
    metavar="FILE",
    help="Motifs in MEME, JASPAR, TRANSFAC, HOMER, cluster-buster or HOCOMOCO format. Default: the 879 vertebrate "
    "motifs of JASPAR 2024.",
)
@click.option(
    "--motif",
    "words",
    metavar="NAME",
    multiple=True,
    help="Only this one, by name or symbol; or IUPAC letters. Repeatable.",
)
@background_options
@click.option(
    "--position",
    metavar="BP",
    type=click.IntRange(0),
    help="Where motifs begin, from 0. Default: in the middle.",
)
@click.option(
    "--strand",
    type=click.Choice(["both", "+", "-"]),
    default="both",
    show_default=True,
    help="Motifs as they are written, their reverse complements, or the mean of both.",
)
@result_options
def command(
    run: Path, motifs: str | None, words: tuple[str, ...], position: int | None, strand: str, sample: bool, seed: int,
    sequences: str | None, shuffles: int | None, genome: str | None, count: int, **results: Any,
) -> None:  # fmt: skip
    """Put motifs into backgrounds, one at a time, and write how the output of the model in RUN changes.

    Each background is compared with itself. The table has a row a motif: effect, the mean change over backgrounds and
    strands, of a value, a logit, or the logarithm of a rate or of counts; its standard_error; t; p_value, of Wilcoxon's
    signed-rank test; fdr, by Benjamini and Hochberg over the motifs; the mean effect on each strand; and the number
    and mean GC content of the backgrounds.
    """
    from genoml.explain import marginalise
    from genoml.runs.experiments import motifs_named

    def compute(loaded: Run, task: Task) -> Any:
        known, where = known_motifs(motifs)
        codes = backgrounds_of(
            loaded, sequences=sequences, shuffles=shuffles, genome=genome, count=count, seed=seed
        )
        found = marginalise(
            loaded.model,
            codes,
            motifs_named(known, words, where) if words else known,
            position="centre" if position is None else position,
            strands="+-" if strand == "both" else strand,  # type: ignore[arg-type]
            sample=sample,
            task=task,
            seed=seed,
        )
        return found, codes, ()

    experiment(
        run,
        compute,
        lambda found: f"{len(found.motifs)} motifs in {found.n_backgrounds} backgrounds",
        **results,
    )
