"""Measure accuracy on public data sets and print a table for each, ready for docs/accuracy.md.

    python -m benchmarks.accuracy --data FOLDER [NAME ...] [--seeds 3] [--backend numpy]

FOLDER holds a folder for each data set; the file of a data set says which and where it comes from.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.accuracy import chip, lafleur, qki, sigma70, splice
from benchmarks.accuracy.task import rows

TASKS = {
    "nanog": chip.NANOG,
    "srf": chip.SRF,
    "tcf12": chip.TCF12,
    "qki": qki.TASK,
    "sigma70": sigma70.TASK,
    "lafleur": lafleur.TASK,
    "splice": splice.TASK,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(TASKS)}; all of them if none")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backend", default="numpy")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(TASKS))
    if unknown:
        parser.error(f"unknown data set {', '.join(unknown)}; there are {', '.join(TASKS)}")
    for name in arguments.names or TASKS:
        results, seconds = [], []
        for seed in range(arguments.seeds):
            start = time.perf_counter()
            results.append(TASKS[name].measure(arguments.data, seed, arguments.backend))
            seconds.append(time.perf_counter() - start)
        print("\n".join(rows(TASKS[name], results, seconds)) + "\n", flush=True)


if __name__ == "__main__":
    main()
