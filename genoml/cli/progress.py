"""What a person sees while a model trains."""

from __future__ import annotations

import shutil
import sys
import time

import click
from tqdm import tqdm


class Progress:
    """A bar for the epoch under way, and a line for each that ended. Without a terminal, the lines alone."""

    def __init__(self, epochs: int, examples: int) -> None:
        self.epochs, self.examples = epochs, examples
        self._bar: tqdm[None] | None = None
        self._done = 0
        self._start = time.perf_counter()

    def step(self, step: int, loss: float, examples: int) -> None:
        """Move the bar."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            label = f"epoch {self._done + 1}/{self.epochs}"
            # a terminal may not know its size, as under script(1); tqdm by itself then draws nothing
            size = shutil.get_terminal_size()
            self._bar = tqdm(
                total=self.examples,
                desc=label,
                unit=" seq",
                leave=False,
                file=sys.stderr,
                ncols=size.columns,
                nrows=size.lines,
            )
        self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
        self._bar.update(examples)

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """Replace the bar by the epoch's line; ``*`` marks the best so far."""
        self.close()
        self._done += 1
        line = f"epoch {self._done:3d}/{self.epochs}  loss {record['loss']:.4f}"
        if "validation_auroc" in record:
            line += f"  validation loss {record['validation_loss']:.4f}"
            line += f"  AUROC {record['validation_auroc']:.4f}{' *' if improved else '  '}"
        click.echo(f"{line}  {record['sequences_per_second']:,.0f} sequences/s", err=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    @property
    def seconds(self) -> float:
        """Since training began."""
        return time.perf_counter() - self._start
