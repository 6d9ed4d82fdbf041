"""Callbacks of ``fit``: several as one, and events for TensorBoard."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genoml.train.options import Callback


class Callbacks:
    """Tells several callbacks, in order."""

    def __init__(self, *callbacks: Callback) -> None:
        self.callbacks = callbacks

    def step(self, step: int, loss: float, examples: int) -> None:
        """Show the end of a logging interval."""
        for callback in self.callbacks:
            callback.step(step, loss, examples)

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended."""
        for callback in self.callbacks:
            callback.epoch(record, improved)


class TensorBoard:
    """Writes what ``fit`` tells as TensorBoard events; needs the extra ``tensorboard`` (tensorboardX).

    Scalars: ``step/loss`` at every logging interval, and each number of an epoch's record at its last step,
    as ``epoch/loss``, ``epoch/validation_auroc`` and so on. Events are on disk after each epoch.

    Parameters
    ----------
    folder : path-like
        Where to; made with the first event. ``tensorboard --logdir FOLDER`` shows it.

    Raises
    ------
    ModuleNotFoundError
        If tensorboardX is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            # its SummaryWriter hands events to another thread, and does not tell when they are on disk
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event
            from tensorboardX.proto.summary_pb2 import Summary
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "TensorBoard events need tensorboardX; pip install 'genoml-xp[tensorboard]'", name=error.name
            ) from error
        self._events_writer, self._event, self._summary = EventsWriter, Event, Summary
        self.folder = Path(folder)
        self._writer: Any = None

    def step(self, step: int, loss: float, examples: int) -> None:
        """Show the end of a logging interval."""
        self._scalars(step, {"step/loss": loss})

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended."""
        values = {f"epoch/{name}": value for name, value in record.items() if name not in ("epoch", "step")}
        self._scalars(int(record["step"]), values)
        self._writer.flush()

    def _scalars(self, step: int, values: Mapping[str, float]) -> None:
        if self._writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            # the process is in the name, so that a run that is taken up again has a file of its own
            self._writer = self._events_writer(str(self.folder / "events"), f".{os.getpid()}")
        scalars = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        summary = self._summary(value=scalars)
        self._writer.write_event(self._event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
