"""Trainings of a search: ``genoml train`` in processes of their own, which end with the search."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from genoml.io.processes import lock
from genoml.runs.search_ranges import SearchRecord

#: variables from which the array libraries take their number of threads
_THREADS = ("GENOML_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: ``genoml`` in a process that ends with the one that began it, whose end closes the pipe to its standard input
_CHILD = """
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
from genoml.cli import main
main()
"""


def start_training(
    record: SearchRecord, part: Path, settings: Path, errors: IO[bytes], device: str | None
) -> subprocess.Popen[bytes]:
    """Start ``genoml train``, which holds its settings locked as long as it lives, on a device if one is named."""
    files = [record.positives, record.negatives] if record.positives else []
    command = [sys.executable, "-c", _CHILD, "train", *files, "--json"]
    command += ["--out", str(part), "--config", str(settings), "--backend", record.backend]
    environment = os.environ | dict.fromkeys(_THREADS, str(record.threads))
    if device is not None:
        environment["CUDA_VISIBLE_DEVICES"] = device
    # in its own session: Ctrl-C reaches this process alone, which then stops the others
    with settings.open("rb") as held:
        lock(held, wait=False)
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment,
            start_new_session=True, pass_fds=[held.fileno()] if os.name == "posix" else [],
        )  # fmt: skip
