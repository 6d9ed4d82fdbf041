"""Task of data from files: what was asked for, or what the targets say, and whether the data allow it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np

from genoml.data import SequenceData
from genoml.data.columns import Column, read_columns
from genoml.models import check_options, model_spec
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import DataSettings, TaskKind
from genoml.runs.tasks import guess_task
from genoml.sequence.alphabet import PAD_CODE

#: logarithms of what counts are relative to are smaller: exp(50) is 5e21
_LARGEST_OFFSET = 50.0


def settle_task(settings: DataSettings, data: SequenceData) -> tuple[TaskKind, list[str]]:
    """The task of data, and a line that says how it was guessed, if it was.

    Raises
    ------
    FormatError, ValueError
        If the targets do not say it, or the task that was asked for does not allow them; the message names file and
        line of the first.
    """
    _expect_values(data)
    said = _alike(data.target_names) if settings.classes is not None else []
    if settings.task is not None:
        _expect_task(settings, settings.task, data)
        return settings.task, said
    if settings.classes is not None:
        kind: TaskKind = "classes"
    else:
        kind = guess_task(data, columns=True)
        if kind == "regression" and settings.h5ad is not None and _are_activities(data):
            kind = "cell_types"
    _expect_task(settings, kind, data)
    names = ", ".join(data.target_names[:5]) + (", ..." if len(data.target_names) > 5 else "")
    of = f" of {names}" if names else ""
    return kind, [f"task: {kind}, guessed from the targets{of}; --task says otherwise", *said]


def _expect_values(data: SequenceData) -> None:
    """Raise ValueError for a target of which no value is known."""
    mask = data.extras.get("mask")
    for task in np.flatnonzero(~mask.any(axis=0)).tolist() if mask is not None else []:
        name = data.target_names[task] if data.target_names else task
        raise ValueError(f"target {name} has no value in any of {len(data)} examples; leave it out")


def _alike(names: Sequence[str]) -> list[str]:
    """A line about names of classes that differ in case alone."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            return [f"classes {other} and {name} differ in case alone, and are two classes"]
    return []


def _are_activities(data: SequenceData) -> bool:
    return data.targets.shape[1] > 1 and bool((data.targets >= 0).all())


def _expect_task(settings: DataSettings, task: TaskKind, data: SequenceData) -> None:
    """Raise ValueError for targets that a task which was asked for does not allow."""
    if (task == "classes") != (settings.classes is not None):
        wanted = (
            "a column of labels, --classes" if task == "classes" else "numbers, --targets and not --classes"
        )
        raise ValueError(f"task {task}: expects {wanted}")
    tasks = data.targets.shape[1]
    if task == "binary" and tasks != 1:
        raise ValueError(f"task binary: expects one target, got {tasks}; choose --task multilabel")
    if task in ("binary", "multilabel"):
        wrong = ~np.isin(data.targets, (0.0, 1.0))
        if wrong.any():
            _refuse(settings, data, wrong, f"0 or 1 with task {task} (--task regression takes any number)")
    if task == "binary" and len(np.unique(data.targets)) < 2:
        raise ValueError(
            f"target {data.target_names[0] if data.target_names else 0} has one class only; expects both"
        )
    if task == "cell_types":
        if tasks < 2:
            raise ValueError(
                f"task cell_types: expects two cell types or more, got {tasks}; choose --task regression"
            )
        if "mask" in data.extras:
            _refuse(
                settings,
                data,
                data.extras["mask"] == 0,
                "a value in each cell type with task cell_types",
                "none",
            )
        if (data.targets < 0).any():
            what = "0 or more with task cell_types (--task regression takes any number)"
            _refuse(settings, data, data.targets < 0, what)
    if task == "counts":
        wrong = (data.targets < 0) | (data.targets != np.floor(data.targets))
        if wrong.any():
            what = "whole numbers of 0 or more with task counts (--task regression takes any number)"
            _refuse(settings, data, wrong, what)


def _refuse(
    settings: DataSettings, data: SequenceData, wrong: np.ndarray, expected: str, got: str | None = None
) -> NoReturn:
    """Raise an error for the first target that is wrong, with its line in the table it is from."""
    row, task = (int(each) for each in np.argwhere(wrong)[0])
    name = data.target_names[task] if data.target_names else str(task)
    if settings.table is not None:
        found = read_columns(settings.table, [Column(name, "number")])
        value = found.numbers[name][row]
        found.fail(row, name, expected, got or f"{value:g}")
    file = settings.targets_table or settings.h5ad
    where = f"{file}: " if file else ""
    value = got or f"{data.targets[row, task]:g}"
    raise ValueError(f"{where}target {name} expects {expected}, got {value} of {data.name_of(row)}")


def with_logarithm(settings: DataSettings, data: SequenceData) -> SequenceData:
    """The data with the logarithm of the offset's column, if that was asked for; else it is one, which is checked."""
    if settings.offset is None:
        return data
    values = np.asarray(data.extras["offset"], np.float64)
    if settings.offset == settings.offset_column:
        large = np.abs(values) > _LARGEST_OFFSET
        if large.any():
            row = int(np.argmax(large[:, 0]))
            raise ValueError(
                f"offset {settings.offset}: expects logarithms, got {values[row, 0]:g} of {data.name_of(row)}; "
                f"--offset 'log({settings.offset})' takes the logarithm"
            )
        return data
    if (values <= 0).any():
        row = int(np.argmax(values[:, 0] <= 0))
        raise ValueError(
            f"offset {settings.offset}: expects numbers above 0, got {values[row, 0]:g} of {data.name_of(row)}"
        )
    return replace(data, extras=dict(data.extras) | {"offset": np.log(values).astype(np.float32)})


def network_for(config: TrainConfig, length_bp: int) -> str:
    """The network that settings name; of ``auto`` motif_cnn, or site_cnn for sequences that are too short for it."""
    short = config.model == "auto" and length_bp < model_spec("motif_cnn").min_length_bp()
    return "site_cnn" if short else config.network


def refuse_unread(settings: DataSettings, data: SequenceData, config: TrainConfig) -> None:
    """Raise ValueError for windows or sequences that are shorter than the network reads, or shifted out of view."""
    width = data.codes.shape[1]
    network = network_for(config, width)
    shortest = model_spec(network).min_length_bp(**check_options(network, config.model_options))
    if settings.genome is not None and width < shortest:
        raise ValueError(
            f"windows of {width} bp are shorter than the model reads (at least {shortest} bp); choose a larger "
            "--window-bp, or a model with a smaller kernel"
        )
    if settings.genome is None:
        lengths = (np.asarray(data.codes) != PAD_CODE).sum(axis=1)
        if lengths.min() < shortest:
            row = int(np.argmin(lengths))
            place = f"{settings.h5ad}: {data.name_of(row)}" if settings.h5ad else _place(settings, row)
            raise ValueError(
                f"{place}: {lengths[row]} bp is shorter than the model reads (at least {shortest} bp); remove it, or "
                "train a model with a smaller kernel"
            )
    if (config.shift_bp or 0) >= width:
        raise ValueError(
            f"shift_bp = {config.shift_bp} moves sequences of {width} bp out of view; choose less"
        )


def _place(settings: DataSettings, row: int) -> str:
    """File and line of a row of the table, for messages."""
    column = (settings.sequence or ["sequence"])[0]
    return f"{settings.table}, line {read_columns(str(settings.table), [Column(column, 'text')]).line(row)}"
