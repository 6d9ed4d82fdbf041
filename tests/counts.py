"""``python -m tests.counts``: what a training step of each network asks of a GPU, without one.

CuPy runs on the emulated GPU of tests/support/cupy_on_host, which checks and counts each launch and computes nothing.
``--page`` writes the table into docs/gpu.md, ``--json`` prints the numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support import cupy_on_host  # noqa: E402
from support.cupy_on_host import launches  # noqa: E402

PAGE = ROOT / "docs" / "gpu.md"
#: the table's place in the page
PLACE = re.compile(r"(<!-- python -m tests\.counts --page -->\n).*?(\n<!-- end -->)", re.DOTALL)
#: of an H200, by its data sheet: bytes a second, and float32 operations a second without and with TF32
MEMORY_RATE, PRODUCT_RATE = 4.8e12, 67e12
#: how often a step is timed; the least is kept
TIMES = 5

Step = Callable[[], object]


def steps(backend: Any) -> Iterator[tuple[str, Step]]:
    """A training step of each network of benchmarks/speed, and one of ``fit``, with its batch from codes."""
    from benchmarks.gpu import Ours
    from benchmarks.speed.rows import rows

    for row in rows():
        if not row.weights:  # PyTorch's side alone has them
            yield row.name, Ours(row, backend).step
    yield "motif_cnn in fit, 64 x 1000", _step_of_fit(backend)


def _step_of_fit(backend: Any) -> Step:
    from genoml.data import SequenceData
    from genoml.models import build_model
    from genoml.train import FitOptions, Steps

    rng = np.random.default_rng(0)
    codes, targets = rng.integers(0, 4, (64, 1000), dtype=np.uint8), rng.integers(0, 2, (64, 1))
    data = SequenceData(codes, targets.astype(np.float32))
    of_model = Steps(build_model("motif_cnn", {}, backend=backend), data, FitOptions(threads=1))
    return lambda: of_model.run(of_model.batch(of_model.step, np.arange(64)))


def measure(step: Step) -> dict[str, float]:
    """Counts of one step after two, and the least processor time of the host."""
    step(), step()
    with cupy_on_host.counting() as counted:
        step()
    launches.checked = False
    times = []
    for _ in range(TIMES):
        start = time.process_time()
        step()
        times.append(time.process_time() - start)
    launches.checked = True
    return counted | {"host_ms": 1e3 * min(times)}


def measured() -> dict[str, dict[str, float]]:
    """The counts of every row, by name."""
    os.environ[cupy_on_host.SWITCH] = "on,idle"
    cupy_on_host.start()
    from genoml.backend import use_backend

    backend = cupy_on_host.opened()
    with use_backend(backend):
        return {name: measure(step) for name, step in steps(backend)}


HEADINGS = (
    "a training step", "kernels", "products", "uploads", "sets", "waits", "MB moved", "GFLOP",
    "ms by memory", "ms by products", "ms of the host",
)  # fmt: skip


def table(found: dict[str, dict[str, float]]) -> str:
    """As the page has it."""
    lines = [f"| {' | '.join(HEADINGS)} |", f"| --- |{' ---: |' * (len(HEADINGS) - 1)}"]
    for name, counted in found.items():
        whole = [counted[key] for key in ("launches", "products", "to_device", "sets", "waits")]
        moved, operations = counted["bytes"], counted["operations"]
        cells = [
            *(f"{value:,}" for value in whole), f"{moved / 1e6:,.0f}", f"{operations / 1e9:,.1f}",
            f"{1e3 * moved / MEMORY_RATE:.2f}", f"{1e3 * operations / PRODUCT_RATE:.2f}",
            f"{counted['host_ms']:.1f}",
        ]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.counts", description=__doc__)
    parser.add_argument("--page", action="store_true", help="write the table into docs/gpu.md")
    parser.add_argument("--json", action="store_true", help="print the numbers")
    options = parser.parse_args()
    try:
        found = measured()
    except cupy_on_host.CannotEmulateError as error:
        parser.error(str(error))
    if options.page:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(PLACE.sub(lambda at: at[1] + table(found) + at[2], text), encoding="utf-8")
    print(json.dumps(found) if options.json else table(found))


if __name__ == "__main__":
    main()
