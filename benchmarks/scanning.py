"""Scanning for motifs: genoml beside memelite's FIMO, in one run.

python benchmarks/scanning.py [--backend numpy] [--length 4600000]

50 JASPAR motifs, both strands, p < 1e-4, from letters to hits with p-values; the best of several runs. Then one
long sequence, with the memory that the scan takes. FIMO's first call, which compiles it, is not counted.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

from genoml.backend import get_backend
from genoml.io import jaspar_motifs
from genoml.sequence import PWM, MotifScanner, decode


def best_seconds(call: Callable[[], int], runs: int) -> tuple[float, int]:
    """The least of several runs, and the number of hits."""
    times, found = [], 0
    for _ in range(runs):
        start = time.perf_counter()
        found = call()
        times.append(time.perf_counter() - start)
    return min(times), found


def peak_mb() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--length", type=int, default=4_600_000, help="of the long sequence, in bp")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    known, rng = jaspar_motifs(), np.random.default_rng(0)
    motifs = [known[i] for i in rng.permutation(len(known))[:50].tolist()]
    codes = rng.integers(0, 4, (500, 2000), dtype=np.uint8)
    letters = [str(row) for row in decode(codes)]
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    backend = get_backend(options.backend)
    print(f"{os.cpu_count()} cores, OPENBLAS_NUM_THREADS {threads}; backend {backend}")

    def ours() -> int:
        bank = [PWM.from_motif(motif) for motif in motifs]
        return MotifScanner(bank, backend=backend).scan(letters).motif.size

    ours()
    seconds, found = best_seconds(ours, options.runs)
    print(f"genoml    50 motifs, 500 x 2 kb: {seconds:.3f} s, {found} hits")
    beside_fimo(motifs, codes, options.runs)

    before = peak_mb()
    long = str(decode(rng.integers(0, 4, options.length, dtype=np.uint8)))
    scanner = MotifScanner([PWM.from_motif(motif) for motif in motifs], backend=backend)
    seconds, found = best_seconds(lambda: sum(hits.motif.size for hits in scanner.blocks(long)), 1)
    print(f"genoml    50 motifs, {options.length / 1e6:.1f} Mb: {seconds:.2f} s, {found} hits")
    print(f"          memory beyond what was held before: {peak_mb() - before:.0f} MB")


def beside_fimo(motifs: list, codes: np.ndarray, runs: int) -> None:
    try:
        import memelite
        import numba
    except ImportError:
        print("memelite is not installed: pip install memelite")
        return
    bank = {motif.name: motif.probabilities.T.copy() for motif in motifs}

    def theirs() -> int:
        one_hot = np.eye(4, dtype=np.int8)[codes].transpose(0, 2, 1)
        return sum(len(frame) for frame in memelite.fimo(bank, one_hot, threshold=1e-4))

    theirs()
    seconds, found = best_seconds(theirs, runs)
    name = f"memelite {version('memelite')} (numba, {numba.get_num_threads()} threads)"
    print(f"{name}: {seconds:.3f} s, {found} hits")


if __name__ == "__main__":
    main()
