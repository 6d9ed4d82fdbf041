"""Write the tables of docs/performance.md: genoml beside PyTorch on this machine, row by row.

python -m benchmarks.speed [--threads 1 2] [--pairs 7] [--rows NAME ...] [--smoke]
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.speed.measure import Timing, gemm_rate, interleaved
from benchmarks.speed.rows import Row, rows
from benchmarks.speed.sides import Ours, Theirs
from genoml.threads import Threads

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
START, END = "<!-- table -->", "<!-- end of table -->"
COLUMNS = (
    "network",
    "step: genoml, ms",
    "PyTorch, ms",
    "PyTorch / genoml (range)",
    "inference: genoml, ms",
    "PyTorch / genoml (range)",
)


def measure(row: Row, threads: Threads, pairs: int, least: float) -> tuple[Timing, Timing]:
    """Training step and inference; the outputs are first seen to be equal where the weights can be."""
    x, torch_x = row.inputs()
    ours = Ours(row, x, threads, row.ours)
    theirs = Theirs(row, torch_x, ours.targets)
    if row.copy is not None:
        row.copy(ours.model, theirs.module)
        np.testing.assert_allclose(ours.infer(), theirs.infer(), rtol=1e-3, atol=1e-3)
    return interleaved(ours.step, theirs.step, pairs, least), interleaved(
        ours.infer, theirs.infer, pairs, least
    )


def table(chosen: list[Row], count: int, pairs: int, least: float) -> Iterator[str]:
    """The Markdown of one number of threads, line by line."""
    torch.set_num_threads(count)
    with threadpool_limits(1, user_api="blas"), Threads(count) as threads:
        before = gemm_rate()
        yield f"### {count} thread{'s' if count > 1 else ''}\n"
        yield "| " + " | ".join(COLUMNS) + " |"
        yield "|" + " --- |" * len(COLUMNS)
        for row in chosen:
            step, infer = measure(row, threads, pairs, least)
            cells = [row.name, f"{1e3 * step.ours:.1f}", f"{1e3 * step.theirs:.1f}", _ratio(step)]
            yield "| " + " | ".join([*cells, f"{1e3 * infer.ours:.1f}", _ratio(infer)]) + " |"
        yield f"\nNumPy's matrix product, one thread, in the same run: {before:.0f} to {gemm_rate():.0f} GFLOP/s.\n"


def _ratio(timing: Timing) -> str:
    return f"**{timing.ratio:.2f}** ({timing.low:.2f} to {timing.high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--pairs", type=int, default=7, help="neighbouring measurements of either side")
    parser.add_argument("--rows", nargs="*", help="only those whose name holds one of these words")
    parser.add_argument("--smoke", action="store_true", help="one short pair each, the page left alone")
    options = parser.parse_args()
    chosen = [row for row in rows() if not options.rows or any(word in row.name for word in options.rows)]
    pairs, least = (1, 0.0) if options.smoke else (options.pairs, 0.3)
    lines = [
        f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}, "
        f"{platform.system()} {platform.machine()}.\n"
    ]
    print(lines[0])
    for count in options.threads:
        for line in table(chosen, count, pairs, least):
            print(line, flush=True)
            lines.append(line)
    if not options.smoke and not options.rows:
        page = PAGE.read_text()
        head, tail = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(f"{head}{START}\n{chr(10).join(lines)}\n{END}{tail}")


if __name__ == "__main__":
    main()
