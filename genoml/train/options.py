"""Options of training, its callbacks, and its history."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Protocol, TypeAlias, get_args, runtime_checkable

from genoml.backend import Array
from genoml.data import Augmentation, Sampler
from genoml.nn.layer import Layer
from genoml.optim import AdamW, Optimizer
from genoml.optim.schedules import Schedule, constant
from genoml.sequence.encode import Ambiguous
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

    epochs: int = 20
    batch_size: int = 64
    optimizer: Optimizer = field(default_factory=lambda: AdamW(1e-3))
    schedule: Schedule = field(default_factory=constant)
    augmentation: Augmentation = field(default_factory=Augmentation)
    #: which examples an epoch sees; all of them once by default
    sampler: Sampler = field(default_factory=Sampler)
    objective: Objective = field(default_factory=BinaryClassification)
    #: such as ``partial(information_penalty, strength=1e-3)``
    penalties: tuple[Penalty, ...] = ()
    max_grad_norm: float | None = None
    #: largest norm of the weights into one output, see ``genoml.optim.limit_norms``
    max_weight_norm: float | None = None
    #: patterns over paths of parameters that stay as they are, such as ``("conv*",)``; they cost no gradient, and the
    #: running statistics of a batch normalisation that is frozen whole are used and stay too
    freeze: tuple[str, ...] = ()
    #: peak learning rates of their own, by pattern over paths; the schedule applies to them as to the optimiser's
    learning_rates: Mapping[str, float] = field(default_factory=dict)
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

    def __post_init__(self) -> None:
        expect_kind("FitOptions", "optimizer", self.optimizer, Optimizer, "AdamW(1e-3)")
        expect_kind("FitOptions", "augmentation", self.augmentation, Augmentation, "Augmentation()")
        expect_kind("FitOptions", "sampler", self.sampler, Sampler, "BalancedSampler()")
        expect_kind("FitOptions", "objective", self.objective, Objective, "Regression()")
        for name in ("epochs", "batch_size", "patience", "threads", "prefetch", "seed"):
            value, least = getattr(self, name), 0 if name in ("prefetch", "seed") else 1
            if value is None and name in ("patience", "threads"):
                continue
            if not isinstance(value, Integral):
                raise TypeError(f"FitOptions expects {name}, a whole number, got {value!r}")
            if value < least:
                raise ValueError(f"FitOptions expects {name} >= {least}, got {value}")
        for name, low, high in (
            ("average_decay", 0, 1),
            ("max_grad_norm", 0, inf),
            ("max_weight_norm", 0, inf),
        ):
            value = getattr(self, name)
            if value is not None and not isinstance(value, Real):
                raise TypeError(f"FitOptions expects {name}, a number, got {value!r}")
            if value is not None and not low <= float(value) < high:
                raise ValueError(f"FitOptions expects {low} <= {name} < {high}, got {value}")
        if self.ambiguous not in get_args(Ambiguous):
            known = ", ".join(get_args(Ambiguous))
            raise ValueError(f"FitOptions expects ambiguous, one of {known}, got {self.ambiguous!r}")
        self._expect_patterns()
        if not isinstance(self.penalties, tuple | list):
            got = type(self.penalties).__name__
            raise TypeError(f"FitOptions expects penalties, a tuple of functions, got {got}")
        for call in (self.schedule, *self.penalties):
            if not callable(call):
                raise TypeError(f"FitOptions expects functions for schedule and penalties, got {call!r}")

    def _expect_patterns(self) -> None:
        """Raise unless ``freeze`` holds text, and ``learning_rates`` numbers above 0 by text."""
        freeze, rates = self.freeze, self.learning_rates
        if not isinstance(freeze, tuple | list) or not all(isinstance(each, str) for each in freeze):
            raise TypeError(
                f"FitOptions expects freeze, a tuple of patterns such as ('conv*',), got {freeze!r}"
            )
        if not isinstance(rates, Mapping) or not all(isinstance(rate, Real) for rate in rates.values()):
            raise TypeError(f"FitOptions expects learning_rates, numbers by pattern, got {rates!r}")
        for pattern, rate in rates.items():
            if not 0 < float(rate) < inf:
                raise ValueError(f"FitOptions expects learning_rates[{pattern!r}] > 0, got {rate}")

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


def expect_kind(function: str, name: str, value: object, kind: type, example: str) -> None:
    """Raise TypeError, with an example of what to write, unless an argument is of its kind."""
    if isinstance(value, kind):
        return
    got = repr(value) if isinstance(value, str) else type(value).__name__
    if isinstance(value, type):
        got = f"the class {value.__name__}"
    raise TypeError(f"{function} expects {name} of kind {kind.__name__}, such as {example}, got {got}")


def options_for(model: Layer, options: FitOptions | None) -> FitOptions:
    """The options of a training, or the defaults; TypeError if an argument of ``fit`` is of another kind."""
    expect_kind("fit", "model", model, Layer, "Sequential([...])")
    options = FitOptions() if options is None else options
    expect_kind("fit", "options", options, FitOptions, "FitOptions(epochs=3)")
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
