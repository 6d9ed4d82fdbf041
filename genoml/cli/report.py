"""``genoml report``: write one page about a run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from genoml.cli.data_options import SeveralWords, data_of, data_options
from genoml.cli.options import NegativesPath, backend_option, examples, open_backend
from genoml.runs import load_run
from genoml.runs.evaluate import data_of_run


@click.command(
    "report",
    cls=SeveralWords,
    epilog=examples(
        "genoml report RUN --out report.html",
        "genoml report RUN test_pos.fa test_neg.fa --out report.html",
        "genoml report RUN --held-out --out report.html",
        "genoml report RUN --table test.tsv --out report.html",
        "genoml report RUN --sequences new.fa --show chr8:100-200 > report.html",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("labelled", nargs=-1, metavar="[POSITIVES NEGATIVES]", type=NegativesPath())
@click.option(
    "--out",
    default="-",
    type=click.Path(path_type=Path),
    help="HTML file to write; - is standard output, if that is no terminal.",
)
@click.option(
    "--sequences",
    "unlabelled",
    metavar="FILE",
    type=click.Path(),
    help="Sequences to explain, without labels.",
)
@click.option("--held-out", is_flag=True, help="On the part of the training's data that was held out.")
@data_options()
@click.option("--show", multiple=True, metavar="NAME", help="Explain this sequence; may be repeated.")
@click.option(
    "--top", default=3, show_default=True, type=click.IntRange(0), help="Explain the highest-scoring ones."
)
@click.option(
    "--explain",
    metavar="OUTPUT",
    help="Output that they are explained for: a task or class (the first); of profiles counts (the default) or "
    "profile, of one track counts:TRACK.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    help="Probability from which on a sequence is called positive (that of the run, or 0.5).",
)
@click.option(
    "--replicate",
    multiple=True,
    metavar="FILE...",
    help="Of profiles: bigWig of another replicate, one a track, whose scores stand beside the model's.",
)
@backend_option
def command(
    run: Path,
    labelled: tuple[str, ...],
    out: Path,
    unlabelled: str | None,
    show: tuple[str, ...],
    top: int,
    explain: str | None,
    threshold: float | None,
    held_out: bool,
    replicate: tuple[str, ...],
    backend_name: str | None,
    **options: Any,
) -> None:
    """Write a page about the run folder RUN: one HTML file, to open anywhere and offline.

    It shows the training curves. With POSITIVES and NEGATIVES, FASTA or FASTQ files that the model was not
    trained on (or the word `shuffle` for NEGATIVES), also ROC and precision-recall, calibration, the confusion at
    the threshold, the worst false calls, GC content and length of both classes, the motifs found in what bases
    contribute and the filters as motifs, with what they resemble in JASPAR, and the bases that matter in the
    highest-scoring positives, or in those that --show names. --sequences shows the latter three for sequences
    without labels. A run of another task, such as a regression on a table, is shown on other data with the options that
    name them, or on its own with --held-out: predicted against true numbers, the calibration of counts, the confusion
    of classes.
    """
    from genoml.report import expect_writable, write_report
    from genoml.runs.explained import explained_output

    if len(labelled) not in (0, 2):
        raise click.UsageError(f"expects POSITIVES and NEGATIVES, both or none, got {len(labelled)} file(s)")
    if labelled and unlabelled:
        raise click.UsageError("expects POSITIVES and NEGATIVES, or --sequences, not both")
    values = data_of(options)
    if sum(map(bool, (labelled, unlabelled, values, held_out))) > 1:
        raise click.UsageError("expects one of files, --sequences, options of the data and --held-out")
    if show and not (labelled or unlabelled or values or held_out):
        raise click.UsageError("--show expects POSITIVES and NEGATIVES, or --sequences")
    if replicate and not (values or held_out):
        raise click.UsageError("--replicate expects --held-out, or the data that it is a replicate of")
    if to_output := str(out) == "-":
        if sys.stdout.isatty():
            raise click.UsageError(
                "a page is HTML, for a browser; name a file with --out, or redirect the output"
            )
        folder = click.get_current_context().with_resource(TemporaryDirectory())
        out = Path(folder) / "report.html"
    expect_writable(out)
    loaded = load_run(run, open_backend(backend_name))
    what = explained_output(loaded, explain).what
    data = data_of_run(loaded, values) if values or held_out else None
    write_report(
        loaded, out, *labelled, sequences=unlabelled, data=data, held_out=held_out, show=show, top=top,
        explain=explain, threshold=threshold, replicate=replicate, command=_typed(),
    )  # fmt: skip
    if what and (labelled or unlabelled or data is not None):
        click.echo(f"bases are explained for {what}", err=True)
    if to_output:
        click.echo(out.read_bytes(), nl=False)
    else:
        click.echo(f"report: {out} (open it in any browser)")


def _typed() -> str:
    """The command, without the name of the page."""
    words = list(click.get_current_context().meta["genoml.words"])
    kept = [
        word
        for word, before in zip(words, ["", *words[:-1]], strict=True)
        if "--out" not in (word, before) and not word.startswith("--out=")
    ]
    return shlex.join(["genoml", "report", *kept])
