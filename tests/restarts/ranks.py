"""Training on ranks of which one is killed at a random instant, and taken up again on ranks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from restarts.kills import SETTINGS, Tally, outcome, resume
from support.planted import write_fasta_pair
from support.ranks import LIMIT_S, Job, job
from support.subprocesses import wait_for

#: a training that takes longer than the start of its processes
_EPOCHS = "40"


def kill_ranks_and_resume(
    folder: Path, ranks: int, kills: int, seed: int, say: Callable[[str], None] = lambda line: None
) -> Tally:
    """Kill one rank of ``kills`` jobs at instants drawn by the seed, resume each, and compare with the unbroken one."""
    pair = write_fasta_pair(folder, 40, 30)
    (folder / "settings.toml").write_text(SETTINGS)
    train = ["train", *pair, "--config", str(folder / "settings.toml"), "--epochs", _EPOCHS, "--out"]
    draw, tally = random.Random(seed), Tally()

    def end(started: Job) -> int:
        try:
            return started.end()[0]
        except subprocess.TimeoutExpired:  # all are killed behind the job
            tally.hangs += 1
            return 1

    def command(*words: str) -> int:
        with job(folder, words, ranks=ranks) as started:
            return end(started)

    begun = time.monotonic()
    with job(folder, [*train, folder / "unbroken"], ranks=ranks) as started:
        wait_for((folder / "unbroken" / "run.json").exists, started.launcher, LIMIT_S)
        first_s = time.monotonic() - begun
        assert end(started) == 0
    rest_s = time.monotonic() - begun - first_s
    expected = outcome(folder / "unbroken")
    for number in range(kills):
        run = folder / f"run{number}"
        with job(folder, [*train, run], ranks=ranks) as started:
            # one in five while the processes start
            if number % 5 == 4:
                time.sleep(first_s * draw.random())
            else:
                wait_for((run / "run.json").exists, started.launcher, LIMIT_S)
                time.sleep(rest_s * draw.random())
            pids = started.pids()
            rank = draw.randrange(ranks)
            with suppress(KeyError, ProcessLookupError):  # it is not there yet, or no more
                os.kill(pids[rank], signal.SIGKILL)
            ended = end(started)
        tally.kills += 1
        resume(run, ended, train, expected, tally, command)
        say(f"kill {number + 1}, of rank {rank}: {tally}")
    return tally
