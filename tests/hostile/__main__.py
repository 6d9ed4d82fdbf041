"""``python -m tests.hostile``, from the repository's root: what the suite shows of hostile files, at length."""

import argparse
import sys
import tempfile
from multiprocessing import Pool
from pathlib import Path

# as pytest does: the support is a top-level package of tests/
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostile.commands import kill_commands
from hostile.readers import Tally, read_damaged
from hostile.runs import change_files, race


def _read(job: tuple[int, int]) -> Tally:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        return read_damaged(Path(folder), *job)


def main() -> int:
    """Run what the options ask for; 1 if anything was not as it should be."""
    options = argparse.ArgumentParser(prog="python -m tests.hostile")
    options.add_argument("--files", type=int, default=20_000, help="damaged files, over all readers")
    options.add_argument("--processes", type=int, default=2, help="processes that read them")
    options.add_argument("--flips", type=int, default=300, help="flipped bits of run.json")
    options.add_argument("--cuts", type=int, default=100, help="cuts of config.toml")
    options.add_argument("--pairs", type=int, default=8, help="pairs of processes on one run")
    options.add_argument("--kills", type=int, default=32, help="kills of the commands on sequences")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    faults: list[str] = []
    jobs = [(2000, chosen.seed + 100 * number) for number in range(-(-chosen.files // 2000))]
    total = Tally()
    with Pool(chosen.processes) as pool:
        for done, tally in enumerate(pool.imap_unordered(_read, jobs), 1):
            total.add(tally)
            if done % 10 == 0 or done == len(jobs):
                print(f"readers: {total}", flush=True)
    faults += [f"{words}\n    {content!r}" for words, content in total.faults.items()]
    with tempfile.TemporaryDirectory() as folder:
        for name, changes in zip(
            ("run.json", "config.toml"),
            change_files(Path(folder), chosen.flips, chosen.cuts, chosen.seed),
            strict=True,
        ):
            print(f"{name}: {changes}", flush=True)
            faults += changes.faults
    with tempfile.TemporaryDirectory() as folder:
        found = race(Path(folder), chosen.pairs, chosen.seed)
        print(f"{chosen.pairs} pairs of processes on one run: {len(found)} damaged", flush=True)
        faults += found
    with tempfile.TemporaryDirectory() as folder:
        found = kill_commands(Path(folder), chosen.kills, chosen.seed)
        print(f"{chosen.kills} kills of commands: {len(found)} left a file", flush=True)
        faults += found
    for fault in faults:
        print(f"FAULT: {fault}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
