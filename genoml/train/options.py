"""Options of training, its callbacks, and its history."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from genoml.backend import Array
from genoml.data import Augmentation, Sampler
from genoml.nn.layer import Layer
from genoml.optim import AdamW, Optimizer
from genoml.optim.schedules import Schedule, constant
from genoml.train.objectives import BinaryClassification, Objective

#: model -> what is added to the loss, and to the gradients of the parameters by path
Penalty: TypeAlias = Callable[[Layer], tuple[Array, Mapping[str, Array]]]


class Callback(Protocol):
    """Interface of callbacks, which ``fit`` calls as training proceeds."""

    def step(self, step: int, loss: float, examples: int) -> None:
        """A logging interval has ended."""

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended; ``improved`` if the model's validation score is the best so far."""


@dataclass
class FitOptions:
    """Options of training; the defaults are those of ``genoml train``."""

    epochs: int = 20
    batch_size: int = 64
    optimizer: Optimizer = field(default_factory=lambda: AdamW(1e-3))
    schedule: Schedule = field(default_factory=constant)
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(reverse_complement=True))
    #: which examples an epoch sees; all of them once by default
    sampler: Sampler = field(default_factory=Sampler)
    objective: Objective = field(default_factory=BinaryClassification)
    #: such as ``partial(information_penalty, strength=1e-3)``
    penalties: tuple[Penalty, ...] = ()
    max_grad_norm: float | None = None
    #: largest norm of the weights into one output, see ``genoml.optim.limit_norms``
    max_weight_norm: float | None = None
    #: decay of the exponential moving average of the weights that is evaluated and kept; 0 = none
    average_decay: float = 0.0
    #: stop after this many epochs without a better validation score; None = never
    patience: int | None = None
    ambiguous: str = "zero"
    #: threads that share out each batch; None = the backend's own number (all cores on NumPy)
    threads: int | None = None
    #: batches that are made ahead in a thread while one is trained on; changes no number
    prefetch: int = 2
    seed: int = 0


@dataclass
class History:
    """History of a training.

    Attributes
    ----------
    epochs : list of dict
        A record an epoch, see ``fit``.
    best_epoch : int or None
        The epoch, from 1, whose weights were kept; None before the end of the first.
    interrupted : bool
        Whether Ctrl-C ended the training early.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    interrupted: bool = False

    @property
    def best(self) -> dict[str, float] | None:
        """Record of the best epoch."""
        return None if self.best_epoch is None else self.epochs[self.best_epoch - 1]


class Callbacks:
    """Callback that calls several others, in order."""

    def __init__(self, *callbacks: Callback) -> None:
        self.callbacks = callbacks

    def step(self, step: int, loss: float, examples: int) -> None:
        """A logging interval has ended."""
        for callback in self.callbacks:
            callback.step(step, loss, examples)

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended."""
        for callback in self.callbacks:
            callback.epoch(record, improved)


class TensorBoard:
    """Callback that writes events for TensorBoard; needs the extra ``tensorboard`` (tensorboardX).

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
        self._events_writer = EventsWriter
        self._event = Event
        self._summary = Summary
        self.folder = Path(folder)
        self._writer: Any = None

    def step(self, step: int, loss: float, examples: int) -> None:
        """A logging interval has ended."""
        self._scalars(step, {"step/loss": loss})

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended."""
        values = {f"epoch/{name}": value for name, value in record.items() if name not in ("epoch", "step")}
        self._scalars(int(record["step"]), values)
        self._writer.flush()

    def _scalars(self, step: int, values: Mapping[str, float]) -> None:
        if self._writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            # the process is in the name, so that a resumed run has a file of its own
            self._writer = self._events_writer(str(self.folder / "events"), f".{os.getpid()}")
        scalars = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        summary = self._summary(value=scalars)
        self._writer.write_event(self._event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        """Write the events that are left, and close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
