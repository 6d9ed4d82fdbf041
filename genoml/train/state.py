"""Where a training stands between two steps: all that its next step depends on, as arrays and as a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from genoml.backend import Array, Backend
from genoml.checkpoint import CheckpointError
from genoml.train.options import History
from genoml.train.snapshots import Average, Snapshot, Weights

#: arrays that an optimiser keeps for each parameter, at most
_MOST_SLOTS = 8


class Place(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where a training stands, without its arrays.

    Attributes
    ----------
    epoch, batch : int
        The epoch under way and how many of its batches are done, from 0.
    step : int
        Steps done in all.
    elapsed_s : float
        Spent in the epoch under way, in seconds.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    elapsed_s: float = 0.0


class StateRecord(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a checkpoint's manifest holds beside the hashes of its files."""

    place: Place
    learning_rate: float
    optimizer_steps: int
    average_steps: int | None
    epochs: list[dict[str, float]]
    best_epoch: int | None
    best_score: float | None
    schedule: dict[str, float | int | None]
    #: what must be the same when it is taken up again, see genoml.train.fingerprint
    options: dict[str, str]
    data: dict[str, str]
    #: for people
    backend: dict[str, str]
    versions: dict[str, str]
    threads: int


@dataclass
class Standing:
    """Where a training stands, on its device: what ``Trainer`` changes as it goes.

    ``losses`` are those of the epoch under way, one a batch; ``best`` the weights of the best epoch so far.
    """

    place: Place = field(default_factory=Place)
    losses: list[float] = field(default_factory=list)
    history: History = field(default_factory=History)
    best: Weights | None = None
    best_score: float = -inf

    def next_epoch(self) -> None:
        """The epoch under way is done."""
        self.place = Place(epoch=self.place.epoch + 1, step=self.place.step)
        self.losses = []

    def copy(self) -> Standing:
        """The same, which does not change with this one; no array is copied."""
        history = History(list(self.history.epochs), self.history.best_epoch)
        place = msgspec.structs.replace(self.place)
        return Standing(place, list(self.losses), history, self.best, self.best_score)


def arrays_of(live: Snapshot, average: Average | None, best: Weights | None) -> dict[str, Array]:
    """Every array of a state by the name that it has in the file, still on its device."""
    found = {f"moments/{name}": value for name, value in live.moments.items()}
    for prefix, weights in (("live", live), ("average", average), ("best", best)):
        if weights is not None:
            found |= {f"{prefix}/{name}": value for name, value in (weights.params | weights.state).items()}
    return found


def to_host(backend: Backend, arrays: Mapping[str, Array]) -> dict[str, np.ndarray]:
    """The arrays as NumPy's, in one reading of the device for each dtype."""
    xp, found = backend.xp, dict[str, np.ndarray]()
    kinds = {str(value.dtype): value.dtype for value in arrays.values()}
    for kind in kinds.values():
        names = [name for name, value in arrays.items() if value.dtype == kind]
        joined = backend.to_numpy(xp.concat([xp.reshape(arrays[name], (-1,)) for name in names]))
        at = 0
        for name in names:
            shape = tuple(arrays[name].shape)
            size = int(np.prod(shape, dtype=np.int64))
            found[name] = joined[at : at + size].reshape(shape)
            at += size
    return found


def expect_state(
    path: Path, record: StateRecord, shapes: Mapping[str, tuple[int, ...]], params: Any, state: Any
) -> None:
    """Raise CheckpointError unless the arrays that a file declares are the state of a model with these."""
    weights = {name: tuple(value.shape) for name, value in {**params, **state}.items()}
    expected = {f"live/{name}": shape for name, shape in weights.items()}
    if record.average_steps is not None:
        expected |= {f"average/{name}": shape for name, shape in weights.items()}
    if record.best_epoch is not None:
        expected |= {f"best/{name}": shape for name, shape in weights.items()}
    expected["losses"] = (record.place.batch,)
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
        if parameter not in params or shape != weights[parameter] or name.count("/") < 2:
            raise CheckpointError(f"{path}: {name} of shape {shape} belongs to no parameter of the model")
    if len(moments) > _MOST_SLOTS * len(weights):
        raise CheckpointError(f"{path}: holds more arrays of an optimiser than there are")
