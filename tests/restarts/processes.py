"""The same training in fresh processes: the same bits."""

from __future__ import annotations

import hashlib
from pathlib import Path

from restarts.kills import SETTINGS
from support.planted import write_fasta_pair
from support.subprocesses import run_python

TRAIN = "import sys; from genoml.cli import main; main(sys.argv[1:])"


def distinct_weights(folder: Path, processes: int) -> set[str]:
    """The hashes of the weights that so many processes end with, one after the other."""
    pair = write_fasta_pair(folder, 40, 30)
    (folder / "settings.toml").write_text(SETTINGS)
    found = set()
    for number in range(processes):
        run = folder / f"process{number}"
        arguments = ["train", *pair, "--config", str(folder / "settings.toml"), "--out", str(run)]
        # an order of hashes of its own for each process, as outside of tests
        done = run_python(TRAIN, *arguments, PYTHONHASHSEED=str(number))
        assert done.returncode == 0, done.stderr
        found.add(hashlib.sha256((run / "weights.safetensors").read_bytes()).hexdigest())
    return found
