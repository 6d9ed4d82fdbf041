"""One trial of ``genoml search``: the command line in its arguments, ended with the process that began it."""

from __future__ import annotations

import os
import sys
import threading

from genoml.cli import main


def end_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent ends, however it ends."""
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    main(sys.argv[1:])
