"""Callbacks of the training of a run: displays, and the recorder that keeps the log and the best weights."""

from __future__ import annotations

import time
from typing import Any

from genoml.nn.layer import Layer
from genoml.runs.folder import RunFolder


class Progress:
    """Base of the progress displays; shows nothing, which is ``--quiet``.

    Parameters
    ----------
    epochs, examples : int
        Epochs of the run, and sequences in each.
    first : int
        Epochs that are already done, in a resumed run.
    """

    def __init__(self, epochs: int, examples: int, *, first: int = 0) -> None:
        self.epochs = epochs
        self.examples = examples
        self.done = self._first = first
        #: sequences seen in the current epoch
        self.seen = 0
        self._start = time.perf_counter()

    def start(self, folder: RunFolder, *, resumed: bool) -> None:
        """Training begins, or is resumed."""

    def step(self, step: int, loss: float, examples: int) -> None:
        """A logging interval has ended."""
        self.seen += examples

    def epoch(self, record: dict[str, Any], improved: bool) -> None:
        """An epoch has ended, ``improved`` if it is the best so far."""
        self.done, self.seen = int(record["epoch"]), 0

    def end(self, folder: RunFolder) -> None:
        """Training has ended; the record says how."""

    def close(self) -> None:
        """Remove the bar, which is only for the moment."""

    @property
    def seconds(self) -> float:
        """Seconds since training began."""
        return time.perf_counter() - self._start

    @property
    def seconds_left(self) -> float:
        """Seconds until the last epoch ends, at the pace so far; patience may end a run before."""
        epochs = self.done - self._first + self.seen / self.examples
        return self.seconds * (self.epochs - self._first - epochs) / epochs if epochs else float("inf")


class Recorder:
    """Callback that writes the log and the best weights, and shows the epochs after the ``first``."""

    def __init__(self, folder: RunFolder, model: Layer, progress: Progress, first: int) -> None:
        self.folder, self.model = folder, model
        self.progress, self.first = progress, first

    def step(self, step: int, loss: float, examples: int) -> None:
        self.progress.step(step, loss, examples)

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        self.folder.log(record)
        if improved:
            self.folder.record.best_epoch = int(record["epoch"])
            self.folder.record.best = record
            self.folder.save_weights(self.model)
        if record["epoch"] > self.first:
            self.progress.epoch(record, improved)
