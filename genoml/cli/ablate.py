"""``genoml ablate``: what sites do for a trained model's output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from genoml.cli.experiment_options import experiment, result_options
from genoml.cli.options import examples, open_output

if TYPE_CHECKING:
    from genoml.explain.tasks import Task
    from genoml.runs import Run


@click.command(
    "ablate",
    epilog=examples(
        "genoml ablate RUN peaks.fa sites.bed --out effects.tsv --report page.html",
        "genoml ablate RUN peaks.fa hits.bed --how background --repeats 50 --out effects.tsv --pairs pairs.tsv",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("sequences", type=click.Path())
@click.argument("sites", type=click.Path())
@click.option(
    "--how",
    default="shuffle",
    show_default=True,
    type=click.Choice(["shuffle", "random", "zero", "background"]),
    help="What takes the place of a site's bases: they themselves, shuffled; random bases of the sequence's "
    "composition; no base; or what stands there when the whole sequence is shuffled with its dinucleotides.",
)
@click.option(
    "--repeats", default=20, show_default=True, type=click.IntRange(1), help="Replacements of each site."
)
@click.option(
    "--pairs", "pairs_out", metavar="FILE", help="Also write the epistasis of pairs of sites in a sequence."
)
@result_options
def command(
    run: Path,
    sequences: str,
    sites: str,
    how: Literal["shuffle", "random", "zero", "background"],
    repeats: int,
    pairs_out: str | None,
    seed: int,
    **results: Any,
) -> None:
    """Replace the bases of SITES in SEQUENCES, and write how the output of the model in RUN changes.

    SITES is a BED file on SEQUENCES by their names, or on the genome where their names are loci (chr8:100-300(-), as
    genoml fetch writes them). Shorter sequences are padded to the training's length. The table has a row a site:
    before, the output for its sequence; effect, the mean change over the replacements; its standard_error, t, p_value
    and fdr, as in genoml marginalise.
    """
    from genoml.explain import ablate, pairs
    from genoml.runs.experiments import effect_table, table_text

    def compute(loaded: Run, task: Task) -> Any:
        named = loaded.read(sequences)
        options: dict[str, Any] = {"how": how, "n": repeats, "seed": seed, "task": task, "names": named.ids}
        found = ablate(loaded.model, named.letters, sites, **options)
        if pairs_out is not None:
            both = pairs(loaded.model, named.letters, sites, **options)
            with open_output(pairs_out) as stream:
                stream.write(table_text(effect_table(both, named.ids)))
        return found, named.codes(max(named.longest, loaded.record.length_bp)), named.ids

    experiment(
        run,
        compute,
        lambda found: f"{len(found.sites)} sites, {found.after.shape[1]} replacements each",
        **results,
    )
