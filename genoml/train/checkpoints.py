"""When a training's state is saved, and how it comes back."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from genoml.checkpoint import (
    CheckpointError,
    load_generation,
    newest_generation,
    read_about,
    save_generation,
)
from genoml.schedules import ReduceOnPlateau
from genoml.train.fingerprint import describe_options, hash_data, versions
from genoml.train.options import History
from genoml.train.snapshots import Average, Snapshot, Weights
from genoml.train.state import Standing, StateRecord, arrays_of, expect_state, to_host
from genoml.train.writing import NewestWriter

if TYPE_CHECKING:
    from genoml.train.loop import Trainer


@dataclass(frozen=True)
class Checkpoints:
    """Where ``fit`` saves its state: after every epoch, on Ctrl-C, and as often between as told.

    Attributes
    ----------
    folder : path
        Holds one checkpoint, two while one is written; made if need be.
    every_steps : int or None
        Also after so many steps.
    every_minutes : float or None
        Also after so much time.

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
    """How many whole epochs the newest checkpoint in a folder holds; 0 without one.

    Raises
    ------
    CheckpointError
        If it is damaged.
    """
    record = read_about(Path(folder), StateRecord)
    return 0 if record is None else record.place.epoch


class Keeper:
    """Saves and restores the state of one Trainer.

    Raises
    ------
    CheckpointError
        Without ``resume``, if the folder holds a checkpoint.
    """

    def __init__(self, checkpoints: Checkpoints, trainer: Trainer, *, resume: bool) -> None:
        self.checkpoints, self.trainer = checkpoints, trainer
        self.folder = Path(checkpoints.folder)
        if not resume and newest_generation(self.folder) is not None:
            raise CheckpointError(
                f"{self.folder}: holds a checkpoint already; resume it, or choose another folder"
            )
        self.options = describe_options(trainer.options)
        self.data = {"training": hash_data(trainer.data), "validation": hash_data(trainer.validation)}
        self._writer = NewestWriter[tuple[dict[str, np.ndarray], StateRecord]](
            lambda state: save_generation(self.folder, *state)
        )
        self._saved_at, self._saved_step = time.monotonic(), 0
        #: the newest whole step, all of whose losses have been read
        self._stood: tuple[Standing, Snapshot, Average | None, float, dict[str, float | int | None]]
        self.note(Snapshot(trainer.model, trainer.options.optimizer))

    # ------------------------------------------------------------ saving

    def note(self, live: Snapshot) -> None:
        """Remember where training stands now, ``live``, so that it can be saved later; copies no array."""
        trainer = self.trainer
        schedule = trainer.options.schedule
        learned = dict(schedule.state) if isinstance(schedule, ReduceOnPlateau) else {}
        average = None if trainer.average is None else trainer.average.copy()
        rate = trainer.options.optimizer.learning_rate
        self._stood = trainer.standing.copy(), live, average, rate, learned

    def is_due(self) -> bool:
        """Whether it is time to save between two epochs' ends."""
        steps, minutes = self.checkpoints.every_steps, self.checkpoints.every_minutes
        if steps is not None and self.trainer.standing.place.step - self._saved_step >= steps:
            return True
        return minutes is not None and time.monotonic() - self._saved_at >= 60.0 * minutes

    def save(self) -> bool:
        """Save the newest state noted, in the background; False, and nothing, if it is not finite.

        Raises
        ------
        CheckpointError
            If this or an earlier one cannot be written.
        """
        standing, live, average, rate, learned = self._stood
        model = self.trainer.model
        arrays = to_host(model.backend, arrays_of(live, average, standing.best))
        if not all(bool(np.all(np.isfinite(value))) for value in arrays.values()):
            return False
        arrays["losses"] = np.asarray(standing.losses, np.float64)
        record = StateRecord(
            place=standing.place,
            learning_rate=rate,
            optimizer_steps=live.steps,
            average_steps=None if average is None else average.steps,
            epochs=standing.history.epochs,
            best_epoch=standing.history.best_epoch,
            best_score=None if standing.best is None else standing.best_score,
            schedule=learned,
            options=self.options,
            data=self.data,
            backend={"name": model.backend.name, **model.backend.describe()},
            versions=versions(model.backend),
            threads=self.trainer.threads.count,
        )
        self._writer.submit((arrays, record))
        self._saved_at, self._saved_step = time.monotonic(), standing.place.step
        return True

    def finish(self) -> None:
        """Wait until the newest is on the disk; errors as ``save``."""
        self._writer.finish()

    def close(self) -> None:
        """End the thread."""
        self._writer.close()

    # ------------------------------------------------------------ restoring

    def restore(self) -> bool:
        """Put the newest checkpoint's state into the trainer; False if there is none.

        Raises
        ------
        CheckpointError
            If it is damaged, or of another model, other settings or other data.
        """
        trainer = self.trainer
        model, optimizer = trainer.model, trainer.options.optimizer

        def expect(path: Path, record: StateRecord, shapes: Mapping[str, tuple[int, ...]]) -> None:
            self._expect_same(path, record)
            expect_state(path, record, shapes, model.params, model.state)

        found = load_generation(self.folder, StateRecord, expect)
        if found is None:
            return False
        record, arrays = found
        backend = model.backend
        losses = [float(value) for value in arrays.pop("losses")]
        tables: dict[str, dict[str, object]] = {"live": {}, "average": {}, "best": {}, "moments": {}}
        for name, value in arrays.items():
            table, _, path = name.partition("/")
            tables[table][path] = backend.asarray(value, str(value.dtype))
        Weights.of(model, tables["live"]).put(model)
        optimizer.state, optimizer.steps = tables["moments"], record.optimizer_steps
        optimizer.learning_rate = record.learning_rate
        if trainer.average is not None and record.average_steps is not None:
            trainer.average.replace(Weights.of(model, tables["average"]), record.average_steps)
        if isinstance(trainer.options.schedule, ReduceOnPlateau):
            trainer.options.schedule.state = record.schedule
        best = None if record.best_epoch is None else Weights.of(model, tables["best"])
        score = -inf if record.best_score is None else record.best_score
        history = History(record.epochs, record.best_epoch)
        trainer.standing = Standing(record.place, losses, history, best, score)
        self._saved_step = record.place.step
        self.note(Snapshot(model, optimizer))
        return True

    def _expect_same(self, path: Path, record: StateRecord) -> None:
        """Raise unless the checkpoint is of these settings and data, and makes sense."""
        for name in sorted(self.options.keys() | record.options.keys()):
            saved, given = record.options.get(name), self.options.get(name)
            if saved != given:
                raise CheckpointError(f"{path}: was begun with {name} = {saved}, got {given}")
        for name, digest in self.data.items():
            if record.data.get(name) != digest:
                raise CheckpointError(f"{path}: was begun with other {name} data")
        expect_sense(path, record, self.trainer)


def expect_sense(path: Path, record: StateRecord, trainer: Trainer) -> None:
    """Raise CheckpointError unless the numbers of a record can be those of this training."""
    place, options = record.place, trainer.options
    learned = options.schedule.state if isinstance(options.schedule, ReduceOnPlateau) else {}
    ok = (
        0 <= place.epoch <= options.epochs
        and 0 <= place.batch <= max(place.step, 0)
        and len(record.epochs) == place.epoch
        and (record.average_steps is None) == (trainer.average is None)
        and (record.best_epoch is None) == (record.best_score is None)
        and (record.best_epoch is None or 0 <= record.best_epoch < len(record.epochs))
        and min(record.optimizer_steps, record.average_steps or 0) >= 0
        and record.schedule.keys() == learned.keys()
        and record.learning_rate > 0
    )
    if not ok:
        raise CheckpointError(f"{path}: its manifest makes no sense ({msgspec.json.encode(place).decode()})")
