"""Commands on sequences that are killed at random instants: no file of theirs may be left."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from restarts.kills import end_of, in_child

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL)
_JASPAR = ">M1 x\nA [ 9 0 0 5 ]\nC [ 0 9 0 5 ]\nG [ 1 1 9 0 ]\nT [ 0 0 1 0 ]\n"
COMMANDS = {
    "revcomp": ["revcomp", "reads.fa", "--out", "out.fa.gz"],
    "shuffle": ["shuffle", "reads.fa", "--out", "out.fa"],
    "translate": ["translate", "reads.fa", "--six", "--out", "out.fa"],
    "orfs": ["orfs", "reads.fa", "--min-length", "30", "--out", "out.tsv"],
    "kmers": ["kmers", "reads.fa", "-k", "4", "--per-sequence", "--out", "out.tsv"],
    "stats": ["stats", "reads.fa", "--out", "out.tsv"],
    "scan": ["scan", "reads.fa", "--motifs", "m.jaspar", "--out", "out.tsv"],
    "fetch": ["fetch", "genome.fa", "peaks.bed", "--out", "out.fa"],
}


def _inputs(folder: Path) -> None:
    draw = random.Random(0)
    reads = ["".join(draw.choices("ACGT", k=100)) for _ in range(4000)]
    (folder / "reads.fa").write_text("".join(f">r{i}\n{read}\n" for i, read in enumerate(reads)))
    (folder / "genome.fa").write_text(">chr1\n" + "\n".join(reads) + "\n")
    (folder / "peaks.bed").write_text("".join(f"chr1\t{i * 30}\t{i * 30 + 90}\n" for i in range(12_000)))
    (folder / "m.jaspar").write_text(_JASPAR)


def kill_commands(
    folder: Path, kills: int, seed: int, say: Callable[[str], None] = lambda line: None
) -> list[str]:
    """Kill commands in turn; what was left or cut is told, after SIGKILL once the command has been run again."""
    draw, left = random.Random(seed), []
    (folder / "in").mkdir()
    _inputs(folder / "in")
    for number in range(kills):
        name = list(COMMANDS)[number % len(COMMANDS)]
        work, out = folder / f"work{number}", COMMANDS[name][-1]
        shutil.copytree(folder / "in", work)
        given = {path.name for path in work.iterdir()} | {"genome.fa.store", out}
        os.chdir(work)
        start = time.monotonic()
        assert end_of(in_child(*COMMANDS[name])) == 0
        seconds = time.monotonic() - start
        whole = (work / out).read_bytes()
        for made in (out, "genome.fa.store"):
            (work / made).unlink(missing_ok=True)
        child, how = in_child(*COMMANDS[name]), _SIGNALS[number // len(COMMANDS) % len(_SIGNALS)]
        time.sleep(seconds * draw.random())
        os.kill(child, how)
        ended = end_of(child)
        if how == signal.SIGKILL:
            assert end_of(in_child(*COMMANDS[name])) == 0
        found = {path.name for path in work.iterdir()}
        cut = (work / out).exists() and (work / out).read_bytes() != whole
        if ended not in (0, -how, 130) or not found <= given or cut:
            left.append(f"{name}, {how.name}, exit code {ended}: {sorted(found - given) or sorted(found)}")
        os.chdir(folder)
        shutil.rmtree(work)
        say(f"kill {number + 1} ({name}, {how.name}): {len(left)} left something")
    return left
