"""``python tests/support/cupy_on_host COMMAND ...``: run a command in whose processes CuPy runs on the CPU."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cupy_on_host import CannotEmulateError, start

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        start()
    except CannotEmulateError as error:
        sys.exit(f"error: {error}")
    os.execvp(sys.argv[1], sys.argv[1:])
