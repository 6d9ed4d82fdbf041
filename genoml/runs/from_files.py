"""Training from files, as ``genoml train`` does it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import msgspec
import numpy as np

from genoml.backend import Backend
from genoml.data import SequenceData, ShuffledNegatives
from genoml.data.files import SHUFFLE, NamedSequences, chromosomes, load_sequences
from genoml.io.errors import FormatWarning
from genoml.parallel import ONE_RANK, Ranks
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import DataSettings, found_files
from genoml.runs.folder import RunFolder, open_run, refuse_existing
from genoml.runs.on_ranks import expect_alike, ready_files
from genoml.runs.progress import Progress
from genoml.runs.read_data import ReadData, read_described
from genoml.runs.run import Run
from genoml.runs.score import refuse_short, refuse_two_inputs
from genoml.runs.settle_task import network_for
from genoml.runs.split import split_validation, uneven_groups
from genoml.runs.train_run import begin_run, continue_run
from genoml.sequence import count_ambiguous
from genoml.sequence.alphabet import count_u_and_t, mixed_letters
from genoml.train import Callback

#: one file, or several
Files = str | PathLike[str] | Sequence[str]


def train_data(
    out: str | PathLike[str],
    config: TrainConfig,
    *,
    backend: str | Backend | None = None,
    display: type[Progress] = Progress,
    callback: Callback | None = None,
    tensorboard: bool = False,
    ranks: Ranks = ONE_RANK,
) -> Run:
    """Train a network on the data that ``config.data`` describes, into a new run folder, as ``genoml train`` does.

    Parameters
    ----------
    out : path
        Folder to make; it must not exist yet, or be empty.
    config : TrainConfig
        The settings, which also say what is held out for validation.
    **others
        See ``begin_run``.

    Raises
    ------
    FormatError, OSError, ValueError
        For files that cannot be read, or not by this model; the message names file and record, or line and column.
    RunError, NotFiniteError, CheckpointError
        See ``begin_run``.
    """
    ranks.on_first(lambda: refuse_existing(out))
    ready_files(ranks, config.data, display.note)
    read = read_source(config.data, config)
    config = msgspec.structs.replace(config, data=msgspec.structs.replace(config.data, task=read.task))
    rest, validation = split_validation(read.data, config)
    uneven = uneven_groups(len(rest), len(validation), config)
    config = msgspec.structs.replace(config, data=config.data.for_record())
    return begin_run(
        out, rest, validation, config, sources=read.sources, notes=[*read.notes, *uneven],
        backend=backend, display=display, callback=callback, tensorboard=tensorboard, ranks=ranks,
    )  # fmt: skip


def train_files(
    positives: str | PathLike[str],
    negatives: str | PathLike[str],
    out: str | PathLike[str],
    config: TrainConfig | None = None,
    **options: Any,
) -> Run:
    """Train a network to separate the sequences of two files, into a new run folder.

    Parameters
    ----------
    positives, negatives : path
        FASTA or FASTQ, plain or compressed; ``-`` is standard input. The negatives may be the word ``shuffle``:
        exact dinucleotide shuffles of the positives, drawn anew for each epoch.
    out, config, **options
        See ``train_data``, whose errors it has.
    """
    pair = DataSettings(positives=[str(positives)], negatives=[str(negatives)])
    return train_data(out, msgspec.structs.replace(config or TrainConfig(), data=pair), **options)


def read_source(
    settings: DataSettings,
    config: TrainConfig,
    *,
    length_bp: int | None = None,
    classes: Sequence[str] | None = None,
    by_hand: bool = False,
) -> ReadData:
    """Read the data that settings describe; for a trained network with the length and the classes that it has.

    One that was made ``by_hand`` is not of the settings, and says itself what it reads.

    Raises
    ------
    FormatError, OSError, ValueError
        For files that cannot be read, or settings that do not go together.
    """
    for key in ("positives", "negatives", "regions", "signal"):
        names = found_files(getattr(settings, key), key)
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{key}: {twice[0]} is given twice; leave out one of them")
    if settings.source != "files":
        return read_described(settings, config, length_bp=length_bp, classes=classes, by_hand=by_hand)
    if settings.task not in (None, "binary"):
        raise ValueError(f"positives and negatives are the task binary, got task {settings.task}")
    if not settings.negatives:
        raise ValueError("positives expect negatives: files, or the word shuffle")
    positives, negatives = (found_files(each, "files") for each in (settings.positives, settings.negatives))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data, sources = read_pair(_one(positives), _one(negatives), config)
    return ReadData(data, "binary", sources, [str(each.message) for each in caught])


def _one(files: list[str]) -> str | list[str]:
    return files[0] if len(files) == 1 else files


def resume_run(
    path: str | PathLike[str],
    positives: str | PathLike[str] | None = None,
    negatives: str | PathLike[str] | None = None,
    *,
    moved: Mapping[str, Any] | None = None,
    backend: str | Backend | None = None,
    display: type[Progress] = Progress,
    callback: Callback | None = None,
    tensorboard: bool = False,
    ranks: Ranks = ONE_RANK,
) -> Run:
    """Resume a run that was interrupted; it ends with the same bits as without the interruption.

    Parameters
    ----------
    path : path
        Its folder.
    positives, negatives : path, optional
        New names of the files that it was begun with, if they have moved.
    moved : mapping, optional
        New names of files of other data, by the key of ``DataSettings``.
    **others
        See ``begin_run``; without a ``backend`` it is the one that the run was begun on.

    Raises
    ------
    RunError
        If there is no run that can be resumed.
    ValueError
        If the files hold other sequences than the run was begun with, or its record names a device or pipe.
    """
    ranks.on_first(lambda: bool(open_run(path)))  # which clears up after one that is finished
    folder = open_run(path)
    record = folder.record
    named = {"positives": positives, "negatives": negatives}
    given = {key: [str(value)] for key, value in named.items() if value is not None} | dict(moved or {})
    settings = recorded_data(folder, given)
    ready_files(ranks, settings, display.note)
    read = read_source(settings, record.training)
    expect_alike(ranks, record.training, read.sources["hashes"])
    expect_same(folder, read, settings)
    rest, validation = split_validation(read.data, record.training)
    return continue_run(
        folder, rest, validation, backend=backend, display=display, callback=callback, tensorboard=tensorboard,
        ranks=ranks,
    )  # fmt: skip


def recorded_data(folder: RunFolder, given: Mapping[str, Any] | None = None) -> DataSettings:
    """The data that a run was trained on, its files seen from here, with others in the place of some.

    Raises
    ------
    RunError
        If the record names no file but a device or a pipe that is not replaced.
    ValueError
        If a value cannot be.
    """
    settings = folder.record.training.data
    if not settings.is_given:  # two files
        files = [folder.record.data.get(key) for key in ("positives", "negatives")]
        first, second = ([] if name is None else [str(name)] for name in files)
        settings = DataSettings(positives=first, negatives=second)
    values = given or {}
    kept = settings.changed(dict.fromkeys(values.keys() - {"task"}, None))
    return kept.with_files(folder.place_of).changed(values)


def expect_same(folder: RunFolder, read: ReadData, settings: DataSettings) -> None:
    """Raise ValueError if files hold other data than a run was begun with."""
    known = folder.record.data["hashes"]
    for role, digest in read.sources["hashes"].items():
        if digest != known.get(role):
            file = read.sources.get(role, role)
            what = "sequences" if settings.source == "files" else "data"
            raise ValueError(
                f"{file}: has other {what} than {folder.path} was begun with; restore it, or train anew"
            )


def read_pair(positives: Files, negatives: Files, config: TrainConfig) -> tuple[SequenceData, dict[str, Any]]:
    """Read labelled sequences from two files, or lists of them, padded to the longest, and describe their sources.

    Raises
    ------
    ValueError
        If one class has fewer than two sequences, or for bad input; see load_sequences and refuse_short.
    """
    refuse_two_inputs(positives, negatives)
    shuffled = negatives == SHUFFLE
    first = load_files(positives, config.ambiguous)
    second = first.shuffled(config.seed) if shuffled else load_files(negatives, config.ambiguous)
    length = max(first.longest, second.longest)
    named = msgspec.structs.replace(config, model=network_for(config, length))
    _refuse_unfit((first, second), named.for_data(length, shuffled=shuffled), length)
    codes = [part.codes(length) for part in (first, second)]
    groups = [chromosomes(part.names) for part in (first, second)]
    sources = {
        "positives": first.path,
        "negatives": second.path,
        "n_positives": len(first),
        "n_negatives": len(second),
        "ambiguous_bases": sum(int(count_ambiguous(part)) for part in codes),
        "hashes": {"positives": first.digest(), "negatives": second.digest()},
    }
    if shuffled:
        names = [*first.ids, *(f"shuffle of {name}" for name in second.ids)]
        data: SequenceData = ShuffledNegatives.of(codes[0], groups[0], seed=config.seed)
    else:
        names = [*first.ids, *second.ids]
        both = (groups[0], groups[1]) if groups[0] is not None and groups[1] is not None else None
        data = SequenceData.binary(codes[0], codes[1], both)
    letters = count_u_and_t([*first.letters, *second.letters])
    for line in mixed_letters(letters):
        warnings.warn(line, FormatWarning, stacklevel=2)
    return replace(
        data, names=np.array(names, dtype=object), alphabet="RNA" if letters["U"] else "DNA"
    ), sources


def load_files(files: Files, ambiguous: str = "zero") -> NamedSequences:
    """Read one file of sequences or several as one; errors as in ``load_sequences``."""
    if isinstance(files, str | PathLike):
        return load_sequences(files, ambiguous)
    if "-" in files or SHUFFLE in files:
        raise ValueError(f"{', '.join(files)}: several expect names of files only")
    parts = [load_sequences(file, ambiguous) for file in files]
    names = [name for part in parts for name in part.names]
    return NamedSequences(", ".join(files), names, [letters for part in parts for letters in part.letters])


def _refuse_unfit(parts: tuple[NamedSequences, NamedSequences], config: TrainConfig, length_bp: int) -> None:
    for part in parts:
        refuse_short(part, config.network, config.model_options)
        if len(part) < 2:
            raise ValueError(
                f"{part.path}: training needs at least 2 sequences of each class, got {len(part)}; add some"
            )
    if (config.shift_bp or 0) >= length_bp:
        raise ValueError(
            f"shift_bp = {config.shift_bp} moves sequences of {length_bp} bp out of view; choose less"
        )
