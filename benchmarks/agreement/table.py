"""One table of docs/agreement.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """What was compared, with which tool and version, and what came of it.

    Attributes
    ----------
    title : str
        Heading.
    about : str
        What is compared, with the other tool's name and version, the exact command or call, and the data.
    columns : sequence of str
        Names of the columns, with units.
    rows : sequence of sequences
        One cell a column; floats are shown with three significant digits.
    notes : sequence of str
        Every difference, explained; what the reader should know.
    """

    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    notes: Sequence[str] = field(default=())

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [f"## {self.title}", "", self.about, ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("|" + " --- |" * len(self.columns))
        lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in self.rows]
        lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|")
