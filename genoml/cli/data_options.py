"""Options that say what a run is trained or scored on: the table ``[data]`` of the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click

from genoml.cli.options import NegativesPath
from genoml.runs.data_settings import DataSettings, TaskKind

#: options that take several words, up to the next option
_SEVERAL = ("--positives", "--negatives", "--regions", "--signal", "--control", "--replicate")


class SeveralWords(click.Command):
    """Command whose options of files take several words, as a shell makes of a pattern: ``--regions A.bed B.bed``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its words; the context's ``meta`` keeps what was typed."""
        ctx.meta["genoml.words"] = list(args)
        spread: list[str] = []
        option = ""
        words = 0
        for word in args:
            if word.startswith("-") and word != "-":
                option, words = (word, 0) if word in _SEVERAL else ("", 0)
                spread.append(word)
                continue
            spread += [option] * (option != "" and words > 0) + [word]
            words += 1
        return super().parse_args(ctx, spread)


def _columns(context: click.Context, option: click.Parameter, given: str | None) -> list[str] | None:
    return None if given is None else [name.strip() for name in given.split(",") if name.strip()]


def _list(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> list[str] | None:
    return list(given) or None


_SEVERAL_FILES: dict[str, Any] = {"multiple": True, "callback": _list, "metavar": "FILE..."}
_FILE: dict[str, Any] = {"metavar": "FILE", "type": click.Path()}
_FILES = [
    click.option("--positives", type=click.Path(), **_SEVERAL_FILES, help="FASTA of the positives."),
    click.option(
        "--negatives", type=NegativesPath(), **_SEVERAL_FILES | {"metavar": "FILE...|shuffle|gc"},
        help="FASTA, or BED with --regions, or made: shuffle; with a genome gc.",
    ),
    click.option("--table", **_FILE, help="CSV or TSV with a column of sequences."),
    click.option("--h5ad", **_FILE, help="AnnData, cell types by regions of --genome (extra scverse)."),
    click.option("--genome", **_FILE, help="FASTA of a genome, for --regions or --h5ad."),
    click.option(
        "--regions", type=click.Path(), **_SEVERAL_FILES,
        help="BED or narrowPeak; several are tasks of one network.",
    ),
    click.option(
        "--signal", type=click.Path(), **_SEVERAL_FILES, help="bigWig, one a task (extra bigwig)."
    ),
    click.option(
        "--control", type=click.Path(), **_SEVERAL_FILES,
        help="bigWig of a control, beside --task profile: one, or one a signal.",
    ),
    click.option("--targets-table", **_FILE, help="CSV or TSV with a row for each region."),
]  # fmt: skip
_COLUMNS = [
    click.option("--layer", metavar="NAME", help="Layer of the h5ad file to learn (X)."),
    click.option("--by", metavar="COL", help="Column of its obs with the type of each cell, to average by."),
    click.option("--sequence", metavar="COL", callback=_columns, help="Column of the sequences (sequence)."),
    click.option("--targets", metavar="A,B", callback=_columns, help="Columns of numbers, or cell types."),
    click.option("--classes", metavar="COL", help="Column of labels, in place of --targets."),
    click.option("--group", metavar="COL", help="Column of groups that stay on one side, such as chromosomes."),
    click.option("--name", metavar="COL", help="Column with a name of each example."),
    click.option("--weight", metavar="COL", help="Column with a weight of each example."),
    click.option(
        "--offset", metavar="COL", help="Column with the log of what counts are relative to; or log(COL)."
    ),
    click.option("--key", metavar="COL", help="Column of --targets-table with the region's name (name)."),
    click.option(
        "--statistic", type=click.Choice(["mean", "sum", "max"]),
        help="Of the signal in a window (sum for counts, else mean).",
    ),
    click.option(
        "--window-bp", type=click.IntRange(1), help="Length of windows (that of the regions; of profiles 2114)."
    ),
    click.option("--strands", metavar="+-", help="Of the signals of profiles: + - for two strands, . for none."),
    click.option("--profile-bp", type=click.IntRange(1), help="Positions of a profile (what the network has)."),
    click.option("--bias", metavar="RUN", help="Run of a bias model, beside --task profile (ChromBPNet)."),
]  # fmt: skip
_TASK = click.option(
    "--task",
    type=click.Choice(get_args(TaskKind)),
    help="Meaning of the targets; guessed where they say it.",
)


def data_options(*, task: bool = False) -> Callable[[Any], Any]:
    """Add the options of the data to a command, with ``--task`` that of a new run; ``data_of`` collects them."""

    def add(command: Any) -> Any:
        for option in reversed([*([_TASK] if task else []), *_FILES, *_COLUMNS]):
            command = option(command)
        return command

    return add


def data_of(options: dict[str, Any], labelled: tuple[str, ...] = ()) -> dict[str, Any]:
    """Take the options of the data out of a command's, as values of ``DataSettings``, with its two files.

    Raises
    ------
    click.UsageError
        If files are given in both ways.
    """
    keys = DataSettings.__struct_fields__
    given = {key: options.pop(key) for key in keys if key in options}
    values = {key: value for key, value in given.items() if value is not None}
    if labelled:
        twice = [key for key in ("positives", "table", "h5ad", "genome") if key in values]
        if twice:
            raise click.UsageError(
                f"{labelled[0]} and --{twice[0]} are given; expects one source of sequences"
            )
        values["positives"] = [labelled[0]]
        if len(labelled) > 1:
            values["negatives"] = [labelled[1]]
    return values
