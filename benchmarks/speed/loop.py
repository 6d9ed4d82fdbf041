"""What ``fit`` does beside the network's own step: order, augmentation, encoding, snapshots, reading losses, scores.

A real ``fit`` on random sequences of the row's length and batch. The time between two steps that the callback is told
of, less what is spent in forward, loss, backward and update, is the rest of the loop as a person waits for it: what
is done on another thread meanwhile costs nothing here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.speed.rows import Row, row_by_name
from benchmarks.speed.sides import DECAY, RATE
from genoml.data import SequenceData
from genoml.optim import AdamW
from genoml.parallel import Threads
from genoml.train import FitOptions, fit
from genoml.train.objectives import BinaryClassification


class Watch:
    """Seconds of the network's step, and of the scores."""

    def __init__(self) -> None:
        self.network = self.scores = 0.0
        self.steps: list[tuple[float, float]] = []  # (when, seconds in the network until then)
        self.epochs: list[float] = []

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                setattr(self, name, getattr(self, name) + time.perf_counter() - start)

        return run

    @contextmanager
    def forward_and_backward(self) -> Iterator[None]:
        """``Threads.gradients`` is timed: forward, loss and backward."""
        with patch.object(Threads, "gradients", self.timed("network", Threads.gradients)):
            yield

    # ------------------------------------------------------------ the callback of fit

    def step(self, step: int, loss: float, examples: int) -> None:
        self.steps.append((time.perf_counter(), self.network))

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        self.epochs.append(record["seconds"])


def data_of(row: Row, count: int, outputs: int) -> SequenceData:
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 4, (count, row.shape[2]), dtype=np.uint8)
    return SequenceData(codes, rng.integers(0, 2, (count, outputs)).astype(np.float32))


def loop(row: Row, threads: int, steps: int) -> dict[str, Any]:
    """Shares of a step, and of an epoch whose validation data are a tenth of its training data."""
    watch, model = Watch(), row.build()
    outputs = int(model.vjp(row.inputs()[:2])[0].shape[1])
    optimizer = AdamW(RATE, weight_decay=DECAY)
    optimizer.update = watch.timed("network", optimizer.update)  # type: ignore[method-assign]
    options = FitOptions(
        epochs=2,
        batch_size=row.shape[0],
        optimizer=optimizer,
        objective=_Watched(watch, scored=row.network != "bpnet"),
        threads=threads,
        no_checks=("copies", "classes"),  # the validation data are the first of the training data
    )
    training = data_of(row, row.shape[0] * steps, outputs)
    validation = data_of(row, max(2, len(training) // 10), outputs)
    with watch.forward_and_backward():
        fit(model, training, validation=validation, options=options, callback=watch, progress=None)
    # between the steps of the second epoch, when all is compiled and in memory
    pairs = list(pairwise(watch.steps[steps:]))
    spans = [after[0] - before[0] for before, after in pairs]
    network = sum(after[1] - before[1] for before, after in pairs)
    return {
        "row": row.name,
        "threads": threads,
        "step_s": float(np.median(spans)),
        "rest": 1.0 - network / sum(spans),
        "scores": watch.scores / sum(watch.epochs),
    }


class _Watched(BinaryClassification):
    """The objective, its loss counted as the network's and its scores on their own.

    A profile has no labels to score one by one: there are no scores where it is not ``scored``.
    """

    def __init__(self, watch: Watch, *, scored: bool) -> None:
        super().__init__()
        plain = BinaryClassification()
        object.__setattr__(self, "loss", plain.loss)  # timed with the pass that it stands in
        scores = plain.scores if scored else (lambda outputs, targets: {})
        object.__setattr__(self, "scores", watch.timed("scores", scores))


def loops(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The loop of every row of the job, each long enough to be timed."""
    for name in job["rows"]:
        yield loop(row_by_name(name), job["threads"][0], job["steps"][name])
