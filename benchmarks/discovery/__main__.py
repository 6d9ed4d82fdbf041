"""Motif discovery: planted motifs, and the motifs of modisco-lite found again; the tables of docs/agreement.md.

    python -m benchmarks.discovery FOLDER [SET ...] [--modisco PYTHON] [--threads 1] [--again]

Makes the sets that FOLDER/sets lacks (see sets.py), finds motifs with genoml, and with modisco-lite by the Python that
has it (see modisco_side.py; without --modisco results in FOLDER/modisco are taken as they are), each in a process of
its own, and prints the tables. Results that are there are not made again, unless --again is given: then genoml's are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.agreement.table import Table
from benchmarks.discovery import sets
from benchmarks.discovery.tables import tables

ROOT = Path(__file__).parents[2]
#: how each set is made
SETS: dict[str, Callable[[], sets.Arrays]] = {
    **{f"planted_{seed}": partial(sets.planted, seed) for seed in range(10)},
    "planted_10000_0": partial(sets.planted, 0, n=10_000),
    "one_motif": partial(sets.planted, 100, n=1000, motifs=1),
    "short_60bp": partial(sets.planted, 101, n=4000, length=60, motifs=3, sites_each=(0, 1)),
    "ctcf": sets.ctcf,
    "starr_dev": sets.starr,
    # compiles the kernels of either tool before the clock runs
    "warm": partial(sets.planted, 999, n=300, motifs=2),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], help="default: all")
    parser.add_argument("--modisco", type=Path, help="the Python that has modisco-lite")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="genoml's results are made anew")
    options = parser.parse_args()
    names = [name for name in options.sets or SETS if name != "warm"]
    for name in [*names, "warm"]:
        made = options.folder / "sets" / f"{name}.npz"
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(made, **SETS[name]())
    for name in names:
        find(options.folder, name, "genoml", options.threads, options.again)
        if options.modisco:
            find(options.folder, name, str(options.modisco), options.threads, False)
    shown: list[Table] = tables(options.folder, names)
    print("\n".join(table.markdown() for table in shown))


def find(folder: Path, name: str, tool: str, threads: int, again: bool) -> None:
    """Motifs of a set by genoml, or by modisco-lite with its Python, if they are not there."""
    own = tool == "genoml"
    out = folder / ("genoml" if own else "modisco") / f"{name}.npz"
    if out.exists() and not again:
        return
    out.parent.mkdir(exist_ok=True)
    side = (
        ["-m", "benchmarks.discovery.genoml_side"]
        if own
        else [str(Path(__file__).with_name("modisco_side.py"))]
    )
    files = [folder / "sets" / f"{name}.npz", out, "--warm", folder / "sets" / "warm.npz"]
    variables = ("GENOML_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(variables, str(threads))
    command = [sys.executable if own else tool, *side, *map(str, files)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment)


if __name__ == "__main__":
    main()
