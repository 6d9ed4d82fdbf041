"""``genoml search``: search for the settings that train best."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from tqdm import tqdm

from genoml.cli.data_options import SeveralWords, data_of, data_options
from genoml.cli.options import NegativesPath, backend_option, examples, open_backend, parse_shard
from genoml.cli.progress import progress_class, tell, terminal_options
from genoml.parallel import WHOLE_RUN, Shard
from genoml.runs.tasks import LABELS

if TYPE_CHECKING:
    from genoml.runs.search_ranges import SearchRecord
    from genoml.runs.search_table import Result


@click.command(
    "search",
    cls=SeveralWords,
    epilog=examples(
        "genoml search pos.fa neg.fa --ranges ranges.toml --out search --trials 50",
        "genoml search --table data.tsv --targets dev,hk --ranges ranges.toml --out search",
        "genoml search pos.fa neg.fa --ranges ranges.toml --out search --trials 64 --shard 3/16",
    ),
)
@click.argument("labelled", nargs=-1, metavar="[POSITIVES NEGATIVES]", type=NegativesPath())
@click.option(
    "--ranges", "ranges_path", required=True, type=click.Path(path_type=Path),
    help="TOML file of ranges, such as learning_rate = { log_uniform = [1e-3, 1e-1] }.",
)  # fmt: skip
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder to make; it must not exist yet."
)
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="Settings to try.")
@click.option(
    "--sampler", default="tpe", show_default=True, type=click.Choice(["tpe", "random"]),
    help="How settings are drawn: where those before were good (tpe), or all alike.",
)  # fmt: skip
@click.option(
    "--halving", is_flag=True, help="Stop trials early that are behind others (successive halving)."
)
@click.option(
    "--factor", default=3, show_default=True, type=click.IntRange(2), help="Of so many trials one continues."
)
@click.option(
    "--min-epochs", default=1, show_default=True, type=click.IntRange(1),
    help="Epochs after which the first are stopped.",
)  # fmt: skip
@click.option(
    "--processes",
    type=click.IntRange(1),
    help="Trials at a time (all cores; 1 off the CPU), on the visible GPUs in turn.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Fixes the settings drawn."
)
@click.option("--resume", is_flag=True, help="Resume the search in the folder, or take part in it.")
@click.option(
    "--shard", metavar="I/N", callback=parse_shard,
    help="Train every N-th trial only, from the I-th on, as in a job array that shares the folder, and write no table; "
    "then the same command with --resume, in place of --shard, trains what is missing, and writes it.",
)  # fmt: skip
@data_options(task=True)
@terminal_options
@backend_option
def command(
    labelled: tuple[str, ...],
    ranges_path: Path,
    out: Path,
    halving: bool,
    factor: int,
    processes: int | None,
    resume: bool,
    shard: Shard | None,
    quiet: bool,
    as_json: bool,
    backend_name: str | None,
    **options: Any,
) -> None:
    """Search for the settings that train POSITIVES against NEGATIVES best, by their validation score.

    Other data, such as a table or regions of a genome, are named by the options of `genoml train`, or by the table
    [data] of RANGES.

    RANGES holds settings of `genoml train`, each a range to draw from or a value for all trials. A search that
    was stopped is resumed by the same command with --resume. While it runs, the same command, here or on
    another machine that has the folder, takes part in it. A trial that fails is recorded, and the others
    continue. The folder holds the table trials.tsv, best.toml (for `genoml train --config`) and the run of each
    trial. Needs Optuna (extra search).
    """
    from genoml.runs.search import make_record, open_search, run_search
    from genoml.runs.search_journal import load_optuna

    if len(labelled) > 2:
        raise click.UsageError(f"expects POSITIVES and NEGATIVES, got {len(labelled)} files")
    if len(labelled) == 1:
        raise click.MissingParameter(param_type="argument", param_hint="'NEGATIVES'")
    if halving and shard is not None:
        raise click.UsageError("--halving compares each trial with all others; leave it out with --shard")
    data = data_of(options, labelled)
    positives, negatives = labelled or ("", "")
    display = progress_class(quiet, as_json).__name__
    load_optuna()
    backend = open_backend(backend_name)
    at_once = processes or (backend.threads if backend.name == "numpy" else 1)
    options["factor"] = factor if halving else None
    options["resume"] = out if resume else None
    record = make_record(
        positives,
        negatives,
        ranges_path,
        data=None if labelled else data,
        processes=at_once,
        backend=backend,
        **options,
    )
    search = open_search(out, record, resume=resume, shard=shard or WHOLE_RUN)
    lines = _Lines(display, search.record, at_once)
    lines.start(out)
    try:
        results = run_search(search, processes=at_once, devices=backend.devices, on_result=lines.result)
    except KeyboardInterrupt:
        click.echo(f"genoml: what is done is kept in {out}; go on with --resume", err=True)
        raise
    if search.shard.count > 1:
        lines.end_of_shard(search.shard, results)
    else:
        lines.end(results, out)


class _Lines:
    """Output of a search: a line for each trial and a table at the end; or JSON; or nothing."""

    def __init__(self, display: str, record: SearchRecord, processes: int) -> None:
        self.display = display
        self.record = record
        self.processes = processes
        self.best = -float("inf")
        self._ended = 0
        self._start = time.perf_counter()

    def _say(self, line: str, event: str, **facts: Any) -> None:
        if self.display == "JsonProgress":
            tell(msgspec.json.encode({"event": event} | facts), err=False)
        elif self.display == "TerminalProgress":
            for each in line.split("\n"):
                tell(each, err=True)

    def start(self, out: Path) -> None:
        record = self.record
        plan = f"{record.trials} trials by {record.sampler}"
        if record.factor is not None:
            plan += f", one in {record.factor} goes on from {record.min_epochs} epochs"
        self._say(
            f"{plan}; {self.processes} at a time, {record.threads} thread{'s' * (record.threads > 1)} each; "
            f"{record.backend}",
            "start", out=str(out), trials=record.trials, sampler=record.sampler, factor=record.factor,
            processes=self.processes, threads=record.threads, backend=record.backend,
        )  # fmt: skip

    def result(self, result: Result, done: int) -> None:
        self._ended += 1
        total = max(self.record.trials, done)
        line = f"trial {result.trial:3d}  {result.epochs:3d} epochs  "
        if result.score is None:
            line += f"failed: {result.error}"
        else:
            better = result.score > self.best
            self.best = max(self.best, result.score)
            label = LABELS[self.record.score.removeprefix("validation_")]
            line += f"{label} {result.score:.4f}{' *' if better else '  '}"
            line += "  stopped early" * (result.status == "pruned")
        # by the pace of this process; others may work too
        left = (time.perf_counter() - self._start) / self._ended * (total - done)
        line += f"  {done}/{total} done"
        if done < total:
            line += f", {tqdm.format_interval(left)} left"
        self._say(line, "trial", **msgspec.to_builtins(result), done=done, total=total, seconds_left=left)

    def end_of_shard(self, shard: Shard, results: list[Result]) -> None:
        trials = sorted(result.trial for result in results)
        self._say(
            f"{len(trials)} trials of shard {shard.number}/{shard.count} have ended; when all shards have, --resume in "
            "place of --shard writes the table",
            "end", shard=f"{shard.number}/{shard.count}", trials=trials, seconds=time.perf_counter() - self._start,
        )  # fmt: skip

    def end(self, results: list[Result], out: Path) -> None:
        columns = shutil.get_terminal_size().columns if sys.stderr.isatty() else 100
        best = results[0]
        table = terminal_table(results, columns, score=self.record.score)
        line = (
            f"\n{table}\n\nbest: trial {best.trial}, run folder {best.run}; all "
            f"trials in {out / 'trials.tsv'}\ntrain with its settings again: --config {out / 'best.toml'}"
        )
        self._say(
            line, "end", trial=best.trial, score=best.score, settings=best.settings, run=best.run,
            seconds=time.perf_counter() - self._start,
        )  # fmt: skip


def terminal_table(
    results: Sequence[Result], columns: int, limit: int = 10, score: str = "validation_auroc"
) -> str:
    """Table of the best trials for a terminal of this width; settings that do not fit are left out."""
    from genoml.runs.search_table import table_rows

    head, *rows = table_rows(results[:limit], score)
    left_out = ("status", "best_epoch", "seconds", "run", "error")
    shown = [i for i, name in enumerate(head) if name not in left_out]
    names = {score: LABELS[score.removeprefix("validation_")]}
    table = [
        [names.get(row[i], row[i]).removeprefix("model_options.") for i in shown] for row in (head, *rows)
    ]
    widths = [max(len(row[i]) for row in table) for i in range(len(shown))]
    while len(widths) > 4 and sum(widths) + 2 * (len(widths) - 1) > columns:
        widths.pop()
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=False)) for row in table]
    return "\n".join(line.rstrip() for line in lines)
