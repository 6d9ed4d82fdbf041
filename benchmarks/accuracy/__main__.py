"""Measure accuracy on public data sets and print a table for each, ready for docs/accuracy.md.

    python -m benchmarks.accuracy --data FOLDER [NAME ...] [--seeds 3] [--backend numpy]
    python -m benchmarks.accuracy --data FOLDER --auto [NAME ...] [--seeds 3]

With --auto it measures the default training, appends a row a set and seed to auto.jsonl beside this file, leaves out
what is there, and writes its tables into docs/accuracy.md. FOLDER holds a folder for each data set; the file of a data
set says which and where it comes from.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.accuracy import auto, chip, lafleur, qki, sigma70, splice
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
    parser.add_argument(
        "--auto", action="store_true", help=f"the default training, of {', '.join(auto.SETS)}"
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--backend", default="numpy")
    arguments = parser.parse_args()
    known = auto.SETS if arguments.auto else TASKS
    unknown = sorted(set(arguments.names) - set(known))
    if unknown:
        parser.error(f"unknown data set {', '.join(unknown)}; there are {', '.join(known)}")
    if arguments.auto:
        results, page = Path(__file__).with_name("auto.jsonl"), Path("docs/accuracy.md")
        auto.measure_missing(arguments.data, results, page, arguments.names or auto.SETS, arguments.seeds)
        return
    for name in arguments.names or TASKS:
        measured, seconds = [], []
        for seed in range(arguments.seeds):
            start = time.perf_counter()
            measured.append(TASKS[name].measure(arguments.data, seed, arguments.backend))
            seconds.append(time.perf_counter() - start)
        print("\n".join(rows(TASKS[name], measured, seconds)) + "\n", flush=True)


if __name__ == "__main__":
    main()
