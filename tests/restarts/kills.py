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

import msgspec

from genoml.checkpoint import newest_generation
from genoml.cli import main
from genoml.runs import load_run
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
_SEQUENCES = ["ACGTACGTTGACTCATACGTACGTACGTAC", "TTTTGGGGCCCCAAAATTTTGGGGCCCCAA"]
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
    #: jobs of ranks that did not end by themselves
    hangs: int = 0
    different: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills: {self.inside_save} inside a save, {self.before_record} before the run's record, "
            f"{self.before_checkpoint} before the first checkpoint, {self.finished} after the end; "
            f"{self.resumed} resumed, {self.equal} ended bitwise equal, {self.hangs} hangs"
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
    except KeyboardInterrupt:  # before or behind what the command itself catches
        os._exit(130)
    finally:
        os._exit(70)


def end_of(child: int) -> int:
    """Its exit code, or the signal that killed it as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def outcome(run: Path) -> dict[str, object]:
    """All that a finished run holds and predicts, without times, and without what was resumed."""
    found = load_run(run, "numpy")
    record = msgspec.to_builtins(found.record)
    for name in ("resumed", "data"):  # where the files are may differ; their hashes do not
        record[name] = found.record.data.get("hashes")
    record["best"] = _untimed(record["best"])
    return {
        "files": {path.name: _content(path) for path in run.iterdir()},
        "log": [_untimed(line) for line in found.history()],
        "record": record,
        "threshold": found.threshold,
        "predictions": found.predict(_SEQUENCES).tolist(),
    }


def _content(path: Path) -> bytes:
    """The bytes of a file of weights, settings or hashes; times are in the others, which are compared without."""
    return (
        b"" if path.name in ("run.json", "log.jsonl", "in-use.lock") or path.is_dir() else path.read_bytes()
    )


def _untimed(line: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in line.items() if key not in _TIMED}


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
        # one in three near the end, where the run is assessed and its result written
        time.sleep(seconds * draw.uniform(0.85 if number % 3 == 2 else 0.0, 1.0))
        os.kill(child, signal.SIGKILL)
        ended = end_of(child)
        tally.kills += 1
        resume(run, ended, train, expected, tally, lambda *words: end_of(in_child(*words)))
        say(f"kill {number + 1}: {tally}")
    return tally


def resume(
    run: Path, ended: int, train: list[str], expected: object, tally: Tally, command: Callable[..., int]
) -> None:
    """Take up a killed run, and compare; ``command`` gives the exit code of ``genoml`` with some words."""
    if not (run / "run.json").exists():
        tally.before_record += 1
        run = run.with_suffix(".again")
        assert command(*train, str(run)) == 0
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
        code = command("train", "--resume", str(run))
        assert code == (2 if finished else 0), f"{run}: resumed with exit code {code}"
        tally.resumed += not finished
    if outcome(run) == expected:
        tally.equal += 1
    else:
        tally.different.append(f"{run}, killed with {ended}")
