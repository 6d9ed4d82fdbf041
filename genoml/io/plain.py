"""Plain files, of which a reader wants the whole content: no links, no devices, no more bytes than expected."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

#: Do not follow a link, and do not wait for the other end of a pipe.
_FLAGS = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


class NotPlainError(ValueError):
    """Raised for a link, device, pipe or folder in place of a file, or a file that is too large."""


@contextmanager
def open_plain(path: Path) -> Iterator[tuple[BufferedReader, int]]:
    """Open a plain file for reading; yields the file and its size in bytes.

    Raises
    ------
    NotPlainError
        If it is a symbolic link, or no regular file.
    OSError
        If it is missing or cannot be read.
    """
    if "\0" in str(path):
        raise NotPlainError("its name holds a NUL")
    if path.is_symlink():
        raise NotPlainError("it is a symbolic link; expects the file itself")
    if path.is_dir():  # before it is opened, which Python refuses with an error of its own
        raise NotPlainError("Is a directory; expects a file")
    handle = os.open(path, _FLAGS)
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise NotPlainError("it is a device or pipe; expects a file")
        yield file, status.st_size


def read_plain(path: Path, most: int) -> bytes:
    """Read a plain file of at most ``most`` bytes.

    Raises
    ------
    NotPlainError, OSError
        See ``open_plain``; also for a larger file, before it is read.
    """
    with open_plain(path) as (file, size):
        if size > most:
            raise NotPlainError(f"expects at most {most} bytes, got {size}")
        return file.read(size)  # not ``most``: Python takes memory for all that is asked for


def strict_json(text: bytes | str) -> Any:
    """JSON in which no name of an object comes twice, since readers differ in which of the two they take."""
    return json.loads(text, object_pairs_hook=_once)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("JSON: a name comes twice in an object")
    return found
