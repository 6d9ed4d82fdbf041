"""Training in child processes that are killed at random instants, and taken up again."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from genoml.checkpoint import newest_generation
from genoml.cli import main
from support.planted import run_genoml, write_fasta_pair

#: steps of a millisecond, and a save after each, so that most instants lie inside a save
SETTINGS = """
model = "promoter_cnn"
model_options = { filters = 8, kernel_size = 8 }
epochs = 4
batch_size = 8
learning_rate = 0.05
shift_bp = 2
max_grad_norm = 1.0
checkpoint_steps = 1
baseline = false
"""
_TIMED = ("seconds", "sequences_per_second")
_UNDONE = re.compile(r"(state|manifest)-\d+\.\w+\.[0-9a-f]{8}\.tmp")


@dataclass
class Tally:
    """What became of the kills."""

    kills: int = 0
    #: before the run folder had its record: there is nothing to resume
    before_record: int = 0
    #: with a record and no checkpoint yet: resumed from the beginning
    before_checkpoint: int = 0
    #: a half-written or not yet sealed checkpoint was left behind
    inside_save: int = 0
    resumed: int = 0
    #: the run had ended, or was killed, after its last epoch
    finished: int = 0
    equal: int = 0
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.inside_save} inside a save, {self.before_record} before the run's record, "
            f"{self.before_checkpoint} before the first checkpoint, {self.finished} after the end; "
            f"{self.resumed} resumed, {self.equal} ended bitwise equal"
        )


def in_child(*arguments: str) -> int:
    """Start the command in a copy of this process; its process id."""
    child = os.fork()
    if child:
        return child
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        main(list(arguments))
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    finally:
        os._exit(70)


def end_of(child: int) -> int:
    """Its exit code, or the signal that killed it as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def outcome(run: Path) -> tuple[bytes, list[dict[str, float]], dict[str, object]]:
    """The bytes of the weights, the log without times, and what the record says of the result."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    log = [{key: value for key, value in line.items() if key not in _TIMED} for line in lines]
    record = json.loads((run / "run.json").read_text())
    best = {key: value for key, value in record["best"].items() if key not in _TIMED}
    kept = {"status": record["status"], "best_epoch": record["best_epoch"], "best": best}
    return (run / "weights.safetensors").read_bytes(), log, kept


def kill_and_resume(
    folder: Path, kills: int, seed: int, say: Callable[[str], None] = lambda line: None
) -> Tally:
    """Kill ``kills`` trainings at instants drawn by the seed, resume each, and compare with the unbroken one."""
    pair = write_fasta_pair(folder, 40, 30)
    (folder / "settings.toml").write_text(SETTINGS)
    train = ["train", *pair, "--config", str(folder / "settings.toml"), "--out"]
    # in this process, so that the copies of it have everything loaded
    assert run_genoml(*train, folder / "unbroken", "--quiet") == 0
    start = time.monotonic()
    assert end_of(in_child(*train, str(folder / "again"))) == 0
    seconds = time.monotonic() - start
    expected = outcome(folder / "unbroken")
    assert outcome(folder / "again") == expected
    draw, tally = random.Random(seed), Tally()
    for number in range(kills):
        run = folder / f"run{number}"
        child = in_child(*train, str(run))
        time.sleep(draw.uniform(0.0, seconds))
        os.kill(child, signal.SIGKILL)
        ended = end_of(child)
        tally.kills += 1
        _resume(run, ended, train, expected, tally)
        say(f"kill {number + 1}: {tally}")
    return tally


def _resume(run: Path, ended: int, train: list[str], expected: object, tally: Tally) -> None:
    if not (run / "run.json").exists():
        tally.before_record += 1
        run = run.with_suffix(".again")
        assert end_of(in_child(*train, str(run))) == 0
    else:
        checkpoints = run / "checkpoint"
        newest = newest_generation(checkpoints)
        names = sorted(path.name for path in checkpoints.iterdir()) if checkpoints.exists() else []
        assert sum(name.startswith("manifest") and name.endswith("json") for name in names) <= 2, names
        unsealed = any(name > f"state-{newest or 0:06}.safetensors" for name in names if "state" in name)
        tally.inside_save += unsealed or any(map(_UNDONE.fullmatch, names))
        finished = json.loads((run / "run.json").read_text())["status"] == "finished"
        tally.finished += finished
        tally.before_checkpoint += newest is None and not finished
        code = end_of(in_child("train", "--resume", str(run)))
        assert code == (2 if finished else 0), f"{run}: resumed with exit code {code}"
        tally.resumed += not finished
    if outcome(run) == expected:
        tally.equal += 1
    else:
        tally.different.append(f"{run}, killed with {ended}")
