"""Readers of the data that ``[data]`` describes: tables, and windows of a genome with their targets."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from genoml.data import (
    ProfileData,
    SequenceData,
    class_targets,
    coverage,
    genome_data,
    read_table_data,
    table_targets,
)
from genoml.data.columns import column_names
from genoml.data.joint_peaks import joined_windows, peak_labels
from genoml.genome.opening import open_genome
from genoml.genome.store import GenomeStore
from genoml.io.bed import bed_intervals
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import DataSettings, TaskKind, found_files
from genoml.runs.profiles import profile_config, read_profiles
from genoml.runs.read_cell_types import common_length, read_cell_types
from genoml.runs.settle_task import refuse_unread, settle_task, with_logarithm
from genoml.sequence.intervals import Intervals, concat


@dataclass(frozen=True)
class ReadData:
    """Data of a run with their sources.

    Attributes
    ----------
    data : SequenceData
        The data.
    task : str
        What the targets mean.
    sources : dict
        Files and numbers, for the record.
    notes : list of str
        What was guessed or left out, a line each.
    """

    data: SequenceData
    task: TaskKind
    sources: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def read_described(
    settings: DataSettings,
    config: TrainConfig,
    *,
    length_bp: int | None = None,
    classes: Sequence[str] | None = None,
    by_hand: bool = False,
) -> ReadData:
    """Read a table, or windows of a genome, with the targets of the task.

    Parameters
    ----------
    settings, config : DataSettings, TrainConfig
        The data, and the settings of the network.
    length_bp, classes, by_hand : optional
        Length of windows, names of classes in order, of a trained network; whether it was made by hand.

    Raises
    ------
    FormatError, OSError
        For a file that cannot be read in its format; the message names file, line and column.
    ValueError
        For settings that do not go together, or targets that the task does not allow.
    """
    expect_files(settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if settings.source == "h5ad":
            data = read_cell_types(settings, length_bp)
        elif settings.source == "table":
            data = _table(settings, classes)
        else:
            data = _windows(settings, config, length_bp, classes)
    notes = [str(each.message) for each in caught if "more than one class" not in str(each.message)]
    task, said = settle_task(settings, data)
    if data.targets.shape[1] == 1 and "mask" in data.extras:
        data, left_out = _labelled(data)
        said.append(left_out)
    if not by_hand:
        refuse_unread(
            settings, data, profile_config(config, data) if isinstance(data, ProfileData) else config
        )
    files = settings.files()
    sources = {
        **files,
        "n_examples": len(data),
        "hashes": {role: file_hash(path) for role, path in files.items()},
    }
    return ReadData(data, task, sources, [*said, *notes])


def _labelled(data: SequenceData) -> tuple[SequenceData, str]:
    """The examples that have a value of their one target, and a line about the others."""
    present = data.extras["mask"][:, 0] != 0
    name = f" of {data.target_names[0]}" if data.target_names else ""
    line = f"{int((~present).sum())} of {len(data)} examples have no value{name}, and are left out"
    kept = data.take(present)
    return replace(kept, extras={key: value for key, value in kept.extras.items() if key != "mask"}), line


def file_hash(path: str) -> str:
    """sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def expect_files(settings: DataSettings) -> None:
    """Raise FileNotFoundError or ValueError, before any work, for a file that is not there or cannot be read twice."""
    for role, path in settings.files().items():
        if path == "-":
            raise ValueError(f"{role}: expects a file, which is read more than once, got standard input")
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path}: no such file ({role}); check the path")


# ------------------------------------------------------------ tables


def _table(settings: DataSettings, order: Sequence[str] | None) -> SequenceData:
    if bool(settings.targets) == (settings.classes is not None):
        got = "both; leave out one of them" if settings.targets else "neither; add --targets or --classes"
        raise ValueError(
            f"a table expects targets (columns of numbers) or classes (a column of labels), got {got}"
        )
    data = read_table_data(
        str(settings.table), sequence=settings.sequence or ["sequence"], targets=settings.targets,
        classes=settings.classes, group=settings.group, name=settings.name, weight=settings.weight,
        offset=settings.offset_column, class_order=order if settings.classes else None,
    )  # fmt: skip
    return with_logarithm(settings, data)


# ------------------------------------------------------------ genomes


def _windows(
    settings: DataSettings, config: TrainConfig, length_bp: int | None, order: Sequence[str] | None
) -> SequenceData:
    """Windows of a genome with the targets that the settings name."""
    if not settings.regions:
        raise ValueError("a genome expects regions: add --regions FILE.bed")
    store = open_genome(str(settings.genome))
    paths = found_files(settings.regions, "regions")
    parts = [concat(bed_intervals(path, sizes=store.sizes)) for path in paths]
    profiles = settings.task == "profile"
    width = settings.window_bp or length_bp or (0 if profiles else common_length(parts))
    options: dict[str, Any] = {
        "length_bp": width, "edges": settings.edges, "seed": config.seed, "ratio": settings.ratio,
        "avoid": settings.avoid, "negatives": _negatives(settings, store),
    }  # fmt: skip
    regions = concat(parts)
    if profiles:
        signal, control = found_files(settings.signal, "signal"), found_files(settings.control, "control")
        reads = read_profiles(settings, config, store, regions, signal, control, length_bp)
        return replace(reads, target_names=_stems(signal))
    for key in ("control", "strands", "profile_bp", "bias"):
        if getattr(settings, key):
            raise ValueError(f"data.{key}: has a meaning with task profile only; leave it out")
    given = [key for key in ("signal", "targets", "classes", "targets_table") if getattr(settings, key)]
    if given == ["targets_table", "targets"] or given == ["targets", "targets_table"]:
        given = ["targets_table"]  # whose columns the targets are
    if len(given) > 1:
        raise ValueError(f"a genome expects targets from one place, got {' and '.join(given)}")
    if given == ["signal"]:
        return _with_signal(settings, store, regions, options)
    if given == ["targets_table"]:
        return _with_table(settings, store, regions, options)
    if given == ["targets"]:
        _no_negatives(settings, "targets")
        return genome_data(store, regions, targets=settings.targets, **options)
    if given == ["classes"]:
        return _with_classes(settings, store, regions, options, order)
    if len(parts) > 1:
        joined = joined_windows(parts, width)
        data = genome_data(store, joined, targets=lambda windows: peak_labels(windows, parts), **options)
        return replace(data, target_names=_stems(paths))
    if options["negatives"] is None:
        raise ValueError(
            "regions alone have no labels: add --negatives gc (or shuffle, or FILE.bed), --signal, --targets, "
            "--targets-table, --classes, or further --regions as tasks"
        )
    return genome_data(store, paths[0], **options)


def _negatives(settings: DataSettings, store: GenomeStore) -> Any:
    words = [each for each in settings.negatives if each in ("gc", "shuffle") and not os.path.exists(each)]
    if not settings.negatives:
        return None
    if words:
        if len(settings.negatives) > 1:
            raise ValueError(f"negatives expects the word {words[0]}, or files, got both")
        return words[0]
    files = found_files(settings.negatives, "negatives")
    return files[0] if len(files) == 1 else concat(concat(bed_intervals(f, sizes=store.sizes)) for f in files)


def _with_signal(
    settings: DataSettings, store: GenomeStore, regions: Intervals, options: dict[str, Any]
) -> SequenceData:
    if options["negatives"] == "shuffle":
        raise ValueError(
            "shuffles have no place in the genome to read a signal at; expects --negatives gc or BED"
        )
    files = found_files(settings.signal, "signal")
    statistic = settings.statistic or ("sum" if settings.task == "counts" else "mean")

    def targets(windows: Intervals) -> np.ndarray:
        return coverage(files, windows, statistic=statistic, sizes=store.sizes)[:, :, 0]

    return replace(genome_data(store, regions, targets=targets, **options), target_names=_stems(files))


def _with_classes(
    settings: DataSettings,
    store: GenomeStore,
    regions: Intervals,
    options: dict[str, Any],
    order: Sequence[str] | None,
) -> SequenceData:
    labels = regions.columns.get(str(settings.classes))
    if labels is None:
        known = ", ".join(regions.columns) or "none"
        raise ValueError(f"classes: the regions have no column {settings.classes!r}; there are {known}")
    _no_negatives(settings, "classes")
    targets, names = class_targets(labels, order)
    data = genome_data(store, regions, targets=targets, **options)
    return replace(data, target_names=names)


def _with_table(
    settings: DataSettings, store: GenomeStore, regions: Intervals, options: dict[str, Any]
) -> SequenceData:
    _no_negatives(settings, "targets_table")
    path = str(settings.targets_table)
    others = [each for each in (settings.offset_column, settings.weight) if each is not None]
    wanted = settings.targets or [
        name for name in column_names(path, [settings.key]) if name not in (settings.key, *others)
    ]
    values = table_targets(path, regions, [*wanted, *others], key=settings.key)
    for column, name in enumerate(others, len(wanted)):
        if np.isnan(values[:, column]).any():
            row = int(np.argmax(np.isnan(values[:, column])))
            raise ValueError(
                f"{path}: column {name!r} expects a number for each region, got none for {regions.place(row)}"
            )
    data = genome_data(store, regions, targets=values, **options)
    parts = dict(zip([*wanted, *others], data.targets.T, strict=True))
    extras = dict(data.extras)
    if "mask" in extras:
        extras["mask"] = extras["mask"][:, : len(wanted)]
    if settings.offset_column is not None:
        extras["offset"] = parts[settings.offset_column][:, None]
    if settings.weight is not None:
        extras["sample_weight"] = parts[settings.weight]
    kept = np.ascontiguousarray(data.targets[:, : len(wanted)])
    data = replace(data, targets=kept, extras=extras, target_names=tuple(wanted))
    return with_logarithm(settings, data)


def _no_negatives(settings: DataSettings, key: str) -> None:
    if settings.negatives:
        raise ValueError(f"negatives have no value in {key}; leave out one of them")


def _stems(paths: Sequence[str]) -> tuple[str, ...]:
    """Names of tasks: those of their files, without folder and suffixes, or without the last one, if these differ."""
    files = [Path(path) for path in paths]
    tries = [[file.name.split(".")[0] for file in files], [file.stem for file in files], [*paths]]
    return tuple(next((stems for stems in tries if len(set(stems)) == len(stems)), paths))
