"""A fresh interpreter, for what only a fresh one can show: imports, environment variables, other packages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: what a process may take: a hundred times what it takes on a quiet machine, and less than a test may
LIMIT_S = 280
#: makes the import of a library fail, as it does where it is not installed
BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {library!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Absent())
"""


@contextmanager
def process(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process in a group of its own, which the end of the block kills, whatever happened in it."""
    with subprocess.Popen(command, process_group=0, **options) as started:
        try:
            yield started
        finally:
            with suppress(ProcessLookupError):  # all of the group have ended
                os.killpg(started.pid, signal.SIGKILL)


def wait_for(
    seen: Callable[[], object], started: subprocess.Popen[Any] | None = None, limit_s: float = 60
) -> None:
    """Wait until something is seen, as long as the process lives; at most a minute."""
    deadline = time.monotonic() + limit_s
    while not seen():
        assert started is None or started.poll() is None, started.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def hearing_ctrl_c() -> Iterator[None]:
    """Processes started within it take Ctrl-C and SIGHUP, which a suite in the background or by nohup ignores."""
    own = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in own.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_python(
    code: str, *arguments: str, path: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the code with these arguments and environment variables, ``path`` first on the import path."""
    inherited = {key: value for key, value in os.environ.items() if key != "GENOML_BACKEND"}
    places = [str(path)] if path else []
    places += [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=inherited | {"PYTHONPATH": os.pathsep.join(places)} | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def output_of(code: str, *arguments: str, path: Path | None = None, **environment: str) -> str:
    """What the code prints; a failure of it is one of the test's."""
    done = run_python(code, *arguments, path=path, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
