"""Display of a training's progress: a line an epoch, and a bar for the current one where it can be erased."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Literal, TypeAlias

import numpy as np
from tqdm import tqdm

from genoml.train.options import Callback, Callbacks, FitOptions
from genoml.train.transfer import Taken

#: "auto": in a terminal and in a notebook; True: always; None or False: never
Shown: TypeAlias = Literal["auto"] | bool | None

#: Least columns of a terminal for the bar.
_WIDE = 72
#: Least columns of a terminal for more than the shortest words.
_NARROW = 48
#: Columns of an output that is not a terminal.
_UNBOUNDED = 1 << 30
#: score in an epoch's record -> its name in the line
_SCORES = {
    "validation_auroc": "AUROC",
    "validation_accuracy": "accuracy",
    "validation_deviance_explained": "deviance explained",
    "validation_pearson": "Pearson's r",
    "validation_profile_pearson": "Pearson's r of profiles",
}


class Pace:
    """Callback that counts what is done, and tells the time that is left; shows nothing.

    Parameters
    ----------
    epochs, examples : int
        Epochs of the training, and sequences in each.
    first : int
        Epochs that are already done, in a training that is resumed.
    """

    def __init__(self, epochs: int, examples: int, *, first: int = 0) -> None:
        self.epochs = epochs
        self.examples = examples
        self.done = self._first = first
        #: sequences seen in the current epoch
        self.seen = 0
        self._start = time.perf_counter()

    def step(self, step: int, loss: float, examples: int) -> None:
        """A logging interval has ended."""
        self.seen += examples

    def epoch(self, record: dict[str, Any], improved: bool) -> None:
        """An epoch has ended, ``improved`` if it is the best so far."""
        self.done, self.seen = int(record["epoch"]), 0

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


class EpochLines(Pace):
    """Lines on standard error, one an epoch; in a terminal or a notebook also a bar for the current epoch."""

    def __init__(self, epochs: int, examples: int, *, first: int = 0) -> None:
        super().__init__(epochs, examples, first=first)
        self._bar: tqdm[None] | None = None
        # no bar without a terminal that can erase what it wrote
        self._draws = _is_watched() and os.environ.get("TERM") != "dumb"

    def step(self, step: int, loss: float, examples: int) -> None:
        """Move the bar."""
        super().step(step, loss, examples)
        if self._draws:
            try:
                self._draw(loss, examples)
            except (OSError, ValueError):  # nobody sees it any more
                self._draws, self._bar = False, None

    def _draw(self, loss: float, examples: int) -> None:
        if self._bar is None:
            self._bar = tqdm(total=self.examples, leave=False, file=sys.stderr, miniters=1)
        # read each time, since windows change; a terminal of unknown size, as under script(1), has 80
        columns = shutil.get_terminal_size().columns
        # the last column stays free, since some terminals wrap as soon as it is written
        self._bar.ncols = max(columns - 1, 1)
        self._bar.bar_format = self._format(loss, columns)
        self._bar.update(examples)

    def _format(self, loss: float, columns: int) -> str:
        place = f"epoch {self.done + 1}/{self.epochs}"
        left = tqdm.format_interval(self.seconds_left)
        if columns < _NARROW:
            return f"{self.done + 1}/{self.epochs} {{percentage:3.0f}}% {left} left"
        text = f"{place} {{percentage:3.0f}}%"
        if columns >= _WIDE:
            text += " |{bar}|"
        return f"{text} loss {loss:.4f}  {{remaining}} left, run {left}"

    def epoch(self, record: dict[str, Any], improved: bool) -> None:
        """Replace the bar by the epoch's line; ``*`` marks the best so far. Narrow terminals get a shorter line."""
        self.close()
        super().epoch(record, improved)
        parts = {"place": f"epoch {self.done:3d}/{self.epochs}", "loss": f"loss {record['loss']:.4f}"}
        if "validation_loss" in record:
            parts["validation"] = f"validation loss {record['validation_loss']:.4f}"
        score = next((name for name in _SCORES if record.get(name) is not None), None)
        if score is not None:
            parts["score"] = f"{_SCORES[score]} {record[score]:.4f}{' *' if improved else '  '}"
        parts["pace"] = f"{record['sequences_per_second']:,.0f} sequences/s"
        if self.done < self.epochs:
            parts["left"] = f"{tqdm.format_interval(self.seconds_left)} left"
        columns = shutil.get_terminal_size().columns if self._draws else _UNBOUNDED
        for least in ("pace", "left", "validation", "loss"):
            if len("  ".join(parts.values())) >= columns:
                parts.pop(least, None)
        self.say("  ".join(parts.values()))

    def say(self, line: str) -> None:
        """Print a line on standard error; training goes on where nobody reads it, or its disk is full."""
        if sys.stderr is not None:
            with suppress(OSError, ValueError):
                print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            with suppress(OSError, ValueError):
                self._bar.close()
            self._bar = None


def _is_watched() -> bool:
    """Whether standard error goes to a terminal or a notebook; it may be closed, or None."""
    try:
        return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")
    except (AttributeError, ValueError):
        return False


@contextmanager
def epoch_lines(
    shown: Shown,
    callback: Callback | None,
    options: FitOptions,
    targets: np.ndarray,
    done: int,
    init: Taken | None,
) -> Iterator[Callback | None]:
    """The callback with the display before it that ``fit`` was asked for; its bar is gone at the end.

    The display first says what was taken from ``init``.

    Raises
    ------
    ValueError
        For another ``shown``.
    """
    if shown not in ("auto", True, False, None):
        raise ValueError(f"fit expects progress 'auto', True, False or None, got {shown!r}")
    if not (_is_watched() if shown == "auto" else shown):
        yield callback
        return
    with closing(EpochLines(options.epochs, options.sampler.epoch_size(targets), first=done)) as display:
        if init is not None:
            display.say(f"init: {init}")
        yield display if callback is None else Callbacks(display, callback)
