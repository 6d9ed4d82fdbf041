"""Results of a search, and their table, the best trial first."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from genoml.io.files import write_whole
from genoml.runs.config_text import toml_value
from genoml.train.objectives import BinaryClassification

TABLE = "trials.tsv"
#: score of a trial of one label, on held-out training data, never on a test set
SCORE = f"validation_{BinaryClassification.best}"


class Result(msgspec.Struct, kw_only=True, frozen=True):
    """Result of a trial that has ended."""

    trial: int
    #: settings drawn, by path
    settings: dict[str, Any]
    status: Literal["finished", "pruned", "diverged", "failed"]
    epochs: int
    score: float | None = None
    best_epoch: int | None = None
    seconds: float | None = None
    run: str = ""
    error: str = ""


def ranked(results: Iterable[Result], *, halving: bool) -> list[Result]:
    """Results with the best first, failures last; with halving those trained longest come first."""

    def order(result: Result) -> tuple[bool, int, float, int]:
        score = result.score or 0.0
        return result.score is None, -result.epochs if halving else 0, -score, result.trial

    return sorted(results, key=order)


def table_rows(results: Sequence[Result], score: str = SCORE) -> list[list[str]]:
    """Table as text: a header, and a row for each trial; unknown values are empty."""
    first = ("rank", "trial", "status", "epochs", score, "best_epoch", "seconds")
    settings = list(dict.fromkeys(key for result in results for key in result.settings))
    rows = [[*first, *settings, "run", "error"]]
    for rank, result in enumerate(results, 1):
        known = (
            "" if result.score is None else rank,
            result.trial,
            result.status,
            result.epochs,
            "" if result.score is None else f"{result.score:.6f}",
            result.best_epoch or "",
            "" if result.seconds is None else f"{result.seconds:.1f}",
        )
        drawn = [value if isinstance(value, str) else toml_value(value) for value in result.settings.values()]
        rows.append([*map(str, known), *drawn, result.run, " ".join(result.error.split())])
    return rows


def write_table(folder: Path, results: Sequence[Result], score: str = SCORE) -> None:
    """Write ``trials.tsv``."""
    with write_whole(folder / TABLE) as file:
        for row in table_rows(results, score):
            file.write("\t".join(row).encode() + b"\n")


def reason_of(code: int, errors: str) -> str:
    """Reason why a process failed, on one line."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", as by the system when memory runs out" if -code == signal.SIGKILL else ""
        return f"killed ({name}{hint})"
    lines = [line for line in errors.splitlines() if line.strip()]
    last = lines[-1].removeprefix("genoml: error: ") if lines else f"exit code {code}"
    return " ".join(last.split())
