"""Where a training step's time goes, by layer and by kind of work.

Every layer's forward and pullback is timed where it is called. Shares are of the time of all threads: on the thread of
a part of a batch its own processor time counts, and where the batch is whole that of the process, since idle threads
then help. What is missing to the whole is a thread that waits, or one that has nothing to do.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from benchmarks.speed.rows import row_by_name
from benchmarks.speed.sides import Genoml
from benchmarks.speed.work import Run, watched
from genoml import nn
from genoml.nn.layer import Layer

#: name of the work in the table, by class of the layer; of any other its class
KINDS: dict[type, str] = {
    nn.Conv1D: "convolution",
    nn.BatchNorm1D: "normalisation",
    nn.MaxPool1D: "pooling",
    nn.GlobalMaxPool1D: "pooling",
    nn.GlobalAveragePool1D: "pooling",
    nn.ReLU: "rectifier",
    nn.Dense: "dense",
    nn.LSTM: "recurrent",
    nn.SelfAttention: "attention",
}
#: what is computed as one with a layer of this kind
FUSED: dict[type, str] = {
    nn.MaxPool1D: " with rectifier and pooling",
    nn.ReLU: " with rectifier",
    nn.GlobalMaxPool1D: " with its maximum",
}


class Clock:
    """Processor seconds by (layer path, kind of work), summed over threads."""

    def __init__(self) -> None:
        self.spent: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._lock = threading.Lock()
        #: by thread, what timers inside the one under way have taken
        self._inside: defaultdict[int, float] = defaultdict(float)

    def timed(
        self, key: tuple[str, str], work: Callable[..., Any], now: Callable[[], float]
    ) -> Callable[..., Any]:
        """The work, its time booked under the key, less that of timed work inside it."""

        def run(*arguments: Any, **options: Any) -> Any:
            me = threading.get_ident()
            before, self._inside[me] = self._inside[me], 0.0
            start = now()
            result = work(*arguments, **options)
            seconds = now() - start
            with self._lock:
                self.spent[key] += seconds - self._inside[me]
            self._inside[me] = before + seconds
            return result

        return run

    def passes(self, path: str, layers: Sequence[Layer], run: Run) -> Run:
        """A pass through layers, timed, and so its pullback."""
        kind = kind_of(layers)

        def timed(x: Any, this: nn.Pass = nn.EVALUATION) -> Any:
            now = time.process_time if this.part.meeting is None else time.thread_time
            *outputs, pullback = self.timed((path, f"{kind}, forward"), run, now)(x, this)
            return *outputs, self.timed((path, f"{kind}, gradients"), pullback, now)

        return timed


def kind_of(layers: Sequence[Layer]) -> str:
    first, last = layers[0], layers[-1]
    return KINDS.get(type(first), type(first).__name__) + (FUSED[type(last)] if len(layers) > 1 else "")


def profile(name: str, threads: int, steps: int) -> dict[str, Any]:
    """Shares of a training step of the row, of the time of all its threads."""
    side, clock = Genoml(row_by_name(name), threads), Clock()
    with side.running(), ExitStack() as stack:
        side.step()
        stack.enter_context(watched(side.model, clock.passes))
        update = clock.timed(("", "optimiser"), side.optimizer.update, time.process_time)
        stack.enter_context(patch.object(side.optimizer, "update", update))
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            side.step()
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    whole = wall * threads
    spent = dict(clock.spent)
    spent["", "loss, sums of gradients, and between the layers"] = max(cpu - sum(spent.values()), 0.0)
    spent["", "idle, or waiting for another thread"] = max(whole - cpu, 0.0)
    return {
        "row": name,
        "threads": threads,
        "step_s": wall / steps,
        "shares": [[path, kind, seconds / whole] for (path, kind), seconds in spent.items()],
    }


def profiles(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The profile of every row of the job."""
    for name in job["rows"]:
        yield profile(name, job["threads"][0], job["steps"])
