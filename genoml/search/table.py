"""The results of a search as tables, the best trial first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from genoml.io.files import write_whole
from genoml.search.folder import SCORE, TABLE, Result
from genoml.search.halving import Trial
from genoml.typed import toml_value

_FIRST = ("rank", "trial", "status", "epochs", SCORE, "best_epoch", "seconds")


def ranked(results: Iterable[Result]) -> list[Result]:
    """One result a trial, that of the most epochs; more epochs first, then higher scores, failures last."""
    newest: dict[int, Result] = {}
    for result in results:
        before = newest.get(result.trial.number)
        if before is None or result.epochs > before.epochs:
            newest[result.trial.number] = result
    return sorted(newest.values(), key=_order)


def _order(result: Result) -> tuple[bool, int, float, int]:
    failed = result.score is None
    return failed, -result.epochs, -(result.score or 0.0), result.trial.number


def ranked_by_score(results: Iterable[Result]) -> list[Result]:
    """The same for trials that were all to be trained for as long as their own settings say: by score alone."""
    return sorted(ranked(results), key=lambda result: (_order(result)[0], *_order(result)[2:]))


def table_rows(results: Sequence[Result]) -> list[list[str]]:
    """A head and a row a trial; what is unknown is empty."""
    settings = list(dict.fromkeys(key for result in results for key in result.trial.drawn))
    rows = [[*_FIRST, *settings, "run", "error"]]
    for rank, result in enumerate(results, 1):
        known = (
            "" if result.score is None else rank,
            result.trial.number,
            result.status,
            result.epochs,
            "" if result.score is None else f"{result.score:.6f}",
            result.best_epoch or "",
            "" if result.seconds is None else f"{result.seconds:.1f}",
        )
        drawn = [shown(result.trial, key) for key in settings]
        rows.append([*map(str, known), *drawn, result.run, " ".join(result.error.split())])
    return rows


def shown(trial: Trial, key: str) -> str:
    """A setting as the tables have it."""
    value = trial.drawn[key]
    return value if isinstance(value, str) else toml_value(value)


def write_table(folder: Path, results: Sequence[Result]) -> None:
    """Write ``trials.tsv`` anew."""
    with write_whole(folder / TABLE) as file:
        for row in table_rows(results):
            file.write("\t".join(row).encode() + b"\n")


def terminal_table(results: Sequence[Result], columns: int, limit: int = 10) -> str:
    """The best trials in so many columns; settings that find no place are left to the file."""
    head, *rows = table_rows(results[:limit])
    kept = [
        i for i, name in enumerate(head) if name not in ("status", "best_epoch", "seconds", "run", "error")
    ]
    names = {SCORE: "AUROC"}
    table = [
        [names.get(row[i], row[i]).removeprefix("model_options.") for i in kept] for row in (head, *rows)
    ]
    widths = [max(len(row[i]) for row in table) for i in range(len(kept))]
    while len(widths) > 4 and sum(widths) + 2 * (len(widths) - 1) > columns:
        widths.pop()
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=False)) for row in table]
    return "\n".join(line.rstrip() for line in lines)
