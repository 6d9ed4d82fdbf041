"""Output of the commands that convert files: standard output, or a file that is written atomically."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from genoml.io.files import write_whole

sequences_argument = click.argument("sequences", default="-")
out_option = click.option(
    "--out",
    default="-",
    show_default=True,
    metavar="FILE",
    help="File to write, gzipped if it ends in .gz; - is standard output.",
)


@contextmanager
def open_output(out: str) -> Iterator[BinaryIO]:
    """Open standard output (``-``), or a file that gets its name only when it is complete.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such folder, or it is one.
    """
    if out != "-":
        with write_whole(out) as stream:
            yield stream
        return
    stream = sys.stdout.buffer
    yield stream
    stream.flush()  # here, so that a closed pipe is noticed inside the command
