"""A task that a small network learns in a second: one motif planted in random sequences, or none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.cli import main
from genoml.data import SequenceData
from genoml.sequence import base_codes, decode
from genoml.train import Steps

MOTIF = "TGACTCAT"
#: a network so small that an epoch takes milliseconds, as a file of settings
SMALL_TOML = """
model = "promoter_cnn"
model_options = { filters = 8, kernel_size = 8 }
batch_size = 16
learning_rate = 0.05
shift_bp = 2
"""


def planted_data(count: int = 60, length: int = 30, *, seed: int = 0) -> SequenceData:
    """``count`` sequences with the motif and as many without, on chromosomes chr1 to chr4 in turn."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (2 * count, length), dtype=np.uint8)
    for row, start in enumerate(rng.integers(0, length - len(MOTIF) + 1, count)):
        codes[row, start : start + len(MOTIF)] = base_codes([MOTIF])[0]
    groups = [f"chr{1 + i % 4}" for i in range(count)]
    return SequenceData.binary(codes[:count], codes[count:], (groups, groups))


def write_fasta_pair(folder: Path, count: int = 60, length: int = 30, *, seed: int = 0) -> tuple[str, str]:
    """The same as two FASTA files with headers like ``>chr1:0-30``."""
    letters = decode(planted_data(count, length, seed=seed).codes)
    paths = []
    for name, part in (("pos.fa", letters[:count]), ("neg.fa", letters[count:])):
        records = [f">chr{1 + i % 4}:{100 * i}-{100 * i + length}\n{s}\n" for i, s in enumerate(part)]
        (folder / name).write_text("".join(records))
        paths.append(str(folder / name))
    return paths[0], paths[1]


def run_genoml(*arguments: object) -> int:
    """The command in this process; its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def sharded(folder: Path, count: int, *arguments: object, suffix: str = "") -> bytes:
    """The outputs of all shards of a command, one after the other."""
    outputs = []
    for number in range(1, count + 1):
        out = folder / f"part-{number}-of-{count}{suffix}"
        assert run_genoml(*arguments, "--out", out, "--shard", f"{number}/{count}") == 0
        outputs.append(out.read_bytes())
    return b"".join(outputs)


#: the command in a process of its own
GENOML = [sys.executable, "-m", "genoml"]


class Halt:
    """Ctrl-C at a step of a training in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        step_once = Steps.run

        def run_step(steps: Steps, batch: Any) -> None:
            step_once(steps, batch)
            if steps.step == at:
                raise KeyboardInterrupt

        self._patched = monkeypatch.context()
        self._patch, self._run_step = self._patched, run_step

    def __enter__(self) -> None:
        self._patched.__enter__().setattr("genoml.train.Steps.run", self._run_step)

    def __exit__(self, *error: Any) -> None:
        self._patched.__exit__(*error)
