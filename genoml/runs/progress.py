"""Callbacks of the training of a run: displays, and the recorder that keeps the log and the best weights."""

from __future__ import annotations

from genoml.nn.layer import Layer
from genoml.runs.folder import RunFolder
from genoml.train.progress import Pace


class Progress(Pace):
    """Base of the progress displays of runs; shows nothing, which is ``--quiet``."""

    #: processes that train together, and the threads of each
    ranks, threads = 1, 1

    @classmethod
    def tried(cls, line: str) -> None:
        """Something was tried or chosen before training begins."""

    @classmethod
    def note(cls, line: str) -> None:
        """Something else is done before training begins, such as making a file."""

    def start(self, folder: RunFolder, *, resumed: bool) -> None:
        """Training begins, or is resumed."""

    def end(self, folder: RunFolder) -> None:
        """Training has ended; the record says how."""


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
