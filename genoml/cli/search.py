"""``genoml search``."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from tqdm import tqdm

from genoml.backend import Backend
from genoml.cli.common import backend_option, open_backend
from genoml.cli.progress import progress_class, terminal_options
from genoml.data.files import load_sequences
from genoml.runs.score import refuse_two_inputs

if TYPE_CHECKING:
    from genoml.search import Result, Rung, SearchRecord


@click.command("search")
@click.argument("positives")
@click.argument("negatives")
@click.option(
    "--ranges", "ranges_path", required=True, type=click.Path(path_type=Path),
    help="TOML file of ranges, such as learning_rate = { log_uniform = [1e-3, 1e-1] }.",
)  # fmt: skip
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder to make; it must not exist yet."
)
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="Settings to try.")
@click.option("--halving", is_flag=True, help="Train all for a few epochs, the best for more, and so on.")
@click.option(
    "--factor", default=3, show_default=True, type=click.IntRange(2), help="One trial in so many goes on."
)
@click.option(
    "--min-epochs", default=1, show_default=True, type=click.IntRange(1), help="Epochs of the first round."
)
@click.option("--processes", type=click.IntRange(1), help="Trials at a time (all cores; 1 off the CPU).")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Fixes the settings drawn."
)
@click.option("--resume", is_flag=True, help="Go on with the search in the folder.")
@terminal_options
@backend_option
def command(
    positives: str,
    negatives: str,
    ranges_path: Path,
    out: Path,
    trials: int,
    halving: bool,
    factor: int,
    min_epochs: int,
    processes: int | None,
    seed: int,
    resume: bool,
    quiet: bool,
    as_json: bool,
    backend_name: str | None,
) -> None:
    """Search for the settings that train POSITIVES against NEGATIVES best, by their validation score.

    RANGES holds settings of `genoml train`, each a range to draw from or a value for all trials. A search that
    was stopped goes on with the same command and --resume. A trial that fails is recorded, and the others go
    on. The folder holds the table trials.tsv, best.toml (for `genoml train --config`) and the run of each trial.
    """
    from genoml.search import SearchFolder, plan, run_search

    display = progress_class(quiet, as_json).__name__
    backend = open_backend(backend_name)
    refuse_unread(positives, negatives)
    at_once = processes or (backend.threads if backend.name == "numpy" else 1)
    record = new_record(positives, negatives, ranges_path, backend, resume, out, at_once)
    record.trials, record.seed, record.min_epochs = trials, seed, min_epochs
    record.factor = factor if halving else None
    _, rungs = plan(record)
    SearchFolder(out).open(record, resume=resume)
    lines = _Lines(display, rungs, at_once)
    lines.start(record, out)
    try:
        found = run_search(out, record, processes=at_once, resume=True, on_result=lines.result)
    except KeyboardInterrupt:
        click.echo(f"genoml: what is done is kept in {out}; go on with --resume", err=True)
        raise
    lines.end(found, out)


def refuse_unread(positives: str, negatives: str) -> None:
    """Raise ValueError or OSError for sequences that no trial could read."""
    refuse_two_inputs(positives, negatives)
    for path in (positives, negatives):
        if path == "-":
            raise ValueError("-: every trial reads the sequences anew; expects files, got standard input")
        if path != "shuffle" or path == positives:
            load_sequences(path)


def new_record(
    positives: str,
    negatives: str,
    ranges_path: Path,
    backend: Backend,
    resume: bool,
    out: Path,
    processes: int,
) -> SearchRecord:
    """What is to be searched; a search that goes on keeps its number of threads."""
    from genoml.search import SearchRecord, file_hashes, make_ranges, read_ranges, read_search
    from genoml.toml_file import read_toml

    fixed = read_ranges(ranges_path).fixed
    share = max(1, backend.threads // processes)
    threads = read_search(out).threads if resume else fixed.get("threads", share)
    paths = [positives] if negatives == "shuffle" else [positives, negatives]
    values = read_toml(ranges_path)
    make_ranges(values)
    return SearchRecord(
        positives=positives,
        negatives=negatives,
        data=file_hashes(*paths),
        ranges=values,
        trials=1,
        threads=threads,
        backend=backend.name,
    )


class _Lines:
    """A line a trial, and the table at the end; or JSON; or nothing."""

    def __init__(self, display: str, rungs: list[Rung], processes: int) -> None:
        self.display, self.rungs, self.processes = display, rungs, processes
        self.total, self.done, self.best = sum(rung.trials for rung in rungs), 0, -float("inf")
        #: what is to be done and what is done, in epochs; in trials where their epochs differ
        self._work = sum(rung.trials * (rung.epochs or 1) for rung in rungs)
        self._worked = 0
        self._start = time.perf_counter()

    def _say(self, line: str, event: str, **facts: Any) -> None:
        if self.display == "JsonProgress":
            click.echo(msgspec.json.encode({"event": event} | facts))
        elif self.display == "TerminalProgress":
            click.echo(line, err=True)

    def start(self, record: SearchRecord, out: Path) -> None:
        rounds = ", ".join(f"{rung.trials} for {rung.epochs}" for rung in self.rungs)
        plan = (
            f"{record.trials} trials" if record.factor is None else f"rounds of trials for epochs: {rounds}"
        )
        self._say(
            f"{plan}; {self.processes} at a time, {record.threads} thread{'s' * (record.threads > 1)} each; "
            f"{record.backend}",
            "start", out=str(out), rounds=[[rung.trials, rung.epochs] for rung in self.rungs],
            processes=self.processes, threads=record.threads, backend=record.backend,
        )  # fmt: skip

    def result(self, result: Result, rung: int) -> None:
        self.done += 1
        line = f"round {rung + 1}/{len(self.rungs)}  " if len(self.rungs) > 1 else ""
        line += f"trial {result.trial.number:3d}  {result.epochs:3d} epochs  "
        if result.score is None:
            line += f"failed: {result.error}"
        else:
            better = result.score > self.best
            self.best = max(self.best, result.score)
            line += f"AUROC {result.score:.4f}{' *' if better else '  '}"
        self._worked += self.rungs[rung].epochs or 1
        left = (time.perf_counter() - self._start) / self._worked * (self._work - self._worked)
        line += f"  {self.done}/{self.total} done"
        if self.done < self.total:
            line += f", {tqdm.format_interval(left)} left"
        self._say(
            line, "trial", trial=result.trial.number, round=rung + 1, epochs=result.epochs,
            status=result.status, score=result.score, best_epoch=result.best_epoch, error=result.error,
            settings=result.trial.drawn, done=self.done, total=self.total, seconds_left=left,
        )  # fmt: skip

    def end(self, results: list[Result], out: Path) -> None:
        from genoml.search import terminal_table

        columns = shutil.get_terminal_size().columns if sys.stderr.isatty() else 100
        best = results[0]
        line = (
            f"\n{terminal_table(results, columns)}\n\nbest: trial {best.trial.number}, run folder {best.run}; all "
            f"trials in {out / 'trials.tsv'}\ntrain with its settings again: --config {out / 'best.toml'}"
        )
        self._say(
            line, "end", trial=best.trial.number, score=best.score, settings=best.trial.drawn, run=best.run,
            seconds=time.perf_counter() - self._start,
        )  # fmt: skip
