"""``genoml train``: train a model on files of sequences, a table, or regions of a genome."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from pathlib import Path
from typing import Any

import click

from genoml.cli.data_options import SeveralWords, data_of, data_options
from genoml.cli.options import (
    NegativesPath,
    backend_option,
    examples,
    model_completion,
    no_checks_option,
    open_backend,
    open_ranks,
)
from genoml.cli.progress import progress_class, terminal_options
from genoml.models import MODELS
from genoml.runs import open_run, resume_run, train_data
from genoml.runs.config_text import read_config
from genoml.runs.data_settings import FILE_KEYS


@click.command(
    "train",
    cls=SeveralWords,
    epilog=examples(
        "genoml train pos.fa neg.fa --out run",
        "genoml train peaks.fa shuffle --out run --model deepbind --epochs 10",
        "genoml train pos.fa neg.fa --out run --config settings.toml --backend cupy",
        "genoml train --table data.tsv --sequence seq --targets dev,hk --out run",
        "genoml train --genome genome.fa --regions peaks.bed --negatives gc --out run",
        "genoml train --genome genome.fa --regions a.bed b.bed --window-bp 200 --out run",
        "genoml train --h5ad regions.h5ad --genome genome.fa --out run",
        "genoml train --resume run",
    ),
)
@click.argument("positives_file", metavar="[POSITIVES]", required=False, type=click.Path())
@click.argument("negatives_file", metavar="[NEGATIVES]", required=False, type=NegativesPath())
@click.option("--out", type=click.Path(path_type=Path), help="Run folder to make; it must not exist yet.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Resume a run that was interrupted, with its settings and input files.",
)
@click.option(
    "--model",
    metavar="NAME",
    shell_complete=model_completion,
    help="Network; by default `auto`, chosen on the validation sequences by baselines and short trials. "
    f"There are {', '.join(MODELS)}.",
)
@click.option(
    "--members",
    type=click.IntRange(1, 100),
    help="Networks from different initial weights whose outputs are averaged, as one run.",
)
@click.option(
    "--init",
    metavar="RUN",
    help="Begin with the weights of another run, as far as they fit; lists what does not.",
)
@click.option(
    "--freeze",
    multiple=True,
    metavar="PATTERN",
    callback=lambda _context, _option, values: list(values) or None,
    help="Leave parameters as they are: a pattern over their paths such as 'scan*'. May be repeated.",
)
@click.option(
    "--learning-rates",
    multiple=True,
    metavar="PATTERN=RATE",
    callback=lambda _context, _option, values: rates_by_pattern(values) or None,
    help="Learning rate of parameters, such as 'dense*=0.02'. May be repeated.",
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes over the training sequences (20; 40 with shuffles)."
)
@click.option(
    "--batch-size", type=click.IntRange(1), help="Sequences a step (128; 32 of few sequences with `auto`)."
)
@click.option(
    "--seed", type=click.IntRange(0), help="Fixes all that is random: the same seed gives the same run (0)."
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="TOML file of settings, such as learning_rate = 0.01.",
)
@click.option(
    "--tensorboard",
    is_flag=True,
    help="Also write TensorBoard events, into the run folder (extra tensorboard).",
)
@no_checks_option("copies", "classes", "length", "gc", "missing", "outliers", "overlap", "bias")
@data_options(task=True)
@terminal_options
@backend_option
def command(
    positives_file: str | None,
    negatives_file: str | None,
    out: Path | None,
    resume: Path | None,
    config_path: Path | None,
    backend_name: str | None,
    quiet: bool,
    as_json: bool,
    tensorboard: bool,
    **overrides: Any,
) -> None:
    """Train a model that tells POSITIVES from NEGATIVES, both FASTA or FASTQ files; or on a table, or on a genome.

    The two files may be gzipped, and - is standard input. NEGATIVES may be the word `shuffle`: exact dinucleotide
    shuffles of the positives, drawn anew for each epoch. --positives and --negatives take several files each.

    --table names a table with a column of sequences and --targets, columns of numbers, or --classes, a column of
    labels. --genome with --regions takes windows around the regions of a BED file, with labels from --negatives, from
    further --regions, or numbers from --signal, --targets-table, or --targets, columns of the BED. --h5ad names an
    AnnData file of regions by cell types, which lie in --genome or have a --sequence column of var.

    --task says what the targets mean: labels 0 and 1, classes, numbers, counts, or activity in cell types. Where
    the targets say it, it is guessed, and a line says so. --task profile learns where the reads of --signal lie
    along the windows, and how many: BPNet, with --control, and with --bias as ChromBPNet. Part of the sequences is
    held out to choose the best epoch by (10 %, or validation_chromosomes of the settings); copies of a sequence
    stay on one side. Options on the command line win over the file of settings.

    The run folder holds all that `genoml evaluate` and `genoml predict` need. Ctrl-C ends training early and
    keeps the best epoch so far. A run that was stopped or killed is resumed with `genoml train --resume RUN`, to
    the same bits as without the stop; name the files again only if they have moved.

    Under mpiexec or srun all processes share out each batch, which --batch-size is of together.
    """
    ranks = open_ranks()
    options: dict[str, Any] = {
        "display": progress_class(quiet, as_json), "tensorboard": tensorboard, "ranks": ranks
    }  # fmt: skip
    labelled = tuple(each for each in (positives_file, negatives_file) if each is not None)
    data = data_of(overrides, labelled)
    if resume is not None:
        moved = {key: data.pop(key) for key in FILE_KEYS if key in data}
        refuse_settings({"out": out, "config": config_path, **overrides, **data})
        begun_on = ranks.on_first(lambda: open_run(resume).record.backend["name"])
        backend = open_backend(backend_name or begun_on)
        resume_run(resume, moved=moved, backend=backend, **options)
        return
    config = read_config(config_path, {**overrides, "data": data})
    if not config.data.given.keys() & {"table", "h5ad", "genome"}:
        for key in ("positives", "negatives"):
            if not getattr(config.data, key):
                raise click.MissingParameter(param_type="argument", param_hint=f"'{key.upper()}'")
    if out is None:
        raise click.MissingParameter(param_type="option", param_hint="'--out'")
    train_data(out, config, backend=open_backend(backend_name), **options)


def rates_by_pattern(values: Sequence[str]) -> dict[str, float]:
    """Learning rates by pattern, from texts such as ``dense*=0.02``; BadParameter for other ones."""
    found: dict[str, float] = {}
    for text in values:
        pattern, _, number = text.rpartition("=")
        try:
            rate = float(number)
        except ValueError:
            rate = nan
        if not pattern or not 0.0 < rate < inf:
            raise click.BadParameter(
                f"--learning-rates expects PATTERN=RATE such as 'dense*=0.02', a rate above 0, got {text!r}"
            )
        if pattern in found:
            raise click.BadParameter(f"--learning-rates names {pattern!r} twice; leave out one of them")
        found[pattern] = rate
    return found


def refuse_settings(settings: dict[str, Any]) -> None:
    """Raise UsageError for settings with ``--resume``, which takes them from the run."""
    names = [f"--{name.replace('_', '-')}" for name, value in settings.items() if value is not None]
    if names:
        raise click.UsageError(f"--resume takes its settings from the run; leave out {', '.join(names)}")
