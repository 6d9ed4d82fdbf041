"""Training from files of sequences, as ``genoml train`` does it."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from genoml.backend import Backend
from genoml.data import SequenceData, ShuffledNegatives, split_by_group, split_random
from genoml.data.files import SHUFFLE, NamedSequences, chromosomes, load_sequences
from genoml.data.leaks import sequence_hashes
from genoml.runs.config import TrainConfig
from genoml.runs.folder import open_run, refuse_existing
from genoml.runs.progress import Progress
from genoml.runs.run import Run
from genoml.runs.score import refuse_short, refuse_two_inputs
from genoml.runs.train_run import begin_run, continue_run
from genoml.sequence import count_ambiguous
from genoml.sequence.codes import alphabet_of
from genoml.train import Callback


def train_files(
    positives: str | PathLike[str],
    negatives: str | PathLike[str],
    out: str | PathLike[str],
    config: TrainConfig | None = None,
    *,
    backend: str | Backend | None = None,
    display: type[Progress] = Progress,
    callback: Callback | None = None,
    tensorboard: bool = False,
) -> Run:
    """Train a network to separate the sequences of two files, into a new run folder.

    Parameters
    ----------
    positives, negatives : path
        FASTA or FASTQ, plain or compressed; ``-`` is standard input. The negatives may be the word ``shuffle``:
        exact dinucleotide shuffles of the positives, drawn anew for each epoch.
    out : path
        Folder to make; it must not exist yet, or be empty.
    config : TrainConfig, optional
        The settings, which also say what is held out for validation.
    **others
        See ``begin_run``.

    Raises
    ------
    FormatError, OSError, ValueError
        For files that cannot be read, or not by this model; the message names file and record.
    RunError, NotFiniteError, CheckpointError
        See ``begin_run``.
    """
    config = config or TrainConfig()
    refuse_existing(out)
    refuse_two_inputs(positives, negatives)
    data, sources = read_pair(positives, negatives, config)
    rest, validation = split_validation(data, config)
    return begin_run(
        out, rest, validation, config,
        backend=backend, sources=sources, display=display, callback=callback, tensorboard=tensorboard,
    )  # fmt: skip


def resume_run(
    path: str | PathLike[str],
    positives: str | PathLike[str] | None = None,
    negatives: str | PathLike[str] | None = None,
    *,
    backend: str | Backend | None = None,
    display: type[Progress] = Progress,
    callback: Callback | None = None,
    tensorboard: bool = False,
) -> Run:
    """Resume a run that was interrupted; it ends with the same bits as without the interruption.

    Parameters
    ----------
    path : path
        Its folder.
    positives, negatives : path, optional
        New names of the files that it was begun with, if they have moved.
    **others
        See ``begin_run``; without a ``backend`` it is the one that the run was begun on.

    Raises
    ------
    RunError
        If there is no run that can be resumed.
    ValueError
        If the files hold other sequences than the run was begun with, or its record names a device or pipe.
    """
    folder = open_run(path)
    record = folder.record
    first = positives or folder.place_of(record.data["positives"])
    second = negatives or folder.place_of(record.data["negatives"])
    refuse_two_inputs(first, second)
    data, sources = read_pair(first, second, record.training)
    for role, file in (("positives", first), ("negatives", second)):
        if sources["hashes"][role] != record.data["hashes"].get(role):
            raise ValueError(
                f"{file}: has other sequences than {path} was begun with; restore it, or train anew"
            )
    rest, validation = split_validation(data, record.training)
    return continue_run(
        folder, rest, validation, backend=backend, display=display, callback=callback, tensorboard=tensorboard
    )


def read_pair(
    positives: str | PathLike[str], negatives: str | PathLike[str], config: TrainConfig
) -> tuple[SequenceData, dict[str, Any]]:
    """Read labelled sequences from two files, padded to the longest, and describe their sources.

    Raises
    ------
    ValueError
        If one class has fewer than two sequences, or for bad input; see load_sequences and refuse_short.
    """
    shuffled = negatives == SHUFFLE
    first = load_sequences(positives, config.ambiguous)
    if shuffled:
        second = first.shuffled(config.seed)
    else:
        second = load_sequences(negatives, config.ambiguous)
    length = max(first.longest, second.longest)
    _refuse_unfit((first, second), config.for_data(length, shuffled=shuffled), length)
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
    alphabet = alphabet_of([*first.letters, *second.letters])
    return replace(data, names=np.array(names, dtype=object), alphabet=alphabet), sources


def _refuse_unfit(parts: tuple[NamedSequences, NamedSequences], config: TrainConfig, length_bp: int) -> None:
    for part in parts:
        refuse_short(part, config.model, config.model_options)
        if len(part) < 2:
            raise ValueError(
                f"{part.path}: training needs at least 2 sequences of each class, got {len(part)}; add some"
            )
    if (config.shift_bp or 0) >= length_bp:
        raise ValueError(
            f"shift_bp = {config.shift_bp} moves sequences of {length_bp} bp out of view; choose less"
        )


def split_validation(data: SequenceData, config: TrainConfig) -> tuple[SequenceData, SequenceData]:
    """Split data into training and validation parts, as the settings say.

    A random split keeps copies of a sequence, on either strand if the model reads both, on one side; unless a class has
    too few different sequences for that.

    Raises
    ------
    ValueError
        If they name chromosomes that there are not, or that leave one class alone.
    """
    if not config.validation_chromosomes:
        copies = sequence_hashes(data.codes, both_strands=config.reads_both_strands(data.alphabet))
        try:
            return split_random(data, config.validation_fraction, config.seed, together=copies)
        except ValueError:
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
