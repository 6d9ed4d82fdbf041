"""Runs that are changed behind one's back, or written by two processes at once."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genoml.io import FormatError
from genoml.runs import RunError, load_run
from genoml.runs.config_text import read_config
from restarts.kills import SETTINGS, end_of, in_child, outcome
from support.planted import write_fasta_pair

_SEQUENCES = ["ACGTACGTTGACTCATACGTACGTACGTAC", "TTTTGGGGCCCCAAAATTTTGGGGCCCCAA"]


@dataclass
class Changes:
    """What became of changed files."""

    changes: int = 0
    refused: int = 0
    #: read, and nothing depends on what was changed
    harmless: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        faults = f"{len(self.faults)} faults"
        return f"{self.changes} changes: {self.refused} refused, {self.harmless} of no effect, {faults}"

    def take(self, words: str, read: Callable[[], Any], expected: Any) -> None:
        """Read a changed file, which must be refused or make no difference."""
        self.changes += 1
        try:
            found = read()
        except (RunError, FormatError) as error:
            self.refused += 1
            if "\n" in str(error):
                self.faults.append(f"{words}: {error}")
        except Exception as error:
            self.faults.append(f"{words}: {type(error).__name__}: {error}")
        else:
            self.harmless += found == expected
            if found != expected:
                self.faults.append(f"{words}: another result, without a word")


def _trained(folder: Path, seed: int = 0, name: str = "run") -> list[str]:
    """The command that trains a small run, as far as its --out."""
    pair = write_fasta_pair(folder, 40, 30)
    (folder / "settings.toml").write_text(SETTINGS)
    return ["train", *pair, "--config", str(folder / "settings.toml"), "--seed", str(seed), "--out"]


def change_files(folder: Path, flips: int, cuts: int, seed: int) -> tuple[Changes, Changes]:
    """Flip bits of a finished run's record, and cut its settings; each alone."""
    run = folder / "run"
    assert end_of(in_child(*_trained(folder), str(run))) == 0
    draw, flipped, cut = random.Random(seed), Changes(), Changes()
    record, config = ((run / name).read_bytes() for name in ("run.json", "config.toml"))

    def predicted() -> Any:
        found = load_run(run, "numpy")
        return found.predict(_SEQUENCES).tolist(), found.threshold, found.history()

    expected, settings = predicted(), read_config(run / "config.toml", {})
    for _ in range(flips):
        at, bit = draw.randrange(len(record)), draw.randrange(8)
        (run / "run.json").write_bytes(record[:at] + bytes([record[at] ^ 1 << bit]) + record[at + 1 :])
        flipped.take(f"bit {bit} of byte {at} of run.json", predicted, expected)
    (run / "run.json").write_bytes(record)
    for _ in range(cuts):
        end = draw.randrange(len(config))
        (run / "config.toml").write_bytes(config[:end])
        cut.take(f"config.toml cut at {end}", lambda: read_config(run / "config.toml", {}), settings)
    return flipped, cut


def _killed(run: Path, command: list[str], after: float) -> bool:
    """Kill a training that has its record so many seconds later; whether it was not finished then.

    Without a record there is nothing to take up, and the folder is in the way of another training.
    """
    child = in_child(*command)
    while not (run / "run.json").exists():
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        assert ended is None or (run / "run.json").exists(), f"{run}: not trained"
        time.sleep(0.001)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    end_of(child)
    return bool(json.loads((run / "run.json").read_text())["status"] != "finished")


def race(folder: Path, pairs: int, seed: int) -> list[str]:
    """Start two processes on one run, ``pairs`` times: one must write it, as if alone; what went wrong otherwise."""
    draw, faults = random.Random(seed), []
    commands = [_trained(folder, number) for number in (0, 1)]
    alone = []
    for number, command in enumerate(commands):
        start = time.monotonic()
        assert end_of(in_child(*command, str(folder / f"alone{number}"))) == 0
        seconds = time.monotonic() - start
        alone.append(outcome(folder / f"alone{number}"))
    for number in range(pairs):
        run = folder / f"run{number}"
        both = [[*command, str(run)] for command in commands]
        if number % 2:  # a killed training, taken up by two
            while not _killed(run, both[0], seconds * draw.uniform(0.0, 0.5)):
                shutil.rmtree(run)  # it has ended before
            both = [["train", "--resume", str(run)]] * 2
        children = [in_child(*both[0])]
        time.sleep(draw.choice([0.0, 0.0, draw.uniform(0.0, seconds)]))
        children.append(in_child(*both[1]))
        codes = [end_of(child) for child in children]
        winner = codes.index(0) if 0 in codes else 0
        if sorted(codes) != [0, 2] or outcome(run) != alone[0 if number % 2 else winner]:
            faults.append(f"{run}: exit codes {codes}")
    return faults
