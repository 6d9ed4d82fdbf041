"""How to train, what training tells its caller, and what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from genoml.backend import Array
from genoml.data import Augmentation, Sampler
from genoml.nn.base import Layer
from genoml.objectives import BinaryClassification, Objective
from genoml.optim import AdamW, Optimizer
from genoml.schedules import Schedule, constant

#: model -> what is added to the loss, and to the gradients of the parameters by path
Penalty: TypeAlias = Callable[[Layer], tuple[Array, Mapping[str, Array]]]


class Callback(Protocol):
    """What ``fit`` tells its caller."""

    def step(self, step: int, loss: float, examples: int) -> None:
        """Show the end of a logging interval."""

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended; ``improved`` if the model's validation score is the best so far."""


@dataclass
class FitOptions:
    """How to train; the defaults are those of ``genoml train``."""

    epochs: int = 20
    batch_size: int = 64
    optimizer: Optimizer = field(default_factory=lambda: AdamW(1e-3))
    schedule: Schedule = field(default_factory=constant)
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(reverse_complement=True))
    #: which examples an epoch sees; all of them once, unless told otherwise
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
    """What training did: one record an epoch, and the place among them of the one whose weights were kept."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    interrupted: bool = False
