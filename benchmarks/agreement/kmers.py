"""K-mers and shuffles: counts beside jellyfish, and the time that both take."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.agreement.table import Table
from genoml.io import read_fasta, write_fasta
from genoml.sequence import KmerCounter, SparseKmers, base_codes, klet_shuffle, kmer_counts

_GENOMES = {
    "E. coli K-12": ("ecoli", "genomes/ecoli_k12/GCF_000005845.2_ASM584v2_genomic.fna.gz"),
    "phage lambda": ("lambda", "genomes/lambda/lambda_virus.fa"),
    "phiX174": ("phix", "genomes/phix174/NC_001422.fna"),
    "plasmid pPCP1": ("pla", "genomes/biopython/NC_005816.fna"),
}
_REPEATS = 3


def tables(data: Path) -> list[Table]:
    jellyfish = shutil.which("jellyfish")
    if jellyfish is None:
        raise SystemExit("this comparison runs jellyfish, which is not on the PATH; install jellyfish 2")
    version = _output([jellyfish, "--version"]).strip()
    return [
        _recorded(data),
        _live(data, jellyfish, version),
        _speed(data, jellyfish, version),
        _shuffles(data),
    ]


def _count(path: Path, k: int, canonical: bool) -> SparseKmers:
    counter = KmerCounter(k, canonical=canonical)
    for record in read_fasta(path):
        counter.update([record.sequence])
    return counter.sparse()


def _row(name: str, k: int, canonical: bool, ours: SparseKmers, lines: list[str]) -> list[object]:
    theirs = dict(line.split() for line in lines)
    mine = dict(zip(ours.names, map(str, ours.counts.tolist()), strict=True))
    same = len(mine.items() & theirs.items())
    return [name, k, "canonical" if canonical else "plain", ours.total, len(mine), len(theirs), same]


_COLUMNS = (
    "genome",
    "k",
    "strands",
    "k-mers counted",
    "different, genoml",
    "different, jellyfish",
    "equal counts",
)


def _recorded(data: Path) -> Table:
    rows = []
    for name, (short, path) in _GENOMES.items():
        for k in (3, 6):
            for canonical in (False, True):
                middle = ".canonical" if canonical else ""
                file = data / f"genomes/reference_results/jellyfish.{short}.k{k}{middle}.tsv.gz"
                lines = gzip.decompress(file.read_bytes()).decode().splitlines()
                rows.append(_row(name, k, canonical, _count(data / path, k, canonical), lines))
    return Table(
        "k-mer counts: jellyfish, k = 3 and 6",
        "`KmerCounter(k, canonical=...)` beside recorded counts of jellyfish 2.3.0, `count -m K [-C]` and `dump -c`, "
        "on the genomes of the folder `genomes`.",
        _COLUMNS,
        rows,
        [
            "Both stand for a k-mer and its reverse complement by the one that comes first in lexicographic order."
        ],
    )


def _live(data: Path, jellyfish: str, version: str) -> Table:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (_, path) in _GENOMES.items():
            plain = _plain(data / path, Path(folder))
            for k in (21, 31):
                for canonical in (False, True):
                    counts = Path(folder) / "counts.jf"
                    _run_jellyfish(jellyfish, plain, counts, k, canonical)
                    lines = _output([jellyfish, "dump", "-c", str(counts)]).splitlines()
                    rows.append(_row(name, k, canonical, _count(plain, k, canonical), lines))
    return Table(
        "k-mer counts: jellyfish, k = 21 and 31",
        f"`KmerCounter(k, canonical=...).sparse()` beside {version}, run here: `count -m K [-C] -s 10M -t 1` and "
        "`dump -c`.",
        _COLUMNS,
        rows,
    )


def _speed(data: Path, jellyfish: str, version: str) -> Table:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = _plain(data / _GENOMES["E. coli K-12"][1], Path(folder))
        (codes,) = (base_codes([record.sequence])[0] for record in read_fasta(path))
        for k in (6, 12, 21, 31):
            for canonical in (False, True):

                def counted(k: int = k, canonical: bool = canonical) -> None:
                    counter = KmerCounter(k, canonical=canonical)
                    counter.update([codes])
                    counter.sparse()

                def theirs(k: int = k, canonical: bool = canonical) -> None:
                    _run_jellyfish(jellyfish, path, Path(folder) / "counts.jf", k, canonical)

                def ours(k: int = k, canonical: bool = canonical) -> None:
                    _count(path, k, canonical)

                kind = "canonical" if canonical else "plain"
                rows.append([k, kind, _best(counted), _best(ours), _best(theirs)])
    return Table(
        "k-mer counts: time",
        f"E. coli K-12, 4.6 Mb, uncompressed FASTA, one thread, best of {_REPEATS}. `KmerCounter` on base codes in "
        f"memory, and with `read_fasta` before it; {version} `count -s 10M -t 1`, with its start and the writing of "
        "its file.",
        ("k", "strands", "counting, s", "reading and counting, s", "jellyfish count, s"),
        rows,
        [
            "genoml holds all sorted k-mers of the genome in memory, 16 bytes each. For genomes of gigabases, or on "
            "many cores, jellyfish and KMC are the better tools.",
        ],
    )


def _shuffles(data: Path) -> Table:
    path = data / _GENOMES["E. coli K-12"][1]
    (codes,) = (base_codes([record.sequence])[0] for record in read_fasta(path))
    windows = codes[:2_000_000].reshape(10_000, 200)
    rows: list[list[object]] = []
    for name, given in (("10,000 windows of 200 bp", windows), ("whole genome, one sequence", codes)):
        for k in (1, 2, 3, 4, 6):
            shuffled = klet_shuffle(given, k, seed=1)
            kept = _klet_counts_equal(given, shuffled, k)
            seconds = _best(lambda k=k, given=given: klet_shuffle(given, k, seed=1))
            rows.append([name, k, "yes" if kept else "no", float(np.mean(given != shuffled)), seconds])
    return Table(
        "k-let shuffles: time",
        f"`klet_shuffle(codes, k)` on E. coli K-12, one thread, best of {_REPEATS}. k = 1 is a plain permutation, 2 "
        "the exact dinucleotide shuffle.",
        ("sequences", "k", "k-let counts kept", "positions with another base", "time, s"),
        rows,
        [
            "That every shuffle is equally likely is tested by chi-square over all shuffles of short sequences, "
            "tests/sequence/test_shuffle.py.",
        ],
    )


def _klet_counts_equal(before: np.ndarray, after: np.ndarray, k: int) -> bool:
    before, after = np.atleast_2d(before), np.atleast_2d(after)
    return all(
        np.array_equal(
            kmer_counts(before[first : first + 500], k), kmer_counts(after[first : first + 500], k)
        )
        for first in range(0, len(before), 500)
    )


def _plain(path: Path, folder: Path) -> Path:
    """An uncompressed copy, which jellyfish reads."""
    copy = folder / "genome.fa"
    write_fasta(copy, read_fasta(path))
    return copy


def _run_jellyfish(jellyfish: str, path: Path, out: Path, k: int, canonical: bool) -> None:
    options = ["-m", str(k), "-s", "10M", "-t", "1", *(["-C"] if canonical else [])]
    _output([jellyfish, "count", *options, "-o", str(out), str(path)])


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)
