"""Memory while a million sequences of 1 kb are trained on, read from disk batch by batch.

python benchmarks/streaming.py [--source genome] [--source map] [--source array] [--sequences 1000000] [--steps 400]

Each source in a process of its own: windows of a genome store (random, 50 Mb), a code array on disk (``numpy.memmap``)
and one in memory. Printed are the peak of the resident memory (what getrusage says, and so without what was
swapped out), before training, after a tenth of the steps and at the end. ``--steps 0`` is a whole epoch.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from genoml.data import CodeRows, SequenceData, genome_data, split_random
from genoml.genome import GenomeStore, Intervals
from genoml.models import build_model
from genoml.train import FitOptions, fit

LIMIT_MB = 2000
_BLOCK = 10_000


def peak_mb() -> float:
    """Peak resident memory of this process in MB."""
    scale = 1e6 if sys.platform == "darwin" else 1e3  # macOS counts bytes, Linux kibibytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.024 if scale == 1e3 else 1.0) / scale


def resident_mb() -> str:
    """Resident memory now, and how much of it is this process's own (not pages of files), in MB; Linux alone."""
    try:
        text = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return ""
    found = dict(line.split(":", 1) for line in text.splitlines())
    total, own = (int(found[key].split()[0]) * 1.024 / 1e3 for key in ("VmRSS", "RssAnon"))
    return f", now {total:.0f} MB, {own:.0f} MB of it not pages of files"


def genome_windows(folder: Path, count: int, length_bp: int, genome_bp: int) -> SequenceData:
    """Windows at random places of a random genome, half of them labelled 1, on both strands."""
    rng = np.random.default_rng(0)
    fasta = folder / "genome.fa"
    with open(fasta, "wb") as stream:
        for number in range(1, 5):
            stream.write(b">chr%d\n" % number)
            for _ in range(genome_bp // 4 // 1_000_000):
                letters = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, 1_000_000, dtype=np.uint8)]
                stream.write(letters.tobytes() + b"\n")
    store = GenomeStore.build(fasta, folder / "genome.store")
    fasta.unlink()
    starts = rng.integers(0, genome_bp // 4 // 1_000_000 * 1_000_000 - length_bp, count)
    windows = Intervals.from_codes(
        store.names, rng.integers(0, 4, count), starts, starts + length_bp, np.where(starts % 2, "+", "-")
    )
    half = count // 2
    return genome_data(store, windows[:half], length_bp=length_bp, negatives=windows[half:])


def code_array(folder: Path, count: int, length_bp: int, *, in_memory: bool) -> SequenceData:
    """Random codes, a byte a base, as a file that is mapped or as an array."""
    rng, path = np.random.default_rng(0), folder / "codes.npy"
    codes: Any
    if in_memory:
        codes = np.empty((count, length_bp), np.uint8)
    else:
        codes = np.lib.format.open_memmap(path, "w+", np.uint8, (count, length_bp))
    for first in range(0, count, _BLOCK):
        block = codes[first : first + _BLOCK]
        block[:] = rng.integers(0, 4, block.shape, dtype=np.uint8)
    if not in_memory:
        codes.flush()
        del codes, block
        codes = np.load(path, mmap_mode="r")
    targets = (np.arange(count) % 2).astype(np.float32)[:, None]
    return SequenceData(CodeRows(codes), targets)


class Report:
    """Says how much memory is held as training goes on."""

    def __init__(self, steps: int) -> None:
        self.steps, self.start, self.first = steps, time.perf_counter(), 0.0

    def step(self, step: int, loss: float, examples: int) -> None:
        if step == max(1, self.steps // 10):
            self.first = peak_mb()
            print(f"  after {step} steps: peak {self.first:.0f} MB{resident_mb()}", flush=True)
        if step == self.steps:
            raise KeyboardInterrupt  # which ends fit in good order

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        pass


def measure(source: str, folder: Path, options: argparse.Namespace) -> None:
    """Train on one source and print what was held."""
    if source == "genome":
        data = genome_windows(folder, options.sequences, options.length, options.genome)
    else:
        data = code_array(folder, options.sequences, options.length, in_memory=source == "array")
    rest, held = split_random(data, 0.001, seed=0)
    batch = options.batch_size
    steps = options.steps or -(-len(rest) // batch)
    print(
        f"{source}: {len(data):,} x {options.length} bp, {len(rest):,} to train on, before training peak "
        f"{peak_mb():.0f} MB{resident_mb()}",
        flush=True,
    )
    model = build_model("promoter_cnn", {"filters": 32, "kernel_size": 8}, seed=0)
    report = Report(steps)
    fit(
        model, rest, validation=held, options=FitOptions(epochs=1, batch_size=batch), callback=report, progress=None
    )  # fmt: skip
    seconds = time.perf_counter() - report.start
    print(
        f"  after {steps} steps ({steps * batch:,} sequences, {seconds:.0f} s): peak {peak_mb():.0f} MB"
        f"{resident_mb()}"
    )
    if peak_mb() > LIMIT_MB:
        raise SystemExit(f"{source}: {peak_mb():.0f} MB is more than {LIMIT_MB} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", action="append", choices=["genome", "map", "array"])
    parser.add_argument("--sequences", type=int, default=1_000_000)
    parser.add_argument("--length", type=int, default=1000)
    parser.add_argument("--genome", type=int, default=50_000_000, help="length of the random genome in bp")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=400, help="0: a whole epoch")
    parser.add_argument("--within", action="store_true", help="in this process; one source")
    options = parser.parse_args()
    sources = options.source or ["genome", "map", "array"]
    if options.within:
        with tempfile.TemporaryDirectory() as folder:
            measure(sources[0], Path(folder), options)
        return
    for source in sources:
        given = [f"--{name}={getattr(options, name.replace('-', '_'))}" for name in (
            "sequences", "length", "genome", "batch-size", "steps"
        )]  # fmt: skip
        subprocess.run([sys.executable, __file__, "--within", f"--source={source}", *given], check=True)


if __name__ == "__main__":
    main()
