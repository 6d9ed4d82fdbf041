"""A fresh interpreter, for what only a fresh one can show: imports, environment variables, other packages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
def hearing_ctrl_c() -> Iterator[None]:
    """Processes started within it take Ctrl-C, also where the suite runs in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
        timeout=120,
        check=False,
    )


def output_of(code: str, *arguments: str, path: Path | None = None, **environment: str) -> str:
    """What the code prints; a failure of it is one of the test's."""
    done = run_python(code, *arguments, path=path, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
