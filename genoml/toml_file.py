"""TOML files of settings: reading them, and finding the line on which a key stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genoml.io.errors import FormatError, shown
from genoml.typed import SettingError

#: bytes in a file of settings, at most
_LARGEST = 1 << 16
#: in longer files the line of a key is not looked for, which takes a reading of the file for each line
_MOST_LINES = 1000
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds.

    Raises
    ------
    FormatError
        If it is not TOML, with the line; or larger than 64 KiB.
    ValueError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > _LARGEST:
        raise FormatError("expects settings of at most 64 KiB, got more", path=str(path))
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError("not valid TOML (not UTF-8)", path=str(path), line=line) from error
    except tomllib.TOMLDecodeError as error:
        place = _AT_LINE.search(str(error))
        line = int(place[1]) if place and place[1] else content.count(b"\n") + 1
        what = shown(_AT_LINE.sub("", str(error)))
        raise FormatError(f"not valid TOML ({what})", path=str(path), line=line) from error
    except (RecursionError, ValueError) as error:
        # tables or lists within each other by the thousand, numbers of thousands of digits
        why = "nested too deep" if isinstance(error, RecursionError) else shown(str(error))
        raise FormatError(f"not valid TOML ({why})", path=str(path)) from error


@contextmanager
def settings_of(path: Path | None, keys: Collection[str] | None = None) -> Iterator[None]:
    """Give a SettingError the file and the line of its key, if the file is where the key came from.

    Parameters
    ----------
    path : Path, optional
        None leaves the error as it is.
    keys : collection of str, optional
        The keys that come from the file; None for all.

    Raises
    ------
    FormatError
        In place of the SettingError.
    """
    try:
        yield
    except SettingError as error:
        if path is None or (keys is not None and key_parts(error.key)[0] not in keys):
            raise
        line = line_of(path.read_text(encoding="utf-8"), error.key)
        raise FormatError(str(error), path=str(path), line=line) from error


def key_parts(key: str) -> list[str]:
    """The names and places in a key's path: ``model_options.dropout[1]`` -> model_options, dropout, 1."""
    return [part for part in re.split(r"[.\[\]\"]+", key) if part] or [key]


def line_of(text: str, key: str) -> int | None:
    """1-based line on which the statement begins that sets a key; None if there is none.

    The least number of lines that are TOML by themselves and hold the key end with that statement, and it
    begins behind the greatest smaller number of lines that are TOML.
    """
    parts = key_parts(key)
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        return None
    depth = max((n for n in range(len(parts) + 1) if _holds(text, parts[:n])), default=0)
    if not depth:
        return None
    before = 0
    for count in range(1, len(lines) + 1):
        head = "\n".join(lines[:count])
        try:
            tomllib.loads(head)
        except tomllib.TOMLDecodeError:
            continue
        if _holds(head, parts[:depth]):
            return before + 1
        before = count
    return None


def _holds(text: str, parts: list[str]) -> bool:
    value: Any = tomllib.loads(text)
    for part in parts:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return False
    return True
