"""``genoml space``: what two motifs do together at several distances."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
    "space",
    epilog=examples(
        "genoml space RUN TGASTCA MA0139.2 --backgrounds peaks.fa --shuffle 100 --out spacing.tsv --report page.html",
        "genoml space RUN GATTA TGATA --distances 5:60 --orientation ++ --orientation +-",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("first")
@click.argument("second")
@click.option(
    "--motifs",
    metavar="FILE",
    help="Where FIRST and SECOND are looked up. Default: JASPAR 2024, vertebrates.",
)
@click.option(
    "--distances",
    metavar="FROM:TO",
    default="0:150",
    show_default=True,
    help="Bases between the motifs, TO not included; or FROM:TO:STEP.",
)
@click.option(
    "--orientation",
    "orientations",
    multiple=True,
    type=click.Choice(["++", "+-", "-+", "--"]),
    help="Strands of both motifs; repeatable. Default: all four.",
)
@click.option(
    "--fixed",
    type=click.Choice(["first", "second"]),
    default="first",
    show_default=True,
    help="The motif that stays in its place.",
)
@click.option(
    "--position",
    metavar="BP",
    type=click.IntRange(0),
    help="Where that one begins, from 0. Default: so that the widest arrangement is in the middle.",
)
@background_options
@result_options
def command(
    run: Path, first: str, second: str, motifs: str | None, distances: str, orientations: tuple[str, ...],
    fixed: Literal["first", "second"], position: int | None, sample: bool, seed: int, sequences: str | None,
    shuffles: int | None, genome: str | None, count: int, **results: Any,
) -> None:  # fmt: skip
    """Put FIRST and SECOND into backgrounds at several distances, and write what they do together.

    A motif is a name, or IUPAC letters. SECOND lies behind FIRST. The table has a row for each pair of strands and
    distance: the mean output with both motifs (joint), with one (first, second) and with neither; cooperativity,
    joint - first - second + neither, 0 where effects add up; its standard_error, t, p_value and fdr, as in genoml
    marginalise.
    """
    from genoml.explain import space

    apart = _range(distances)

    def compute(loaded: Run, task: Task) -> Any:
        codes = backgrounds_of(
            loaded, sequences=sequences, shuffles=shuffles, genome=genome, count=count, seed=seed
        )
        found = space(
            loaded.model,
            codes,
            _one(first, motifs),
            _one(second, motifs),
            apart,
            orientations=orientations or "all",
            fixed=fixed,
            position="centre" if position is None else position,
            sample=sample,
            task=task,
            seed=seed,
        )
        return found, codes, ()

    def words(found: Any) -> str:
        labels = " and ".join(motif.label for motif in found.motifs)
        return f"{labels} at {len(found.distances)} distances in {found.n_backgrounds} backgrounds"

    experiment(run, compute, words, **results)


def _range(text: str) -> range:
    """FROM:TO, or FROM:TO:STEP."""
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(part.isdigit() for part in parts) or parts[2:] == ["0"]:
        raise click.UsageError(f"--distances expects FROM:TO or FROM:TO:STEP, such as 0:150, got {text!r}")
    return range(*map(int, parts))


def _one(word: str, path: str | None) -> Any:
    """The one motif of a name, or letters."""
    from genoml.runs.experiments import motifs_named

    known, where = known_motifs(path)
    found = motifs_named(known, [word], where)
    if len(found) > 1:
        names = ", ".join(getattr(motif, "name", "") for motif in found)
        raise ValueError(f"{where}: {word} is the symbol of {len(found)} motifs; choose one of {names}")
    return found[0]
