"""``genoml train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from genoml.backend import Backend
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
from genoml.cli.progress import Progress
from genoml.config import TrainConfig, read_config
from genoml.data import SequenceData, ShuffledNegatives, split_by_group, split_random
from genoml.models import MODELS, build_model, check_options
from genoml.runs import RunFolder, RunRecord, refuse_existing, versions
from genoml.sequence import count_ambiguous, dinucleotide_shuffle
from genoml.train import History, NotFiniteError, fit

_SHUFFLE = "shuffle"


@click.command("train")
@click.argument("positives")
@click.argument("negatives")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Run folder to make; it must not exist yet."
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
@backend_option
def command(
    positives: str,
    negatives: str,
    out: Path,
    config_path: Path | None,
    backend_name: str | None,
    **overrides: Any,
) -> None:
    """Train a model that tells POSITIVES from NEGATIVES, both FASTA or FASTQ files.

    They may be gzipped, and - is standard input. NEGATIVES may be the word `shuffle`: exact dinucleotide
    shuffles of the positives, drawn anew for each epoch. Part of the sequences is held out to choose the best
    epoch by (10 %, or validation_chromosomes of the settings). Options on the command line win over the file
    of settings.

    The run folder holds all that `genoml evaluate` and `genoml predict` need. Ctrl-C ends training early and
    keeps the best epoch so far.
    """
    config = read_config(config_path, overrides)
    check_options(config.model, config.model_options)
    backend = open_backend(backend_name)
    refuse_existing(out)
    refuse_two_inputs(positives, negatives)
    data, sources = load_pair(positives, negatives, config)
    rest, held_out = split_validation(data, config)
    train_run(out, config, backend, rest, held_out, sources)


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
    }
    if negatives == _SHUFFLE:
        return ShuffledNegatives.of(codes[0], groups[0], seed=config.seed), sources
    both = (groups[0], groups[1]) if groups[0] is not None and groups[1] is not None else None
    return SequenceData.binary(codes[0], codes[1], both), sources


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


class _Recorder:
    """Writes the log and the best weights, and shows the progress."""

    def __init__(self, folder: RunFolder, model: Any, progress: Progress) -> None:
        self.folder, self.model, self.progress = folder, model, progress

    def step(self, step: int, loss: float, examples: int) -> None:
        self.progress.step(step, loss, examples)

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        self.folder.log(record)
        if improved:
            self.folder.save_weights(self.model)
            self.folder.record.best_epoch, self.folder.record.best = int(record["epoch"]), record
            self.folder.save_record()
        self.progress.epoch(record, improved)


def train_run(
    out: Path,
    config: TrainConfig,
    backend: Backend,
    data: SequenceData,
    validation: SequenceData,
    sources: dict[str, Any],
) -> tuple[Any, History]:
    """Train into a new run folder, saying what happens on standard error."""
    config = config.for_data(data.codes.shape[1], shuffled=isinstance(data, ShuffledNegatives))
    model = build_model(config.model, config.model_options, seed=config.seed, backend=backend)
    positive = float(data.targets.mean())
    weights = (0.5 / (1.0 - positive), 0.5 / positive) if config.class_weight == "balanced" else (1.0, 1.0)
    record = RunRecord(
        config=config,
        length_bp=data.codes.shape[1],
        data=sources | {"n_training": len(data), "n_validation": len(validation)},
        seed=config.seed,
        backend={"name": backend.name, **backend.describe()},
        versions=versions(backend),
    )
    folder = RunFolder.create(out, record, model)
    progress = Progress(config.n_epochs, len(data))
    click.echo(
        f"{len(data)} sequences of {data.codes.shape[1]} bp to train on, {len(validation)} to validate; "
        f"{config.model} on {backend.name}",
        err=True,
    )
    try:
        history = fit(
            model,
            data,
            validation=validation,
            options=config.fit_options(len(data), weights),
            callback=_Recorder(folder, model, progress),
        )
    except NotFiniteError:
        if record.best_epoch is None:
            folder.save_weights(model)
        record.status = "diverged"
        folder.save_record()
        raise
    except BaseException:
        if record.best_epoch is None:  # nothing to keep, and the way is free for another try
            folder.discard()
        raise
    finally:
        progress.close()
    # again, since Ctrl-C may have come between the two files of an epoch
    folder.save_weights(model)
    if history.best_epoch is not None:
        record.best = history.epochs[history.best_epoch]
        record.best_epoch = int(record.best["epoch"])
    record.status = "interrupted" if history.interrupted else "finished"
    folder.save_record()
    _report_end(out, record, progress)
    return model, history


def _report_end(out: Path, record: RunRecord, progress: Progress) -> None:
    end = f"{record.status} after {progress.seconds:.0f} s"
    if record.best_epoch is not None and "validation_auroc" in record.best:
        end += f"; best epoch {record.best_epoch}, AUROC {record.best['validation_auroc']:.4f} in validation"
    if record.best_epoch is None:
        end += "; no epoch ended, so the weights are those of its last step"
    click.echo(f"{end}; run folder {out}", err=True)
