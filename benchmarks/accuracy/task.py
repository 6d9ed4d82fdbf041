"""What a data set is to the table: how to measure it, what others reach, what is to be reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

#: (folder of the data, seed, backend) -> one value a column
Measure = Callable[[Path, int, str], tuple[float, ...]]


@dataclass(frozen=True)
class Task:
    """One data set."""

    title: str
    columns: tuple[str, ...]
    measure: Measure
    #: name -> values as in ``columns``, None where none was published
    peers: dict[str, tuple[float | None, ...]]
    #: of the first column
    target: float | None = field(default=None)


def cells(values: tuple[float | None, ...]) -> str:
    return " | ".join("" if value is None else f"{value:.4f}" for value in values)


def rows(task: Task, results: list[tuple[float, ...]], seconds: list[float]) -> list[str]:
    """The Markdown table of a data set."""
    lines = [
        f"**{task.title}**\n",
        f"| | {' | '.join(task.columns)} | seconds |",
        "| --- |" + " --- |" * (len(task.columns) + 1),
    ]
    for seed, (values, spent) in enumerate(zip(results, seconds, strict=True)):
        lines.append(f"| genoml, seed {seed} | {cells(values)} | {spent:.0f} |")
    mean = tuple(statistics.mean(column) for column in zip(*results, strict=True))
    lines.append(f"| **genoml, mean** | {cells(mean)} | {statistics.mean(seconds):.0f} |")
    lines += [f"| {peer} | {cells(values)} | |" for peer, values in task.peers.items()]
    if task.target is not None:
        reached = "reached" if mean[0] >= task.target else "missed"
        lines.append(f"| to reach: {task.target} | {reached} |" + " |" * len(task.columns))
    return lines
