"""State of a training between two steps: all that the next step depends on, in one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

import msgspec

from genoml.backend import Array
from genoml.checkpoint import CheckpointError
from genoml.nn.layer import Layer
from genoml.optim import Optimizer
from genoml.optim.schedules import ReduceOnPlateau, Schedule
from genoml.train.options import FitOptions, History

#: arrays that an optimiser keeps for each parameter, at most
_MOST_SLOTS = 8


@dataclass(frozen=True)
class Weights:
    """Parameters and state of a model by path, and optionally the arrays of the optimiser.

    Arrays are replaced, never written to, so this copies no numbers.

    Attributes
    ----------
    params, state : dict
        The model's arrays.
    moments : dict
        The optimiser's, by ``"<slot>/<parameter>"``.
    optimizer_steps : int
        Updates that the optimiser has made.
    """

    params: dict[str, Array]
    state: dict[str, Array]
    moments: dict[str, Array] = field(default_factory=dict)
    optimizer_steps: int = 0

    @classmethod
    def of(cls, model: Layer, optimizer: Optimizer | None = None) -> Weights:
        """Take the weights of a model, and the arrays of an optimiser."""
        if optimizer is None:
            return cls(dict(model.params), dict(model.state))
        return cls(dict(model.params), dict(model.state), dict(optimizer.state), optimizer.steps)

    def put(self, model: Layer, optimizer: Optimizer | None = None) -> None:
        """Write the weights into the model, and the optimiser's arrays into it."""
        model.params, model.state = self.params, self.state
        if optimizer is not None:
            optimizer.state = dict(self.moments)
            optimizer.steps = self.optimizer_steps

    @property
    def arrays(self) -> dict[str, Array]:
        """The model's arrays by path."""
        return self.params | self.state


@dataclass(frozen=True)
class Average:
    """Exponential moving average of the parameters and the state, a = d a + (1 - d) p.

    d is at most (1 + t) / (10 + t) at step t, which forgets the initial weights. The running statistics of a
    batch normalisation are averaged too, since they belong to the weights.
    """

    weights: Weights
    steps: int = 0

    def updated(self, model: Layer, decay: float) -> Average:
        """The average after one more step, which led to the model's weights."""
        steps = self.steps + 1
        d = min(decay, (1.0 + steps) / (10.0 + steps))

        def mixed(old: Mapping[str, Array], new: Mapping[str, Array]) -> dict[str, Array]:
            # in this form what is frozen stays as it is, to the last bit
            return {name: old[name] + (1.0 - d) * (value - old[name]) for name, value in new.items()}

        params = mixed(self.weights.params, model.params)
        state = mixed(self.weights.state, model.state)
        return Average(Weights(params, state), steps)


@dataclass(frozen=True)
class TrainingState:
    """State of a training after a whole step whose loss has been read.

    The training loop replaces its state by the next in a single assignment, so that it is whole whenever training is
    interrupted. A checkpoint holds the same.

    Attributes
    ----------
    weights : Weights
        Of the model and the optimiser.
    learning_rate : float
        The optimiser's.
    average : Average or None
        The moving average of the weights.
    schedule : dict
        Past scores of a ReduceOnPlateau; empty for other schedules.
    epoch, batch : int
        Numbers of epochs that are done, and of batches of the next one.
    step : int
        Steps done in all.
    elapsed_s : float
        Time spent in the current epoch, in seconds.
    losses : list of float
        Losses of the current epoch; the first ``batch`` of them count.
    history : History
        The epochs that are done.
    best : Weights or None
        Weights of the best epoch so far.
    best_score : float
        Its score.
    """

    weights: Weights
    learning_rate: float
    average: Average | None = None
    schedule: Mapping[str, float | int | None] = field(default_factory=dict)
    epoch: int = 0
    batch: int = 0
    step: int = 0
    elapsed_s: float = 0.0
    losses: list[float] = field(default_factory=list)
    history: History = field(default_factory=History)
    best: Weights | None = None
    best_score: float = -inf

    def put(self, model: Layer, options: FitOptions) -> None:
        """Write the state into the model, the optimiser and the schedule."""
        self.weights.put(model, options.optimizer)
        options.optimizer.learning_rate = self.learning_rate
        if isinstance(options.schedule, ReduceOnPlateau):
            options.schedule.state = dict(self.schedule)

    @property
    def arrays(self) -> dict[str, Array]:
        """All arrays of the state by name, on their device."""
        arrays = {f"moments/{name}": value for name, value in self.weights.moments.items()}
        average = None if self.average is None else self.average.weights
        for prefix, weights in (("live", self.weights), ("average", average), ("best", self.best)):
            if weights is not None:
                arrays |= {f"{prefix}/{name}": value for name, value in weights.arrays.items()}
        return arrays


def memory_of(schedule: Schedule) -> dict[str, float | int | None]:
    """Past scores that a ReduceOnPlateau keeps; other schedules keep nothing."""
    return dict(schedule.state) if isinstance(schedule, ReduceOnPlateau) else {}


class StateRecord(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Manifest of a checkpoint: a TrainingState without its arrays, and the training that it belongs to."""

    epoch: int
    batch: int
    step: int
    elapsed_s: float
    learning_rate: float
    optimizer_steps: int
    average_steps: int | None
    epochs: list[dict[str, float]]
    #: its position in ``epochs``, from 0
    best_epoch: int | None
    best_score: float | None
    schedule: dict[str, float | int | None]
    #: fingerprint of the training that may resume it, see genoml.train.fingerprint
    options: dict[str, str]
    data: dict[str, str]
    #: for people
    backend: dict[str, str]
    versions: dict[str, str]
    threads: int


def expect_sense(path: Path, record: StateRecord, options: FitOptions) -> None:
    """Raise CheckpointError unless a training with these options can have the numbers of a record."""
    ok = (
        0 <= record.epoch <= options.epochs
        and 0 <= record.batch <= max(record.step, 0)
        and len(record.epochs) == record.epoch
        and (record.average_steps is None) == (not options.average_decay)
        and (record.best_epoch is None) == (record.best_score is None)
        and (record.best_epoch is None or 0 <= record.best_epoch < len(record.epochs))
        and min(record.optimizer_steps, record.average_steps or 0) >= 0
        and record.schedule.keys() == memory_of(options.schedule).keys()
        and record.learning_rate > 0
    )
    if not ok:
        at = f"epoch {record.epoch}, batch {record.batch}, step {record.step}"
        raise CheckpointError(f"{path}: its manifest makes no sense ({at})")


def expect_arrays(
    path: Path, record: StateRecord, shapes: Mapping[str, tuple[int, ...]], model: Layer
) -> None:
    """Raise CheckpointError unless a file declares the arrays of this model's state."""
    weights = {name: tuple(value.shape) for name, value in {**model.params, **model.state}.items()}
    expected: dict[str, tuple[int, ...]] = {"losses": (record.batch,)}
    present = {
        "live": True,
        "average": record.average_steps is not None,
        "best": record.best_epoch is not None,
    }
    for prefix in (prefix for prefix, there in present.items() if there):
        expected |= {f"{prefix}/{name}": shape for name, shape in weights.items()}
    moments = {name: shape for name, shape in shapes.items() if name.startswith("moments/")}
    others = {name: shape for name, shape in shapes.items() if name not in moments}
    wrong = sorted(name for name in expected | others if expected.get(name) != others.get(name))
    if wrong:
        raise CheckpointError(
            f"{path}: does not fit the model; {wrong[0]} expects shape {expected.get(wrong[0])}, "
            f"got {others.get(wrong[0])}"
        )
    for name, shape in moments.items():
        parameter = name.split("/", 2)[-1]
        if parameter not in model.params or shape != weights[parameter] or name.count("/") < 2:
            raise CheckpointError(f"{path}: {name} of shape {shape} belongs to no parameter of the model")
    if len(moments) > _MOST_SLOTS * len(weights):
        raise CheckpointError(f"{path}: holds more arrays of an optimiser than there are")
