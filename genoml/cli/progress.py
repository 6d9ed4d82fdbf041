"""Progress displays of training: a bar and lines, JSON, or nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
import msgspec

from genoml.cli.options import echo_warnings
from genoml.io.errors import printable, unicode_path
from genoml.runs import Progress, RunFolder, RunRecord
from genoml.runs.score_baselines import baseline_score
from genoml.runs.tasks import LABELS
from genoml.train.progress import EpochLines


def terminal_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--quiet`` and ``--json`` to a command, as the arguments ``quiet`` and ``as_json``."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="JSON on standard output, an object a line."),
        click.option("--quiet", is_flag=True, help="Say nothing but errors."),
    ):
        command = option(command)
    return command


def tell(line: str | bytes, *, err: bool) -> None:
    """Print a line of progress; work goes on where nobody reads it, or its disk is full."""
    try:
        click.echo(printable(line) if isinstance(line, str) else line, err=err)
    except (OSError, ValueError):
        with suppress(OSError, ValueError):  # and no more, also when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.stderr if err else sys.stdout).fileno())


class JsonProgress(Progress):
    """JSON on standard output, one object per line, whose ``event`` is start, epoch or end."""

    @classmethod
    def tried(cls, line: str) -> None:
        tell(msgspec.json.encode({"event": "auto", "line": line}), err=False)

    @classmethod
    def note(cls, line: str) -> None:
        tell(msgspec.json.encode({"event": "note", "line": line}), err=False)

    def start(self, folder: RunFolder, *, resumed: bool) -> None:
        record = folder.record
        self._say(
            "start",
            run=unicode_path(str(folder.path)),
            model=record.training.model,
            backend=_backend(record),
            **({"ranks": self.ranks, "threads": self.threads} if self.ranks > 1 else {}),
            length_bp=record.length_bp,
            n_training=record.data.get("n_training"),
            n_validation=record.data.get("n_validation"),
            epochs=self.epochs,
            warnings=record.warnings,
            **({"task": record.task.kind, "notes": record.notes} if record.notes else {}),
        )

    def epoch(self, record: dict[str, Any], improved: bool) -> None:
        super().epoch(record, improved)
        self._say("epoch", **record, improved=improved, seconds_left=self.seconds_left)

    def end(self, folder: RunFolder) -> None:
        record = folder.record
        self._say(
            "end",
            run=unicode_path(str(folder.path)),
            status=record.status,
            best_epoch=record.best_epoch,
            best=record.best,
            seconds=self.seconds,
        )

    def _say(self, event: str, **facts: Any) -> None:
        tell(msgspec.json.encode({"event": event} | facts), err=False)


class TerminalProgress(EpochLines, Progress):
    """Lines on standard error, one for each validation; on a terminal also a bar for the current epoch."""

    @classmethod
    def tried(cls, line: str) -> None:
        tell(line, err=True)

    note = tried

    def start(self, folder: RunFolder, *, resumed: bool) -> None:
        tell(self._start_line(folder, resumed), err=True)
        for note in folder.record.notes:
            tell(note, err=True)
        echo_warnings(folder.record.warnings)

    def _start_line(self, folder: RunFolder, resumed: bool) -> str:
        record = folder.record
        line = (
            f"{record.data.get('n_training', '?')} sequences of {record.length_bp} bp to train on, "
            f"{record.data.get('n_validation', '?')} to validate; {record.training.title} on {_backend(record)}"
        )
        if self.ranks > 1:
            line += f", {self.ranks} ranks x {self.threads} thread{'' if self.threads == 1 else 's'}"
        if record.task.kind != "binary":
            line += f"; {record.task.kind}, {', '.join(record.task.names[:5])}"
            line += f" and {len(record.task.names) - 5} more" if len(record.task.names) > 5 else ""
        if not resumed:
            return line
        epochs = f"{self.done} epoch{'' if self.done == 1 else 's'}"
        line = f"resuming {folder.path} after {epochs}: {line}"
        changed = record.resumed[-1]
        if changed:
            line += f"; begun with other {', '.join(changed)}, so numbers may differ by rounding"
        return line

    def say(self, line: str) -> None:
        tell(line, err=True)

    def end(self, folder: RunFolder) -> None:
        self.close()
        record = folder.record
        line = f"{record.status} after {self.seconds:.0f} s"
        score = record.task.score
        if record.best_epoch is not None and f"validation_{score}" in record.best:
            best = record.best[f"validation_{score}"]
            line += f"; best epoch {record.best_epoch}, {LABELS[score]} {best:.4f} in validation"
        baseline = record.held_out.baseline
        shared = next((name for name in (score, "pearson") if name in baseline), None)
        if shared is not None:
            label = "" if shared == score else f"{LABELS[shared]} "
            line += f" ({record.task.baseline} {label}{baseline[shared]:.4f})"
        ahead = max(record.baselines, key=lambda name: record.baselines[name], default="")
        if ahead and record.baselines[ahead] > record.held_out.scores.get(baseline_score(record.task), 1.0):
            line += f"; behind a baseline, {ahead}, {record.baselines[ahead]:.4f}"
        distance, mean = (record.best.get(f"validation_{name}profile_jsd", 0.0) for name in ("", "mean_"))
        if distance > mean:
            line += (
                f"; behind the mean profile, whose distance is {mean:.4f} and the network's {distance:.4f}"
            )
        if record.best_epoch is None:
            line += "; no epoch ended, so the weights are those of its last step"
        tell(f"{line}; run folder {folder.path}", err=True)


def _backend(record: RunRecord) -> str:
    """Name of the backend of this training, which may differ from the one it was begun on."""
    changed = record.resumed[-1] if record.resumed else {}
    return changed.get("backend", record.backend["name"])


def progress_class(quiet: bool, as_json: bool) -> type[Progress]:
    """The progress display for ``--quiet`` and ``--json``.

    Raises
    ------
    click.UsageError
        If both are asked for.
    """
    if quiet and as_json:
        raise click.UsageError("--quiet and --json: choose one of them")
    return Progress if quiet else JsonProgress if as_json else TerminalProgress
