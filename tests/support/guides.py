"""The blocks of the guides, and the commands in them."""

from __future__ import annotations

import importlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from genoml.cli import cli

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: the guides; tutorials are executed whole, by tests of their own
GUIDES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "backends/README.md")),
    *sorted(path for path in DOCS.rglob("*.md") if "tutorials" not in path.parts),
]
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """What stands between two fences: its guide, its first line, the language that its fence names, its text."""

    guide: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.guide}:{self.line}"

    def commands(self) -> list[list[str]]:
        """The words of each command, without comments; lines that end in a backslash go on."""
        lines = self.text.replace("\\\n", " ").splitlines()
        lines = [part for line in lines for part in re.split(r"\s&&\s", line.removeprefix("$ "))]
        return [words for line in lines if (words := shlex.split(line, comments=True))]


def blocks_of(guide: Path) -> list[Block]:
    text, name = guide.read_text(), guide.relative_to(ROOT).as_posix()
    return [
        Block(name, text[: found.start()].count("\n") + 1, found[1], found[2])
        for found in _BLOCK.finditer(text)
    ]


#: names that docs/limits.md says are missing, in the second column of its table
MISSING = [
    name
    for column in re.findall(r"^\| [^|]+ \| ([^|]+) \|", (DOCS / "limits.md").read_text(), re.MULTILINE)
    for name in re.findall("`(.+?)`", column)
]
BLOCKS = [block for guide in GUIDES for block in blocks_of(guide)]


def resolves(name: str) -> bool:
    """Whether it is a module, or an attribute of one."""
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for part in parts[split:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def parse(words: list[str]) -> None:
    """What click makes of the words; an unknown command or option is an error."""
    with cli.make_context("genoml", list(words)) as context:
        name, command, rest = cli.resolve_command(context, list(words))
        assert command is not None
        command.make_context(name, rest)
