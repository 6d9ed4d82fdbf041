"""``genoml train``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from genoml.cli.common import (
    Sequences,
    backend_option,
    chromosomes,
    encode,
    load_sequences,
    open_backend,
    refuse_short,
    refuse_two_inputs,
)
from genoml.cli.progress import Progress, progress_class, terminal_options
from genoml.cli.train_run import resume_run, train_run
from genoml.config import TrainConfig, read_config
from genoml.data import SequenceData, ShuffledNegatives, split_by_group, split_random
from genoml.models import MODELS
from genoml.runs import EVENTS, open_run, refuse_existing
from genoml.sequence import count_ambiguous, dinucleotide_shuffle
from genoml.train import TensorBoard

_SHUFFLE = "shuffle"


@click.command("train")
@click.argument("positives", required=False)
@click.argument("negatives", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder to make; it must not exist yet.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with a run that was cut short, with its settings and input files.",
)
@click.option("--model", metavar="NAME", help=f"Network, motif_cnn by default: {', '.join(MODELS)}.")
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
    epoch by (10 %, or validation_chromosomes of the settings). Options on the command line win over the file
    of settings.

    The run folder holds all that `genoml evaluate` and `genoml predict` need. Ctrl-C ends training early and
    keeps the best epoch so far. A run that was stopped or killed goes on with `genoml train --resume RUN`, to
    the same bits as without the stop; name POSITIVES and NEGATIVES again only if the files have moved.
    """
    display = progress_class(quiet, as_json)
    if resume is not None:
        refuse_settings({"out": out, "config": config_path, **overrides})
        _resume(resume, positives, negatives, backend_name, display, tensorboard)
        return
    for name, value in (("POSITIVES", positives), ("NEGATIVES", negatives)):
        if value is None:
            raise click.MissingParameter(param_type="argument", param_hint=f"'{name}'")
    if out is None:
        raise click.MissingParameter(param_type="option", param_hint="'--out'")
    assert positives is not None
    assert negatives is not None
    config = read_config(config_path, overrides)
    backend = open_backend(backend_name)
    refuse_existing(out)
    refuse_two_inputs(positives, negatives)
    data, sources = load_pair(positives, negatives, config)
    rest, held_out = split_validation(data, config)
    with open_events(out) if tensorboard else nullcontext() as events:
        train_run(out, config, backend, rest, held_out, sources, display, events)


def refuse_settings(given: dict[str, Any]) -> None:
    """Raise UsageError for settings beside ``--resume``: they are those of the run."""
    names = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if names:
        raise click.UsageError(f"--resume takes its settings from the run; leave out {', '.join(names)}")


def _resume(
    path: Path,
    positives: str | None,
    negatives: str | None,
    backend_name: str | None,
    display: type[Progress],
    tensorboard: bool,
) -> None:
    """Read a run's record and its input anew, and go on with it."""
    folder = open_run(path)
    record = folder.record
    backend = open_backend(backend_name or record.backend["name"])
    first, second = positives or record.data["positives"], negatives or record.data["negatives"]
    refuse_two_inputs(first, second)
    data, sources = load_pair(first, second, record.config)
    for role, file in (("positives", first), ("negatives", second)):
        if sources["hashes"][role] != record.data["hashes"][role]:
            raise ValueError(
                f"{file}: has other sequences than {path} was begun with; restore it, or train anew"
            )
    rest, held_out = split_validation(data, record.config)
    with open_events(path) if tensorboard else nullcontext() as events:
        resume_run(folder, backend, rest, held_out, display, events)


@contextmanager
def open_events(out: Path) -> Iterator[TensorBoard]:
    """Events for TensorBoard in a run folder.

    Raises
    ------
    ValueError
        If tensorboardX is not installed.
    """
    try:
        events = TensorBoard(out / EVENTS)
    except ImportError as error:
        raise ValueError(str(error)) from error
    with closing(events):
        yield events


def load_pair(positives: str, negatives: str, config: TrainConfig) -> tuple[SequenceData, dict[str, Any]]:
    """The labelled sequences of two files, padded to the longest, and where they came from.

    Raises
    ------
    ValueError
        If one class has fewer than two sequences, or for bad input; see load_sequences and refuse_short.
    """
    first = load_sequences(positives, config.ambiguous)
    if negatives == _SHUFFLE:
        second = Sequences(_SHUFFLE, first.names, dinucleotide_shuffle(first.letters, seed=config.seed))
    else:
        second = load_sequences(negatives, config.ambiguous)
    length = max(first.longest, second.longest)
    config = config.for_data(length, shuffled=negatives == _SHUFFLE)
    for part in (first, second):
        refuse_short(part, config.model, config.model_options)
        if len(part) < 2:
            raise ValueError(
                f"{part.path}: training needs at least 2 sequences of each class, got {len(part)}; add some"
            )
    if (config.shift_bp or 0) >= length:
        raise ValueError(
            f"shift_bp = {config.shift_bp} moves sequences of {length} bp out of view; choose less"
        )
    codes = [encode(part, length) for part in (first, second)]
    groups = [chromosomes(part.names) for part in (first, second)]
    sources = {
        "positives": first.path,
        "negatives": second.path,
        "n_positives": len(first),
        "n_negatives": len(second),
        "ambiguous_bases": sum(int(count_ambiguous(part)) for part in codes),
        "hashes": {"positives": first.digest(), "negatives": second.digest()},
    }
    if negatives == _SHUFFLE:
        shuffled = ShuffledNegatives.of(codes[0], groups[0], seed=config.seed)
        return replace(shuffled, names=_names(first, second, "shuffle of ")), sources
    both = (groups[0], groups[1]) if groups[0] is not None and groups[1] is not None else None
    data = SequenceData.binary(codes[0], codes[1], both)
    return replace(data, names=_names(first, second)), sources


def _names(positives: Sequences, negatives: Sequences, of: str = "") -> np.ndarray:
    """The first word of each record's header, for messages."""
    first, second = ([name.partition(" ")[0] for name in part.names] for part in (positives, negatives))
    return np.array([*first, *(of + name for name in second)], dtype=object)


def split_validation(data: SequenceData, config: TrainConfig) -> tuple[SequenceData, SequenceData]:
    """(training, validation) as the configuration says."""
    if not config.validation_chromosomes:
        return split_random(data, config.validation_fraction, config.seed)
    if data.groups is None:
        raise ValueError(
            "validation_chromosomes needs headers of the form >chr8:100-300 in both files, and some are not; "
            "use validation_fraction"
        )
    unknown = sorted(set(config.validation_chromosomes) - set(data.groups))
    if unknown:
        known = ", ".join(sorted(set(data.groups)))
        raise ValueError(f"validation_chromosomes: no sequence is on {', '.join(unknown)}; there are {known}")
    parts = split_by_group(data, config.validation_chromosomes)
    for part, what in zip(parts, ("for training", "on the validation chromosomes"), strict=True):
        if len(np.unique(part.targets)) < 2:
            raise ValueError(f"validation_chromosomes leaves one class only {what}; choose other chromosomes")
    return parts
