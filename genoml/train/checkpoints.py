"""Checkpoints: when the state of a training is saved, and how it is read back."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np

from genoml.backend import Array, Backend
from genoml.checkpoint import CheckpointError, load_generation, newest_generation, read_about, save_generation
from genoml.data import SequenceData
from genoml.nn.layer import Layer
from genoml.train.background import NewestWriter
from genoml.train.fingerprint import describe_options, hash_data, versions
from genoml.train.options import FitOptions, History
from genoml.train.state import Average, StateRecord, TrainingState, Weights, expect_arrays, expect_sense


@dataclass(frozen=True)
class Checkpoints:
    """Settings of checkpoints: the folder, and how often to save besides after each epoch and on Ctrl-C.

    Attributes
    ----------
    folder : path
        Holds one checkpoint, two while one is written; made if need be.
    every_steps : int or None
        Save after this many steps too.
    every_minutes : float or None
        Save after this time too.

    Raises
    ------
    ValueError
        If a number is not above 0.
    """

    folder: str | os.PathLike[str]
    every_steps: int | None = None
    every_minutes: float | None = 10.0

    def __post_init__(self) -> None:
        for name in ("every_steps", "every_minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < inf:
                raise ValueError(f"Checkpoints expects {name} above 0, got {value}")


def saved_epochs(folder: str | os.PathLike[str]) -> int:
    """Number of whole epochs in the newest checkpoint of a folder; 0 without one.

    Raises
    ------
    CheckpointError
        If it is damaged.
    """
    record = read_about(Path(folder), StateRecord)
    return 0 if record is None else record.epoch


class Checkpointer:
    """Writes the states of one training into a folder, in the background, and reads the newest one back.

    Parameters
    ----------
    checkpoints : Checkpoints
        Folder and intervals.
    model, options, data, validation
        Model, options and data of the training, which a state must fit.
    resume : bool
        Whether the folder may hold a checkpoint.

    Raises
    ------
    CheckpointError
        If it holds one and may not.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        model: Layer,
        options: FitOptions,
        data: SequenceData,
        validation: SequenceData | None,
        *,
        resume: bool,
    ) -> None:
        self.checkpoints = checkpoints
        self.folder = Path(checkpoints.folder)
        if not resume and newest_generation(self.folder) is not None:
            raise CheckpointError(
                f"{self.folder}: holds a checkpoint already; resume it, or choose another folder"
            )
        self.model, self.options = model, options
        self.described = describe_options(options)
        self.hashes = {"training": hash_data(data), "validation": hash_data(validation)}
        self._writer = NewestWriter[tuple[dict[str, np.ndarray], StateRecord]](
            lambda state: save_generation(self.folder, *state)
        )
        self._saved_at, self._saved_step = time.monotonic(), 0

    # ------------------------------------------------------------ saving

    def is_due(self, step: int) -> bool:
        """Whether it is time to save within an epoch."""
        steps = self.checkpoints.every_steps
        minutes = self.checkpoints.every_minutes
        if steps is not None and step - self._saved_step >= steps:
            return True
        return minutes is not None and time.monotonic() - self._saved_at >= 60.0 * minutes

    def save(self, state: TrainingState) -> bool:
        """Save a state in the background. One that is not finite is not saved, and gives False.

        Raises
        ------
        CheckpointError
            If this or an earlier one cannot be written.
        """
        backend, best = self.model.backend, state.history.best_epoch
        arrays = _to_host(backend, state.arrays)
        if not all(bool(np.all(np.isfinite(value))) for value in arrays.values()):
            return False
        arrays["losses"] = np.asarray(state.losses[: state.batch], np.float64)
        record = StateRecord(
            epoch=state.epoch,
            batch=state.batch,
            step=state.step,
            elapsed_s=state.elapsed_s,
            learning_rate=state.learning_rate,
            optimizer_steps=state.weights.optimizer_steps,
            average_steps=None if state.average is None else state.average.steps,
            epochs=state.history.epochs,
            best_epoch=None if best is None else best - 1,
            best_score=None if state.best is None else state.best_score,
            schedule=dict(state.schedule),
            options=self.described,
            data=self.hashes,
            backend={"name": backend.name, **backend.describe()},
            versions=versions(backend),
            threads=self.options.threads or backend.threads,
        )
        self._writer.submit((arrays, record))
        self._saved_at = time.monotonic()
        self._saved_step = state.step
        return True

    def finish(self) -> None:
        """Wait until the newest state is on the disk; errors as in ``save``."""
        self._writer.finish()

    def close(self) -> None:
        """End the thread."""
        self._writer.close()

    # ------------------------------------------------------------ reading

    def read(self) -> TrainingState | None:
        """The newest checkpoint's state, on the model's device; None if there is none.

        Raises
        ------
        CheckpointError
            If it is damaged, or of another model, other settings or other data.
        """
        newest = load_generation(self.folder, StateRecord, self._expect_ours)
        if newest is None:
            return None
        record, arrays = newest
        losses = [float(value) for value in arrays.pop("losses")]
        tables: dict[str, dict[str, Array]] = {"live": {}, "average": {}, "best": {}, "moments": {}}
        for name, value in arrays.items():
            table, _, path = name.partition("/")
            tables[table][path] = self.model.backend.asarray(value, str(value.dtype))
        self._saved_step = record.step
        live = self._weights(tables["live"])
        averaged = None if record.average_steps is None else self._weights(tables["average"])
        return TrainingState(
            weights=Weights(live.params, live.state, tables["moments"], record.optimizer_steps),
            learning_rate=record.learning_rate,
            average=None if averaged is None else Average(averaged, record.average_steps or 0),
            schedule=record.schedule,
            epoch=record.epoch,
            batch=record.batch,
            step=record.step,
            elapsed_s=record.elapsed_s,
            losses=losses,
            history=History(record.epochs, None if record.best_epoch is None else record.best_epoch + 1),
            best=None if record.best_epoch is None else self._weights(tables["best"]),
            best_score=-inf if record.best_score is None else record.best_score,
        )

    def _weights(self, arrays: Mapping[str, Array]) -> Weights:
        """Weights from arrays by path, in the model's order."""
        params = {name: arrays[name] for name in self.model.params}
        return Weights(params, {name: arrays[name] for name in self.model.state})

    def _expect_ours(self, path: Path, record: StateRecord, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise CheckpointError unless a checkpoint has these settings, data and model, and possible numbers."""
        for name in sorted(self.described.keys() | record.options.keys()):
            before = record.options.get(name)
            now = self.described.get(name)
            if before != now:
                raise CheckpointError(f"{path}: was begun with {name} = {before}, got {now}")
        for name, digest in self.hashes.items():
            if record.data.get(name) != digest:
                raise CheckpointError(f"{path}: was begun with other {name} data")
        expect_sense(path, record, self.options)
        expect_arrays(path, record, shapes, self.model)


def _to_host(backend: Backend, arrays: Mapping[str, Array]) -> dict[str, np.ndarray]:
    """Copy arrays to NumPy, with one read of the device for each dtype."""
    xp = backend.xp
    host: dict[str, np.ndarray] = {}
    kinds = {str(value.dtype): value.dtype for value in arrays.values()}
    for kind in kinds.values():
        names = [name for name, value in arrays.items() if value.dtype == kind]
        joined = backend.to_numpy(xp.concat([xp.reshape(arrays[name], (-1,)) for name in names]))
        at = 0
        for name in names:
            shape = tuple(arrays[name].shape)
            size = int(np.prod(shape, dtype=np.int64))
            host[name] = joined[at : at + size].reshape(shape)
            at += size
    return host
