"""``python -m tests.restarts --kills 50 [--ranks 2]``, from the repository's root: what the suite shows, at length."""

import argparse
import sys
import tempfile
from pathlib import Path

# as pytest does: the support is a top-level package of tests/
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from restarts.kills import kill_and_resume
from restarts.processes import distinct_weights
from restarts.ranks import kill_ranks_and_resume

options = argparse.ArgumentParser(prog="python -m tests.restarts")
options.add_argument("--kills", type=int, default=50, help="trainings to kill and resume")
options.add_argument("--ranks", type=int, default=1, help="ranks of each training, of which one is killed")
options.add_argument("--processes", type=int, default=10, help="fresh processes that train alike")
options.add_argument("--seed", type=int, default=0, help="of the instants")
chosen = options.parse_args()
with tempfile.TemporaryDirectory() as folder:
    if chosen.ranks > 1:
        tally = kill_ranks_and_resume(Path(folder), chosen.ranks, chosen.kills, chosen.seed, print)
        chosen.processes = 0
    else:
        tally = kill_and_resume(Path(folder), chosen.kills, chosen.seed, print)
with tempfile.TemporaryDirectory() as folder:
    hashes = distinct_weights(Path(folder), chosen.processes) if chosen.processes else set()
if chosen.processes:
    print(f"{chosen.processes} fresh processes: {len(hashes)} different files of weights")
print(f"{tally} (seed {chosen.seed})")
for run in tally.different:
    print(f"NOT EQUAL: {run}")
sys.exit(bool(tally.different or tally.hangs) or len(hashes) > 1)
