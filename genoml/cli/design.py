"""``genoml design``: change sequences so that a model's predictions come near a goal."""

from __future__ import annotations

from pathlib import Path

import click

from genoml.cli.options import backend_option, examples, open_run


@click.command(
    "design",
    epilog=examples(
        "genoml design RUN --start sequences.fa --out designed.fa",
        "genoml design RUN --start sequences.fa --goal minimise --task liver --out designed.fa --table designed.tsv",
        "genoml design RUN --start sequences.fa --config design.toml --out designed.fa --report page.html",
        "genoml design RUN1 RUN2 RUN3 --start sequences.fa --config design.toml --out designed.fa",
    ),
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option("--start", required=True, metavar="FILE", help="Sequences to begin with, FASTA or FASTQ.")
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="FASTA to write: only sequences that satisfy every constraint.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Goal, constraints and method (TOML); see docs/design.md.",
)
@click.option(
    "--goal",
    type=click.Choice(["maximise", "minimise", "target", "specific"]),
    help="What is wanted (maximise); the values of target are in --config.",
)
@click.option("--task", metavar="OUTPUT", help="Output that the goal is about (the first).")
@click.option(
    "--method",
    type=click.Choice(["evolve", "beam", "anneal", "insert", "gradient"]),
    help="How sequences are searched (evolve); the motifs of insert are in --config.",
)
@click.option(
    "--rounds", type=click.IntRange(1), metavar="N", help="Rounds at most (by method: 20 of evolve)."
)
@click.option("--width", type=click.IntRange(1), metavar="N", help="Of beam, anneal and gradient (8).")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Seed of anneal and gradient (0).")
@click.option(
    "--table",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="TSV to write: a row for each start, also those that failed, with predictions, edits and violations.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="HTML page to write: the path of the score, and what changed in some sequences.",
)
@backend_option
def command(
    runs: tuple[Path, ...],
    start: str,
    out: Path,
    config: Path | None,
    goal: str | None,
    task: str | None,
    method: str | None,
    rounds: int | None,
    width: int | None,
    seed: int | None,
    table: Path | None,
    report: Path | None,
    backend_name: str | None,
) -> None:
    """Change the sequences in --start so that the predictions of the model in RUN come near a goal.

    Several RUNs are an ensemble. Every sequence that is written satisfies every constraint of --config: fixed parts,
    content of G and C, runs, repeats, sites of enzymes, a protein, most edits. A sequence of which none could be made
    is named, with the reason, and left out.
    """
    from genoml.runs.design import design_sequences
    from genoml.runs.design_settings import read_design

    for path in filter(None, (out, table)):
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise ValueError(f"{path}: expects a file name in a folder that exists")
    if report is not None:
        from genoml.report import expect_writable

        expect_writable(report)
    about = {key: value for key, value in (("kind", goal), ("task", task)) if value is not None}
    given = {"goal": about, "method": method, "rounds": rounds, "width": width, "seed": seed}
    settings = read_design(config, given)
    loaded = [open_run(path, backend_name) for path in runs]
    result = design_sequences(loaded, loaded[0].read(start), settings)
    found = result.found
    result.save_fasta(out)
    if table is not None:
        result.save_table(table)
    if report is not None:
        from genoml.report import write_design_report

        write_design_report(loaded[0], result, report)
    for row in found.failed:
        click.echo(
            f"warning: {result.names[row]}: not designed: {'; '.join(found.violations[row])}", err=True
        )
    edits = sum(map(len, found.edits)) / max(len(found.rows), 1)
    click.echo(
        f"{len(found.rows)} of {len(found.start)} sequences designed by {settings.method}, {edits:.1f} edits each; "
        f"{', '.join(str(path) for path in (out, table, report) if path)}",
        err=True,
    )
