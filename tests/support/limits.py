"""What a backend's package tells the suite about it, in its limits.toml; backends/README.md has the format."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_SUITE = {"library": str, "by_default": bool, "hardware": str, "reason": str}
_LIMIT = {"test": str, "entry": str, "reason": str, "link": str}


class LimitsError(ValueError):
    """A limits.toml that says something else than it can, or of a test or entry that there is not."""


@dataclass(frozen=True)
class Limit:
    """A test, or a registry's entry, or an entry in one test, that cannot hold on a backend, and why."""

    reason: str
    link: str
    test: str | None = None
    entry: str | None = None

    def __str__(self) -> str:
        return f"{self.reason} ({self.link})"

    def covers(self, test: str, entries: Collection[str]) -> bool:
        """Whether it speaks of this test ("tests/file.py::name") with these entries."""
        return self.test in (None, test) and (self.entry is None or self.entry in entries)


@dataclass(frozen=True)
class Suite:
    """How the suite treats a backend: see backends/README.md."""

    library: str | None = None
    by_default: bool = True
    hardware: str | None = None
    reason: str = ""
    limits: tuple[Limit, ...] = ()
    file: Path | None = None

    @property
    def installed(self) -> bool:
        """Whether the library is there."""
        return self.library is None or importlib.util.find_spec(self.library) is not None


def limits_file(point: EntryPoint) -> Path | None:
    """The file of the package that an entry point names; the package is found, not imported."""
    found = importlib.util.find_spec(point.module.split(".")[0])
    places = (found.submodule_search_locations if found else None) or ()
    files = [Path(place) / "limits.toml" for place in places]
    return next((file for file in files if file.is_file()), None)


def read_suite(path: Path | None) -> Suite:
    """The file's content; no file is no limit.

    Raises
    ------
    LimitsError
        For an unknown key, a key of another kind, and a limit without a reason or a link.
    """
    if path is None:
        return Suite()
    try:
        content = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise LimitsError(f"{path}: {error}") from error
    _expect_keys(path, "the file", content, {"suite": dict, "limit": list})
    suite = content.get("suite", {})
    _expect_keys(path, "[suite]", suite, _SUITE)
    if not suite.get("by_default", True) and not suite.get("reason"):
        raise LimitsError(f"{path}: by_default = false expects a reason")
    limits = []
    for number, table in enumerate(content.get("limit", []), start=1):
        where = f"limit {number}"
        _expect_keys(path, where, table, _LIMIT)
        if not table.get("reason") or not table.get("link", "").startswith(("https://", "http://")):
            raise LimitsError(f"{path}: {where} expects a reason and a link (https://...), got {table}")
        if not (table.get("test") or table.get("entry")):
            raise LimitsError(f"{path}: {where} expects a test, an entry, or both, got {table}")
        limits.append(Limit(**table))
    return Suite(**suite, limits=tuple(limits), file=path)


def _expect_keys(path: Path, where: str, table: Any, kinds: dict[str, type]) -> None:
    if not isinstance(table, dict):
        raise LimitsError(f"{path}: {where} expects a table, got {type(table).__name__}")
    for key, value in table.items():
        if key not in kinds:
            raise LimitsError(f"{path}: {where} has no key {key!r}; keys: {', '.join(kinds)}")
        if not isinstance(value, kinds[key]):
            raise LimitsError(f"{path}: {where}, {key} expects {kinds[key].__name__}, got {value!r}")


def expect_targets(suite: Suite, entries: Collection[str]) -> None:
    """Raise LimitsError for a limit whose test or entry does not exist: it would cover nothing."""
    for limit in suite.limits:
        if limit.entry is not None and limit.entry not in entries:
            raise LimitsError(f"{suite.file}: no registry has an entry {limit.entry!r}")
        if limit.test is not None and not _is_backend_test(limit.test):
            raise LimitsError(f"{suite.file}: {limit.test!r} is no test that takes the fixture backend")


def _is_backend_test(test: str) -> bool:
    name, _, function = test.partition("::")
    file = ROOT / name
    if not file.is_file():
        return False
    return any(
        isinstance(node, ast.FunctionDef)
        and node.name == function
        and any(argument.arg == "backend" for argument in node.args.args)
        for node in ast.parse(file.read_text()).body
    )
