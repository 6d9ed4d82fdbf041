"""A real terminal of a given width, and what stands on its screen in the end."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Sequence

import pytest

from support.subprocesses import process


def in_terminal(command: Sequence[str], columns: int, **environment: str) -> str:
    """All that a command writes to a terminal; a failure of it is one of the test's."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    # every step is drawn, so that what is seen does not depend on the speed of the machine
    settings = {"TERM": "xterm", "TQDM_MININTERVAL": "0"} | environment
    with process(
        command, stdin=subprocess.DEVNULL, stderr=terminal, stdout=terminal, env=inherited | settings
    ) as drawing:
        os.close(terminal)
        shown = b""
        try:
            while block := os.read(screen, 4096):
                shown += block
        except OSError:  # the terminal is gone with the process
            pass
        drawing.wait(timeout=60)
    os.close(screen)
    if drawing.returncode:
        pytest.fail(f"exit code {drawing.returncode}: {shown.decode()}")
    return shown.decode()


def screen_of(shown: str, columns: int) -> list[str]:
    """The lines on a screen of so many columns; letters beyond the last column go on in the next line."""
    lines, column = [""], 0
    for letter in shown:
        if letter == "\r":
            column = 0
        elif letter == "\n":
            lines.append("")
            column = 0
        else:
            if column == columns:
                lines.append("")
                column = 0
            lines[-1] = lines[-1].ljust(column)[:column] + letter + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]
