"""Measure genoml's speed and memory beside PyTorch's and JAX's, and write docs/performance.md.

python -m benchmarks.speed                          everything, about 40 minutes on two quiet cores
python -m benchmarks.speed --rows danq --keep       only these rows of the tables, and put them into the page
python -m benchmarks.speed --growth                 only the growth plots; also --other, --memory, --install, --loop
python -m benchmarks.speed --profile basset bpnet   only where the time of these networks goes
python -m benchmarks.speed --page                   the page and the plots made anew from the kept results
python -m benchmarks.speed --smoke                  a short run that only shows that all works; nothing is kept
"""

from __future__ import annotations

import argparse
import os

from benchmarks.speed import suite
from benchmarks.speed.page import load, save, sections_text, write_page
from benchmarks.speed.rows import rows


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores}))
    parser.add_argument(
        "--pairs", type=int, default=7, help="rounds, in each of which every side is timed once"
    )
    parser.add_argument("--rows", nargs="+", help="only the rows whose name holds one of these words")
    parser.add_argument("--keep", action="store_true", help="with --rows: put them into the page")
    parser.add_argument("--profile", nargs="*", metavar="ROW", help="by default basset and bpnet")
    for part in ("speed", "other", "memory", "install", "growth", "loop"):
        parser.add_argument(f"--{part}", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.page:
        write_page(load())
        return
    chosen = [row for row in rows() if not options.rows or any(word in row.name for word in options.rows)]
    if not chosen:
        raise SystemExit(f"no row holds any of {options.rows}; there are {[row.name for row in rows()]}")
    named = [part for part in suite.PARTS if getattr(options, part) or getattr(options, part) == []]
    parts = named or list(suite.PARTS)
    plan = suite.Plan(
        [row.name for row in chosen],
        sorted(options.threads),
        profiled=options.profile or ["basset", "bpnet"],
        rounds=1 if options.smoke else options.pairs,
        smoke=options.smoke,
    )
    if options.rows and not named:
        parts = ["speed", "memory"]
    kept = not options.smoke and (not options.rows or options.keep)
    results = load() if kept else {}
    for part in parts:
        results = suite.merge(results, part, suite.PARTS[part](plan))
        if kept:
            save(results)
    if kept:
        write_page(results)
    else:
        print("\n\n".join(sections_text(results)))


if __name__ == "__main__":
    main()
