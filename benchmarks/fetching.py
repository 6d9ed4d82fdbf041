"""Fetching windows of a genome: genoml beside pyfaidx, a loop over letters, and bedtools getfasta.

python benchmarks/fetching.py [--genome GENOME.fa] [--windows 10000] [--length 1000]

Random windows, half of them on the reverse strand; from coordinates to an array of base codes, warm: the file
is in the page cache. The best of several runs. Without --genome, a random one of 200 Mb is made.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from genoml.backend import get_backend
from genoml.genome import GenomeStore, Intervals, base_composition, sample_windows
from genoml.genome.store_file import build_store
from genoml.io import read_bed, read_fasta, write_bed
from genoml.sequence import base_codes, reverse_complement


def best_ms(call: Callable[[], object], runs: int) -> float:
    """The least of several runs, in ms."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def make_genome(path: Path, length: int) -> None:
    """Four random chromosomes, in lines of 60."""
    rng = np.random.default_rng(0)
    lines = length // 4 // 60
    with open(path, "wb") as stream:
        for number in range(1, 5):
            stream.write(b">chr%d\n" % number)
            letters = np.full((lines, 61), 10, dtype=np.uint8)
            letters[:, :60] = np.frombuffer(b"ACGT", np.uint8)[
                rng.integers(0, 4, (lines, 60), dtype=np.uint8)
            ]
            stream.write(letters.data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--genome", type=Path, default=None)
    parser.add_argument("--windows", type=int, default=10_000)
    parser.add_argument("--length", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--backend", default="numpy")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        genome = options.genome or Path(folder) / "genome.fa"
        if options.genome is None:
            make_genome(genome, 200_000_000)
        measure(genome, Path(folder), options)


def measure(genome: Path, folder: Path, options: argparse.Namespace) -> None:
    tracemalloc.start()
    start = time.perf_counter()
    build_store(genome, folder / "genome.store")
    built, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    with GenomeStore.open(folder / "genome.store") as store:
        bases = sum(store.sizes.values())
        print(f"{os.cpu_count()} cores; {genome.name}, {bases / 1e6:.0f} Mb")
        print(
            f"build the store: {built:.2f} s ({bases / 1e6 / built:.0f} Mb/s), at most {peak / 1e6:.0f} MB of memory"
        )
        print(f"open it: {best_ms(lambda: GenomeStore.open(store.path).close(), options.runs):.2f} ms")
        print(f"verify it: {best_ms(store.verify, 1):.0f} ms")
        windows = sample_windows(
            store, options.windows, options.length, strand="random", max_ambiguous=1.0, seed=1
        )
        print(f"\n{options.windows} windows of {options.length} bp, both strands:")
        fetching(store, windows, options)
        others(genome, store, windows, folder, options.runs)
        intervals(store, options)


def fetching(store: GenomeStore, windows: Intervals, options: argparse.Namespace) -> None:
    forward = Intervals.from_codes(windows.names, windows.codes, windows.start, windows.end)
    backend = get_backend(options.backend)

    def one_hot() -> None:
        store.fetch(windows, one_hot=True, backend=backend)
        backend.synchronize()

    with GenomeStore.open(store.path) as fresh:
        first = best_ms(lambda: fresh.fetch(windows), 1)
    print(f"genoml, codes, once, with each block compared with its checksum: {first:.1f} ms")
    print(f"genoml, codes: {best_ms(lambda: store.fetch(windows), options.runs):.1f} ms")
    print(
        f"genoml, codes, forward strand alone: {best_ms(lambda: store.fetch(forward), options.runs):.1f} ms"
    )
    print(f"genoml, one-hot on {backend.name}: {best_ms(one_hot, options.runs):.1f} ms")


def others(genome: Path, store: GenomeStore, windows: Intervals, folder: Path, runs: int) -> None:
    rows = list(windows)
    expected = store.fetch(windows)
    letters = {record.id: record.sequence.upper() for record in read_fasta(genome)}

    def slices() -> np.ndarray:
        parts = [letters[row.chrom][row.start : row.end] for row in rows]
        return base_codes(
            [
                reverse_complement(part) if row.strand == "-" else part
                for part, row in zip(parts, rows, strict=True)
            ]
        )

    np.testing.assert_array_equal(slices(), expected)
    print(f"whole genome in memory as str, slices, then codes: {best_ms(slices, runs):.0f} ms")
    try:
        from pyfaidx import Fasta
    except ImportError:
        print("pyfaidx is not installed: pip install pyfaidx")
    else:
        if genome.suffix == ".gz":
            print("pyfaidx reads no gzip: give a plain genome")
            return
        fasta = Fasta(str(genome), indexname=str(folder / "genome.fai"), sequence_always_upper=True)

        def faidx() -> np.ndarray:
            return base_codes(
                [str(fasta.get_seq(row.chrom, row.start + 1, row.end, rc=row.strand == "-")) for row in rows]
            )

        np.testing.assert_array_equal(faidx(), expected)
        print(f"pyfaidx {version('pyfaidx')} get_seq, then codes: {best_ms(faidx, max(1, runs // 3)):.0f} ms")
    if shutil.which("bedtools") is not None:
        # bedtools writes its index beside the genome
        if not (plain := folder / "genome.fa").exists():
            plain.symlink_to(genome.resolve())
        write_bed(folder / "windows.bed", windows.with_columns(score=np.zeros(len(windows))), columns=6)
        call = ["bedtools", "getfasta", "-s", "-fi", plain, "-bed", folder / "windows.bed"]
        seconds = best_ms(lambda: subprocess.run(call, capture_output=True, check=True), max(2, runs // 3))
        print(f"bedtools getfasta -s, to text: {seconds:.0f} ms")


def intervals(store: GenomeStore, options: argparse.Namespace) -> None:
    """The rest of a data set: reading 100,000 intervals, sampling negatives."""
    rng = np.random.default_rng(0)
    size = min(store.sizes.values())
    start = rng.integers(0, size - 2000, 100_000)
    names = np.array(store.names, dtype=object)[rng.integers(0, len(store.names), start.size)]
    peaks = Intervals(
        names, start, start + rng.integers(1, 2000, start.size), rng.choice(list("+-."), start.size),
        name=[f"peak_{row}" for row in range(start.size)], score=rng.integers(0, 1000, start.size),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peaks.bed"
        write_bed(path, peaks, columns=6)
        print(f"\nread_bed, 100,000 lines of BED6: {best_ms(lambda: read_bed(path), options.runs):.0f} ms")
    some = peaks[:10_000]

    def sample() -> Intervals:
        return sample_windows(store, options.windows, options.length, avoid=some, max_ambiguous=1.0)

    print(
        f"sample {options.windows} windows that avoid 10,000 peaks, with their GC: {best_ms(sample, 3):.0f} ms"
    )
    print(f"GC of 10,000 peaks: {best_ms(lambda: base_composition(store, some), 3):.0f} ms")


if __name__ == "__main__":
    main()
