"""Run folders of other tools' networks: converted, compared with the originals, and saved like trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml.backend import use_backend
from genoml.convert import Converted, ConvertError, convert_file, with_bases
from genoml.io.plain import read_plain, strict_json
from genoml.io.weights import WeightsFile, read_weights
from genoml.nn import Graph, Node
from genoml.ops.activations import sigmoid, softmax
from genoml.runs.folder import refuse_existing
from genoml.runs.record import SourceRecord
from genoml.runs.run import Run
from genoml.runs.save import save_run
from genoml.runs.tasks import TaskRecord
from genoml.sequence import batch_encode
from genoml.train import BinaryClassification, MultiClassification, Objective, Regression

__all__ = ["import_weights"]

#: largest difference from the original's outputs, of values up to 1, or a share of larger ones
_TOLERANCE = 1e-4
#: bytes of a topology, at most
_MOST_JSON = 16 << 20


def import_weights(
    files: str | PathLike[str] | Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    recipe: str | None = None,
    topology: str | PathLike[str] | None = None,
    length_bp: int | None = None,
    context: int | None = None,
    outputs: Sequence[str] | None = None,
    bases: str | None = None,
    licence: str = "",
    tasks: Sequence[str] = (),
    check: tuple[Any, np.ndarray] | None = None,
) -> Run:
    """Make a run folder of another tool's network, which every command then reads like one of a training.

    No code of a file is run. Several files are networks whose outputs are averaged.

    Parameters
    ----------
    files : path, or sequence of path
        What ``genoml.io.read_weights`` reads.
    out : path
        Folder to make; it must not exist yet, or be empty.
    recipe, length_bp, context, outputs
        See ``genoml.convert.convert_file``.
    topology : path, optional
        JSON of the Keras model whose weights the file holds.
    bases : str, optional
        Order of the bases in the file, such as ``"AGCT"``; the recipe's, else ACGT.
    licence : str
        Of the weights, kept with the run.
    tasks : sequence of str
        Names of the outputs.
    check : (array or list of str, array), optional
        Sequences, as letters or one-hot with the bases in the order A, C, G, T and the axes of the original; and the
        original's outputs for them.

    Raises
    ------
    WeightsError, FormatError, ConvertError
        For files that cannot be read or converted; nothing is written.
    ValueError
        If the outputs are not those of the original, or are of another number than ``tasks``.
    RunError
        If the folder exists, or cannot be written.
    """
    refuse_existing(out)
    paths = [files] if isinstance(files, str | PathLike) else list(files)
    made, read = [], []
    with use_backend("numpy"):
        for path in paths:
            file = read_weights(path)
            converted, order = _converted(
                file, bases, recipe=recipe, topology=_topology(topology), length_bp=length_bp, context=context,
                outputs=outputs, cut=len(paths) == 1,
            )  # fmt: skip
            made.append(converted)
            read.append(file)
        whole = made[0] if len(made) == 1 else _averaged(made)
    difference = None if check is None else _compare(whole, *check)
    outputs_of_one = whole.network.vjp(np.zeros((1, 4, whole.length_bp), np.float32))[0].shape
    source = SourceRecord(
        files=[Path(file.path).name for file in read],
        sha256=[file.sha256 for file in read],
        format=read[0].format,
        recipe=recipe or "",
        licence=licence,
        bases=order,
        outputs=list(whole.outputs),
        last=whole.last or "",
        fixed_length=whole.fixed_length,
        difference=difference,
    )
    task, objective = _task(whole, outputs_of_one, tasks)
    return save_run(
        whole.network, out, length_bp=whole.length_bp, objective=objective, reverse_complement=False,
        ambiguous="zero", source=source, task=task,
    )  # fmt: skip


def _topology(path: str | PathLike[str] | None) -> Any:
    """A Keras model's JSON."""
    if path is None:
        return None
    try:
        found = strict_json(read_plain(Path(path), _MOST_JSON))
    except (ValueError, RecursionError) as error:
        raise ConvertError(f"{path}: no JSON of a Keras model ({error})") from error
    if not isinstance(found, dict):
        raise ConvertError(f"{path}: no JSON of a Keras model; expects an object")
    return found


def _converted(file: WeightsFile, bases: str | None, **options: Any) -> tuple[Converted, str]:
    """The network of a file that reads A, C, G, T, and the order that its bases had."""
    converted = convert_file(file, **options)
    order = bases or converted.bases
    try:
        return with_bases(_kept_where_positions(converted), order), order
    except ConvertError as error:
        raise ConvertError(f"{file.path}: {error}") from error


def _kept_where_positions(converted: Converted) -> Converted:
    """A network whose outputs have positions keeps its last function: no objective knows such outputs."""
    return converted.with_last() if len(converted.axes) > 2 else converted


def _averaged(made: Sequence[Converted]) -> Converted:
    """Networks that read the same, as one whose outputs are their mean."""
    first = made[0]
    kinds = {(each.length_bp, each.axes, each.outputs) for each in made}
    if len(kinds) > 1:
        raise ConvertError(
            "import: expects networks that read one length and have the same outputs; import each alone"
        )
    names = [f"network{number}" for number in range(1, len(made) + 1)]
    nodes = [Node(name, each.network) for name, each in zip(names, made, strict=True)]
    return first.of(Graph([*nodes, Node("mean", "mean", names)]))


def _compare(converted: Converted, given: Any, expected: np.ndarray) -> float:
    """Largest difference from the original's outputs, in parts of those above 1.

    Raises
    ------
    ValueError
        If it is too large, or the shapes are others.
    """
    x = _one_hot(converted, given)
    found = np.asarray(converted.network.vjp(x)[0])
    if converted.last is not None:
        found = np.asarray(softmax(found, 1) if converted.last == "softmax" else sigmoid(found))
    found = found.transpose(converted.axes) if found.ndim == len(converted.axes) else found
    if found.size != expected.size or len(found) != len(expected):
        raise ValueError(
            f"--check: the outputs have shape {expected.shape}, and the network gives {found.shape}"
        )
    wanted = np.asarray(expected, np.float64).reshape(found.shape)
    worst = float(np.max(np.abs(found - wanted) / np.maximum(np.abs(wanted), 1.0), initial=0.0))
    if not worst <= _TOLERANCE:
        raise ValueError(
            f"--check: the outputs differ by up to {worst:.2g} from the original's, more than {_TOLERANCE:g}; are the "
            "file's bases in another order (--bases), or the sequences others?"
        )
    return worst


def _one_hot(converted: Converted, given: Any) -> np.ndarray:
    """Sequences (n, 4, length) from letters, or from an array with the original's axes."""
    if not isinstance(given, np.ndarray) or given.dtype.kind in "USO":
        return np.ascontiguousarray(batch_encode(list(given)).transpose(0, 2, 1))
    x = np.asarray(given, np.float32)
    if x.ndim > 3:  # images with an axis of size 1
        x = np.squeeze(x, tuple(axis for axis in range(1, x.ndim) if x.shape[axis] == 1))
    axes = sorted(range(3), key=lambda own: converted.input_axes[own])  # ours, in the tool's order
    if x.ndim != 3 or x.shape[axes.index(1)] != 4:
        raise ValueError(
            f"--check: sequences have shape {given.shape}; expects letters, or what the original reads"
        )
    return np.ascontiguousarray(x.transpose([axes.index(own) for own in range(3)]))


def _task(converted: Converted, shape: tuple[int, ...], names: Sequence[str]) -> tuple[TaskRecord, Objective]:
    """What the outputs mean: classes behind a softmax, labels behind a sigmoid, else numbers as they are."""
    if converted.tracks:
        positions, strands = shape[1] // converted.tracks - 1, "." * converted.tracks
        task = TaskRecord(kind="profile", names=list(names), strands=strands, profile_bp=positions)
        return task, task.objective()
    if names and len(names) != shape[1]:
        raise ValueError(f"--tasks names {len(names)}, and the network has {shape[1]} outputs")
    several = tuple(names) or tuple(f"output_{i + 1}" for i in range(shape[1] if shape[1] > 1 else 0))
    if converted.last == "softmax":
        return TaskRecord(kind="classes", names=list(several)), MultiClassification(task_names=several)
    if converted.last == "sigmoid":
        kind: Any = "binary" if shape[1] == 1 else "multilabel"
        return TaskRecord(kind=kind, names=list(several)), BinaryClassification(task_names=several)
    return TaskRecord(kind="regression", names=list(several)), Regression(task_names=several)
