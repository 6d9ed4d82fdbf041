"""What the commands of experiments share: options for backgrounds and results, and the writing of these."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from genoml.cli.options import backend_option, open_output, open_run, out_option
from genoml.cli.tile import opened_genome

if TYPE_CHECKING:
    from genoml.explain import Ablation, Marginalisation, Spacing
    from genoml.explain.tasks import Task
    from genoml.io import Motif
    from genoml.runs import Run

    Found = Marginalisation | Ablation | Spacing

_BACKGROUNDS = (
    click.option(
        "--backgrounds",
        "sequences",
        metavar="FILE",
        help="FASTA or FASTQ of sequences to put motifs into. Default: random sequences.",
    ),
    click.option(
        "--shuffle",
        "shuffles",
        metavar="N",
        type=click.IntRange(1),
        help="N dinucleotide shuffles of --backgrounds in their place.",
    ),
    click.option(
        "--genome",
        metavar="FILE",
        help="FASTA or store of a genome: windows of it, like --backgrounds in GC content if they are given.",
    ),
    click.option(
        "--count",
        metavar="N",
        default=100,
        show_default=True,
        type=click.IntRange(1),
        help="Windows of --genome, or random sequences.",
    ),
    click.option(
        "--sample", is_flag=True, help="Draw bases by a motif's probabilities, for each background."
    ),
)
_RESULTS = (
    click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of all draws."),
    click.option("--explain", metavar="OUTPUT", help="Output that is looked at, as in genoml attribute."),
    out_option,
    click.option("--report", metavar="PAGE", type=click.Path(path_type=Path), help="HTML page to write."),
    backend_option,
)


def background_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of backgrounds to a command."""
    for option in reversed(_BACKGROUNDS):
        command = option(command)
    return command


def result_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the seed, the output that is looked at, the files to write and the backend to a command."""
    for option in reversed(_RESULTS):
        command = option(command)
    return command


def backgrounds_of(
    run: Run, *, sequences: str | None, shuffles: int | None, genome: str | None, count: int, seed: int
) -> np.ndarray:
    """The backgrounds that the options ask for.

    Raises
    ------
    click.UsageError
        For options that contradict each other.
    """
    from genoml.runs.experiments import run_backgrounds

    if shuffles and (sequences is None or genome is not None):
        raise click.UsageError("--shuffle expects --backgrounds to shuffle, and no --genome")
    if genome is None:
        return run_backgrounds(run, sequences, shuffles=shuffles or 0, count=count, seed=seed)
    with opened_genome(genome) as store:
        return run_backgrounds(run, sequences, genome=store, count=count, seed=seed)


def known_motifs(path: str | None) -> tuple[list[Motif], str]:
    """The motifs of a file, or of JASPAR, and where they are from."""
    from genoml.io import jaspar_motifs, read_motifs

    return (jaspar_motifs(), "JASPAR 2024 vertebrates") if path is None else (read_motifs(path), path)


def experiment(
    path: Path,
    compute: Callable[[Run, Task], tuple[Found, np.ndarray, Sequence[str]]],
    words: Callable[[Any], str],
    *,
    explain: str | None,
    out: str,
    report: Path | None,
    backend_name: str | None,
) -> None:
    """Compute an experiment with a run, and write its table and page.

    Parameters
    ----------
    path : Path
        The run's folder.
    compute : callable
        (run, task) -> result, sequences and their names.
    words : callable
        The result in words, for the line at the end.
    """
    from genoml.report import expect_writable, write_experiment_report
    from genoml.runs.experiments import effect_table, table_text
    from genoml.runs.explained import explained_output

    if report is not None:
        expect_writable(report)
    run = open_run(path, backend_name)
    explained = explained_output(run, explain)
    with open_output(out) as stream:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            found, codes, names = compute(run, explained.task)
        for each in caught:
            click.echo(f"warning: {each.message}", err=True)
        stream.write(table_text(effect_table(found, names)))
    if report is not None:
        write_experiment_report(run, found, report, codes=codes, names=names, explain=explain)
    files = ([] if out == "-" else [out]) + ([] if report is None else [str(report)])
    line = f"effects on {explained.what or 'the output'} of {words(found)}"
    click.echo("; ".join([line, ", ".join(files)]) if files else line, err=True)
