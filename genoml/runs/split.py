"""Split of the data of a run into training and validation, by task."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from genoml.data import SequenceData, split_by_group, split_random
from genoml.data.leaks import sequence_hashes
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import TaskKind
from genoml.runs.tasks import guess_task


def split_validation(data: SequenceData, config: TrainConfig) -> tuple[SequenceData, SequenceData]:
    """Split data into training and validation parts, as the settings say.

    A random split holds out a share of each class, where there are classes. It keeps copies of a sequence, on either
    strand if the model reads both, on one side, or whole groups of a table (``data.group``); unless a class has too few
    different sequences for that.

    Raises
    ------
    ValueError
        If they name chromosomes that there are not, or that leave one class alone; if a class has fewer than two
        examples, or none in one of the parts.
    """
    kind = config.data.task or guess_task(data)
    if config.validation_chromosomes:
        parts = _by_chromosome(data, config)
    else:
        parts = _at_random(data, config, by_class=kind in ("binary", "classes"))
    _expect_weights(parts, config)
    _expect_classes(parts, kind, by_chromosome=bool(config.validation_chromosomes))
    return parts


def _expect_weights(parts: tuple[SequenceData, SequenceData], config: TrainConfig) -> None:
    """Raise ValueError if the examples of a part have no weight."""
    for part, what in zip(parts, ("training", "validation"), strict=True):
        weights = part.extras.get("sample_weight")
        if weights is not None and not np.any(weights):
            raise ValueError(
                f"weight {config.data.weight} is 0 throughout the {what} part; expects some above 0"
            )


def _at_random(
    data: SequenceData, config: TrainConfig, *, by_class: bool
) -> tuple[SequenceData, SequenceData]:
    fraction, seed = config.validation_fraction, config.seed
    if config.data.group is not None and data.groups is not None:
        together = data.groups.astype(str)
        if len(np.unique(together)) < 2:
            raise ValueError(
                f"data.group: column {config.data.group!r} has one group only, which cannot be split"
            )
        with suppress(ValueError):  # a class within one group
            return split_random(data, fraction, seed, by_class=by_class, together=together)
        return split_random(data, fraction, seed, by_class=False, together=together)
    _expect_two(data, by_class)
    copies = sequence_hashes(data.codes, both_strands=config.reads_both_strands(data.alphabet))
    try:
        return split_random(data, fraction, seed, by_class=by_class, together=copies)
    except ValueError:
        return split_random(data, fraction, seed, by_class=by_class)


def uneven_groups(training: int, validation: int, config: TrainConfig) -> list[str]:
    """A line if groups that are kept whole let another share be held out than was asked for, twice as much or half."""
    share, asked = validation / (training + validation), config.validation_fraction
    if config.data.group is None or config.validation_chromosomes or asked / 2 <= share <= asked * 2:
        return []
    return [
        f"groups of {config.data.group} are kept whole: {validation} of {training + validation} examples are held out, "
        f"not {asked:.3g} of them; validation_chromosomes in the settings chooses groups"
    ]


def _expect_two(data: SequenceData, by_class: bool) -> None:
    """Raise ValueError for fewer than two examples, or, with its name, of a class."""
    if len(data) < 2:
        raise ValueError(f"training needs at least 2 examples, got {len(data)}; add some")
    if by_class and data.targets.shape[1] == 1:
        labels, numbers = np.unique(np.asarray(data.targets), return_counts=True)
        for label, number in zip(labels.tolist(), numbers.tolist(), strict=True):
            if number < 2:
                raise ValueError(
                    f"training needs at least 2 examples of each label, got {number} of label {label:g}; add some"
                )
    if by_class and data.targets.shape[1] > 1:
        counts = data.targets.sum(axis=0)
        if counts.min() < 2:
            few = int(np.argmin(counts))
            name = data.target_names[few] if data.target_names else str(few)
            raise ValueError(
                f"class {name}: training needs at least 2 examples of each class, got {counts[few]:g}; add some, or "
                "leave the class out"
            )


def _by_chromosome(data: SequenceData, config: TrainConfig) -> tuple[SequenceData, SequenceData]:
    if data.groups is None:
        where = (
            "a column of groups (--group)"
            if config.data.table
            else "headers of the form >chr8:100-300 in both files, and some are not"
        )
        raise ValueError(f"validation_chromosomes needs {where}; use validation_fraction")
    unknown = sorted(set(config.validation_chromosomes) - set(data.groups))
    if unknown:
        known = ", ".join(sorted(set(data.groups)))
        raise ValueError(f"validation_chromosomes: no sequence is on {', '.join(unknown)}; there are {known}")
    return split_by_group(data, config.validation_chromosomes)


def _expect_classes(parts: tuple[SequenceData, SequenceData], kind: TaskKind, *, by_chromosome: bool) -> None:
    """Raise ValueError if a part lacks a class."""
    for part, what in zip(parts, ("for training", "on the validation chromosomes"), strict=True):
        if kind == "binary" and by_chromosome and len(np.unique(part.targets)) < 2:
            raise ValueError(f"validation_chromosomes leaves one class only {what}; choose other chromosomes")
        if kind != "classes":
            continue
        side, least = ("training", 2) if what == "for training" else ("validation", 1)
        counts = part.targets.sum(axis=0)
        if counts.min() < least:
            few = int(np.argmin(counts))
            name = part.target_names[few] if part.target_names else str(few)
            raise ValueError(
                f"class {name}: expects at least {least} in the {side} part, got {counts[few]:g}; choose another "
                "split, or leave the class out"
            )
