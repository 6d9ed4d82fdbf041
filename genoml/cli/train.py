"""``genoml train``: train a model on two sets of sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from genoml.cli.options import (
    NegativesPath,
    backend_option,
    examples,
    model_completion,
    no_checks_option,
    open_backend,
)
from genoml.cli.progress import progress_class, terminal_options
from genoml.models import MODELS
from genoml.runs import open_run, resume_run, train_files
from genoml.runs.config import read_config


@click.command(
    "train",
    epilog=examples(
        "genoml train pos.fa neg.fa --out run",
        "genoml train peaks.fa shuffle --out run --model deepbind --epochs 10",
        "genoml train pos.fa neg.fa --out run --config settings.toml --backend cupy",
        "genoml train --resume run",
    ),
)
@click.argument("positives", required=False, type=click.Path())
@click.argument("negatives", required=False, type=NegativesPath())
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
    help=f"Network, motif_cnn by default: {', '.join(MODELS)}.",
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Passes over the training sequences (20; 40 with shuffles)."
)
@click.option("--batch-size", type=click.IntRange(1), help="Sequences a step (128).")
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
@no_checks_option("copies", "classes", "length", "gc")
@terminal_options
@backend_option
def command(
    positives: str | None,
    negatives: str | None,
    out: Path | None,
    resume: Path | None,
    config_path: Path | None,
    backend_name: str | None,
    quiet: bool,
    as_json: bool,
    tensorboard: bool,
    **overrides: Any,
) -> None:
    """Train a model that tells POSITIVES from NEGATIVES, both FASTA or FASTQ files.

    They may be gzipped, and - is standard input. NEGATIVES may be the word `shuffle`: exact dinucleotide
    shuffles of the positives, drawn anew for each epoch. Part of the sequences is held out to choose the best
    epoch by (10 %, or validation_chromosomes of the settings); copies of a sequence stay on one side. Options on the
    command line win over the file of settings.

    The run folder holds all that `genoml evaluate` and `genoml predict` need. Ctrl-C ends training early and
    keeps the best epoch so far. A run that was stopped or killed is resumed with `genoml train --resume RUN`, to
    the same bits as without the stop; name POSITIVES and NEGATIVES again only if the files have moved.
    """
    options: dict[str, Any] = {"display": progress_class(quiet, as_json), "tensorboard": tensorboard}
    if resume is not None:
        refuse_settings({"out": out, "config": config_path, **overrides})
        backend = open_backend(backend_name or open_run(resume).record.backend["name"])
        resume_run(resume, positives, negatives, backend=backend, **options)
        return
    if positives is None or negatives is None:
        missing = "POSITIVES" if positives is None else "NEGATIVES"
        raise click.MissingParameter(param_type="argument", param_hint=f"'{missing}'")
    if out is None:
        raise click.MissingParameter(param_type="option", param_hint="'--out'")
    config = read_config(config_path, overrides)
    train_files(positives, negatives, out, config, backend=open_backend(backend_name), **options)


def refuse_settings(settings: dict[str, Any]) -> None:
    """Raise UsageError for settings with ``--resume``, which takes them from the run."""
    names = [f"--{name.replace('_', '-')}" for name, value in settings.items() if value is not None]
    if names:
        raise click.UsageError(f"--resume takes its settings from the run; leave out {', '.join(names)}")
