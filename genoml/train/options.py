"""Options of training, its callbacks, and its history."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeAlias, runtime_checkable

from genoml.arguments import Count, Limits, NotNegative, Positive, Share, Whole, checked, conform
from genoml.backend import Array
from genoml.data import Augmentation, Sampler, SequenceData
from genoml.data.checks import FitCheck, warn_of_leaks
from genoml.nn.layer import Layer
from genoml.optim import AdamW, Optimizer
from genoml.optim.schedules import Schedule, constant
from genoml.sequence.encode import Ambiguous
from genoml.train.curves import history_html
from genoml.train.objectives import BinaryClassification, Objective
from genoml.train.transfer import Taken

#: model -> what is added to the loss, and to the gradients of the parameters by path
Penalty: TypeAlias = Callable[[Layer], tuple[Array, Mapping[str, Array]]]


@runtime_checkable
class Callback(Protocol):
    """Interface of callbacks, which ``fit`` calls as training proceeds; a function is called by ``epoch`` alone."""

    def step(self, step: int, loss: float, examples: int) -> None:
        """A logging interval has ended."""

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended; ``improved`` if the model's validation score is the best so far."""


@checked
@dataclass
class FitOptions:
    """Options of training.

    The defaults are plain. ``genoml train`` has others, chosen on validation data (a one-cycle schedule to 0.01, weight
    decay, averaged weights, random shifts): ``TrainConfig().for_data(length_bp).fit_options(len(data), (1.0, 1.0))``
    of ``genoml.runs.config`` gives those.

    Raises
    ------
    TypeError, ValueError
        For an option of another kind, or out of range.
    """

    epochs: Count = 20
    batch_size: Count = 64
    #: batches of a step: their gradients are added up, then exchanged between ranks and taken in one update, as of a
    #: batch so many times as large, which need not fit into memory. Batch normalisation goes by the batch, and so does
    #: an objective that is not ``in_parts``
    accumulate: Count = 1
    optimizer: Annotated[Optimizer, Limits(examples=("AdamW(1e-3)",))] = field(
        default_factory=lambda: AdamW(1e-3)
    )
    schedule: Schedule = field(default_factory=constant)
    augmentation: Annotated[Augmentation, Limits(examples=("Augmentation()",))] = field(
        default_factory=Augmentation
    )
    #: which examples an epoch sees; all of them once by default
    sampler: Annotated[Sampler, Limits(examples=("BalancedSampler()",))] = field(default_factory=Sampler)
    objective: Annotated[Objective, Limits(examples=("Regression()",))] = field(
        default_factory=BinaryClassification
    )
    #: such as ``partial(information_penalty, strength=1e-3)``
    penalties: tuple[Penalty, ...] = ()
    max_grad_norm: Positive | None = None
    #: largest norm of the weights into one output, see ``genoml.optim.limit_norms``
    max_weight_norm: Positive | None = None
    #: patterns over paths of parameters that stay as they are, such as ``("conv*",)``; they cost no gradient, and the
    #: running statistics of a batch normalisation that is frozen whole are used and stay too
    freeze: tuple[str, ...] = ()
    #: peak learning rates of their own, by pattern over paths; the schedule applies to them as to the optimiser's
    learning_rates: Mapping[str, float] = field(default_factory=dict)
    #: decay of the exponential moving average of the weights that is evaluated and kept; 0 = none
    average_decay: Share = 0.0
    #: stop after this many epochs without a better validation score; None = never
    patience: Count | None = None
    #: an epoch also counts as better whose score is less than this below the best: few validation sequences cannot tell
    #: them apart, and where the learning rate falls to 0 at the end the later weights are the better ones
    best_within: NotNegative = 0.0
    ambiguous: Ambiguous = "zero"
    #: threads that share out each batch; None = the backend's own number (all cores on NumPy)
    threads: Count | None = None
    #: batches that are made ahead in a thread while one is trained on; changes no number
    prefetch: Whole = 2
    seed: Whole = 0
    #: checks of validation data to leave out: ``copies`` of training sequences; a sequence in several ``classes``
    no_checks: tuple[FitCheck, ...] = ()

    def __post_init__(self) -> None:
        for pattern, rate in self.learning_rates.items():
            conform(rate, Positive, "FitOptions", f"learning_rates[{pattern!r}]")

    def warn_of_leaks(self, data: SequenceData, validation: SequenceData) -> None:
        """Warn of what ``data.checks.warn_of_leaks`` finds, on the strands and with the classes of the training."""
        first, second = (self.objective.classes(part.targets) for part in (data, validation))
        masked = "mask" in data.extras or "mask" in validation.extras
        classes = None if first is None or second is None or masked else (first, second)
        both_strands = self.augmentation.reverse_complement is not False
        warn_of_leaks(data, validation, classes, both_strands=both_strands, skip=self.no_checks)

    def for_alphabet(self, alphabet: str) -> FitOptions:
        """The options with the strands settled: one of RNA, both of DNA, unless told otherwise."""
        if self.augmentation.reverse_complement is not None:
            return self
        both = alphabet != "RNA"
        return replace(self, augmentation=replace(self.augmentation, reverse_complement=both))


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
    init : Taken or None
        What ``fit`` took from ``init``, and what did not fit.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    interrupted: bool = False
    init: Taken | None = None

    @property
    def best(self) -> dict[str, float] | None:
        """Record of the best epoch."""
        return None if self.best_epoch is None else self.epochs[self.best_epoch - 1]

    def _repr_html_(self) -> str:
        return history_html(self.epochs, self.best_epoch)

    def stagnates(self, patience: int | None) -> bool:
        """Whether so many epochs have passed since the best; None: never."""
        if patience is None or self.best_epoch is None:
            return False
        return len(self.epochs) - self.best_epoch >= patience


def options_for(model: Layer, options: FitOptions | None) -> FitOptions:
    """The options of a training, or the defaults; TypeError if an argument of ``fit`` is of another kind."""
    conform(model, Annotated[Layer, Limits(examples=("Sequential([...])",))], "fit", "model")
    options = FitOptions() if options is None else options
    conform(options, Annotated[FitOptions, Limits(examples=("FitOptions(epochs=3)",))], "fit", "options")
    return options


class EpochFunction:
    """Callback that calls a function with the record of each epoch."""

    def __init__(self, function: Callable[[dict[str, float]], object]) -> None:
        self.function = function

    def step(self, step: int, loss: float, examples: int) -> None:
        """A logging interval has ended."""

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended."""
        self.function(record)


def as_callback(given: Callback | Callable[[dict[str, float]], object] | None) -> Callback | None:
    """The callback that was given, or one that calls the function that was.

    Raises
    ------
    TypeError
        For anything else, such as a class.
    """
    if given is None or (isinstance(given, Callback) and not isinstance(given, type)):
        return given
    if isinstance(given, type) or not callable(given):
        got = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        raise TypeError(f"fit expects callback, an object with step and epoch or a function, got {got}")
    return EpochFunction(given)


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
        Folder to write to; made with the first event. ``tensorboard --logdir FOLDER`` shows it.

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
