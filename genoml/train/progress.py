"""Displays of a training's progress: lines and a bar in a terminal, one line that changes in a notebook."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from html import escape
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
    """Lines on standard error, one an epoch; in a terminal also a bar for the current epoch."""

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
        parts = {"place": f"epoch {self.done:3d}/{self.epochs}", **_figures(record)}
        if "score" in parts:
            parts["score"] += " *" if improved else "  "
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


class NotebookLine(Pace):
    """One line below a notebook's cell, drawn anew in place: a bar and the last epoch; at the end the best one.

    It is plain HTML, which needs no widgets, with the same words as plain text for consoles.
    """

    def __init__(self, epochs: int, examples: int, *, first: int = 0) -> None:
        from IPython.display import display  # every notebook has it

        super().__init__(epochs, examples, first=first)
        self._record: dict[str, Any] = {}
        self._best: dict[str, Any] = {}
        self._drawn = self.seconds
        self._handle = display(_Line("training begins", 0.0), display_id=True)

    def step(self, step: int, loss: float, examples: int) -> None:
        """Move the bar, ten times a second at most."""
        super().step(step, loss, examples)
        if self.seconds - self._drawn > 0.1:
            self._draw()

    def epoch(self, record: dict[str, Any], improved: bool) -> None:
        """Show the epoch's figures."""
        super().epoch(record, improved)
        self._record = record
        if improved:
            self._best = record
        self._draw()

    def _draw(self) -> None:
        self._drawn = self.seconds
        parts = [f"epoch {min(self.done + 1, self.epochs)}/{self.epochs}", *_figures(self._record).values()]
        parts.append(f"{tqdm.format_interval(self.seconds_left)} left")
        done = (self.done + min(self.seen / self.examples, 1.0)) / self.epochs
        self._handle.update(_Line("  ".join(parts), done))

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        print(line)

    def close(self) -> None:
        """Leave the line without the bar: how long it took, the last loss, and the best epoch."""
        parts = [f"{self.done} of {self.epochs} epochs in {tqdm.format_interval(self.seconds)}"]
        if self._best and self._best is not self._record:
            parts.append(f"last loss {self._record['loss']:.4f}")
        if self._best:
            parts.append(f"best epoch {self._best['epoch']}: {', '.join(_figures(self._best).values())}")
        self._handle.update(_Line("  ".join(parts)))


class _Line:
    """A line of a notebook, behind a bar if it is told how much is done, from 0 to 1."""

    def __init__(self, text: str, done: float | None = None) -> None:
        self.text, self.done = text, done

    def __repr__(self) -> str:
        return self.text if self.done is None else f"{self.done:4.0%}  {self.text}"

    def _repr_html_(self) -> str:
        bar = ""
        if self.done is not None:
            bar = f'<progress value="{self.done:.3f}" style="width:10em" aria-label="training"></progress> '
        return f"<div>{bar}<small>{escape(self.text).replace('  ', ' &ensp;')}</small></div>"


def _figures(record: Mapping[str, Any]) -> dict[str, str]:
    """Loss, validation loss and score of an epoch, as far as its record has them."""
    found = {"loss": f"loss {record['loss']:.4f}"} if record else {}
    if "validation_loss" in record:
        found["validation"] = f"validation loss {record['validation_loss']:.4f}"
    score = next((name for name in _SCORES if record.get(name) is not None), None)
    if score is not None:
        found["score"] = f"{_SCORES[score]} {record[score]:.4f}"
    return found


def _is_notebook() -> bool:
    return type(sys.stderr).__module__.startswith("ipykernel")


def _is_watched() -> bool:
    """Whether standard error goes to a terminal or a notebook; it may be closed, or None."""
    try:
        return sys.stderr.isatty() or _is_notebook()
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
    kind = NotebookLine if _is_notebook() else EpochLines
    with closing(kind(options.epochs, options.sampler.epoch_size(targets), first=done)) as display:
        if init is not None:
            display.say(f"init: {init}")
        yield display if callback is None else Callbacks(display, callback)
