"""Interval operations beside bedtools; sequences beside bedtools getfasta and pyfaidx; damaged BED files."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks.agreement.table import Table
from genoml.cli.fetch import command
from genoml.genome import (
    GenomeStore,
    Intervals,
    centre,
    count_overlaps,
    exclude,
    intersect,
    merge,
    overlap_pairs,
    overlaps_any,
    subtract,
    tile,
)
from genoml.io import FormatError, read_bed, read_fasta, write_bed

Rows = Counter[tuple[str, ...]]

#: what is wrong, and the file
SPECIMENS = [
    ("end before start", "chr1\t10\t5\n"),
    ("negative start", "chr1\t-1\t5\n"),
    ("a letter for a number", "chr1\tx\t5\n"),
    ("a float", "chr1\t1\t12.0\n"),
    ("an exponent", "chr1\t1\t1e3\n"),
    ("2^63", "chr1\t1\t9223372036854775808\n"),
    ("two columns", "chr1\t1\n"),
    ("number of columns changes", "chr1\t1\t5\ta\nchr1\t1\t5\n"),
    ("strand x", "chr1\t1\t5\ta\t0\tx\n"),
    ("thickStart before start", "chr1\t5\t9\ta\t0\t+\t1\t9\n"),
    ("blocks past the end", "chr1\t0\t9\ta\t0\t+\t0\t9\t0\t1\t20,\t0,\n"),
]
PLACES = [
    ("chr1:-1-5", "-1", "5"),
    ("chr1:9-5 (end before start)", "9", "5"),
    ("chr1:9999990-10000010 (past the end)", "9999990", "10000010"),
    ("chr1:5-2147483648 (2^31)", "5", "2147483648"),
    ("chr1:5-9223372036854775808 (2^63)", "5", "9223372036854775808"),
]


def tables(data: Path) -> list[Table]:
    if shutil.which("bedtools") is None:
        raise RuntimeError("bedtools is not installed: apt install bedtools")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        return [_algebra(data, work), _sequences(data, work), _damaged(work), _places(work)]


def _bedtools(*arguments: object) -> str:
    done = subprocess.run(["bedtools", *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout


def _bedtools_version() -> str:
    return _bedtools("--version").strip()


# ---- intervals


def _algebra(data: Path, work: Path) -> Table:
    peaks = {name: _peaks(data / "ctcf_pu1_peaks" / f"{name}.fa.gz") for name in ("ctcf", "pu1")}
    rows = []
    for width in (2000, 100_000):
        a, b = (_inside(centre(peaks[name], width)) for name in ("ctcf", "pu1"))
        for name, sets in (("a", a), ("b", b)):
            write_bed(work / f"{name}.bed", sets.sort(), columns=4)
        a, b = read_bed(work / "a.bed"), read_bed(work / "b.bed")
        rows += [
            [f"{width} bp", name, sum(ours.values()), sum(theirs.values()), (ours & theirs).total()]
            for name, ours, theirs in _operations(a, b, width, work)
        ]
    return Table(
        "Intervals: bedtools",
        f"genoml.genome beside {_bedtools_version()}: windows around the {len(peaks['ctcf'])} CTCF peaks (A) and the "
        f"{len(peaks['pu1'])} PU.1 peaks (B) of `ctcf_pu1_peaks`, those that would start before 0 left out. Rows are "
        "compared as multisets of all their columns.",
        ["windows", "operation", "rows of genoml", "rows of bedtools", "equal"],
        rows,
    )


def _operations(a: Intervals, b: Intervals, width: int, work: Path) -> list[tuple[str, Rows, Rows]]:
    files = ("-a", work / "a.bed", "-b", work / "b.bed")
    long, step = width // 7, width // 30
    pairs = overlap_pairs(a, b)
    both = Counter(
        (*left, *right) for left, right in zip(_fields(a[pairs[0]]), _fields(b[pairs[1]]), strict=True)
    )
    counted = Counter(
        (*row, str(count)) for row, count in zip(_fields(a), count_overlaps(a, b).tolist(), strict=True)
    )
    merged = merge(a)
    joined = Counter(
        (*row, str(count))
        for row, count in zip(_fields(merged), merged.columns["count"].tolist(), strict=True)
    )
    calls: list[tuple[str, Rows, tuple[object, ...]]] = [
        ("overlap_pairs: intersect -wa -wb", both, ("intersect", *files, "-wa", "-wb")),
        ("overlaps_any: intersect -u", Counter(_fields(a[overlaps_any(a, b)])), ("intersect", *files, "-u")),
        ("count_overlaps: intersect -c", counted, ("intersect", *files, "-c")),
        ("exclude: intersect -v", Counter(_fields(exclude(a, b))), ("intersect", *files, "-v")),
        ("intersect: intersect", Counter(_fields(intersect(a, b))), ("intersect", *files)),
        ("subtract: subtract", Counter(_fields(subtract(a, b))), ("subtract", *files)),
        ("merge: merge -c 1 -o count", joined, ("merge", "-i", work / "a.bed", "-c", 1, "-o", "count")),
        (
            "merge(distance_bp=5000): merge -d 5000",
            Counter(_fields(merge(a, distance_bp=5000))),
            ("merge", "-i", work / "a.bed", "-d", 5000),
        ),
        (
            f"tile({long}, step_bp={step}, keep_partial=True): makewindows -w {long} -s {step}",
            Counter(row[:3] for row in _fields(tile(b, long, step_bp=step, keep_partial=True))),
            ("makewindows", "-b", work / "b.bed", "-w", long, "-s", step),
        ),
    ]
    return [
        (name, ours, Counter(tuple(line.split("\t")) for line in _bedtools(*call).splitlines()))
        for name, ours, call in calls
    ]


def _peaks(path: Path) -> Intervals:
    places = []
    with gzip.open(path, "rt") as stream:
        places = [re.match(r">(\S+):(\d+)-(\d+)", line) for line in stream if line.startswith(">")]
    found = [place.groups() for place in places if place]
    names, start, end = zip(*found, strict=True)
    labels = [f"peak{row}" for row in range(len(names))]
    return Intervals(names, list(map(int, start)), list(map(int, end)), name=labels)


def _inside(intervals: Intervals) -> Intervals:
    return intervals[intervals.start >= 0]


def _fields(intervals: Intervals) -> list[tuple[str, ...]]:
    rows = [(row.chrom, str(row.start), str(row.end)) for row in intervals]
    if "name" not in intervals.columns:
        return list(rows)
    return [(*row, name) for row, name in zip(rows, intervals.columns["name"], strict=True)]


# ---- sequences

_GENOMES = {
    "E. coli K-12": "genomes/ecoli_k12/GCF_000005845.2_ASM584v2_genomic.fna.gz",
    "hg38 chr1, first 1 Mb": "baskerville_tiny_hg38/hg38_1m.fa.gz",
    "hg38 chr22, 300 kb": "bigwig_vcf_bed/kipoiseq/hg38_chr22_32000000_32300000.fa",
    "lambda": "genomes/lambda/lambda_virus.fa",
}


def _sequences(data: Path, work: Path) -> Table:
    rows = [_sequence_row(name, data / path, work) for name, path in _GENOMES.items()]
    return Table(
        "Sequences of intervals: bedtools getfasta, pyfaidx",
        f"`genoml fetch GENOME INTERVALS.bed` beside {_bedtools_version()} `getfasta -s` and pyfaidx "
        f"{version('pyfaidx')} `Fasta(path).get_seq(name, start + 1, end, rc=...)`, on 10000 random intervals of 1 to "
        "2000 bp a genome, on strands +, - and `.` (BED6).",
        ["genome", "intervals", "names and letters as bedtools", "letters as pyfaidx"],
        rows,
        [
            "A store holds base codes and no case: of soft-masked genomes, which these are not, the letters would "
            "come in upper case, where bedtools and pyfaidx keep the lower.",
        ],
    )


def _sequence_row(name: str, path: Path, work: Path) -> list[object]:
    from pyfaidx import Fasta

    (genome := work / "genome.fa").unlink(missing_ok=True)
    (work / "genome.fa.fai").unlink(missing_ok=True)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as stream:
        genome.write_bytes(stream.read())
    rng = np.random.default_rng(0)
    chromosome = next(read_fasta(genome))
    start = rng.integers(0, len(chromosome.sequence) - 2000, 10_000)
    end = start + rng.integers(1, 2001, 10_000)
    intervals = Intervals(chromosome.id, start, end, rng.choice(list("+-."), 10_000), score=np.zeros(10_000))
    write_bed(work / "in.bed", intervals, columns=6)
    command.main([str(genome), str(work / "in.bed"), "--out", str(work / "out.fa")], standalone_mode=False)
    ours = _records((work / "out.fa").read_text())
    theirs = _records(_bedtools("getfasta", "-s", "-fi", genome, "-bed", work / "in.bed"))
    fasta = Fasta(str(genome))
    other = [str(fasta.get_seq(row.chrom, row.start + 1, row.end, rc=row.strand == "-")) for row in intervals]
    as_bedtools = sum(map(tuple.__eq__, ours, theirs))
    as_pyfaidx = sum(a[1] == b for a, b in zip(ours, other, strict=True))
    return [name, len(ours), as_bedtools, as_pyfaidx]


def _records(text: str) -> list[tuple[str, str]]:
    lines = text.splitlines()
    return list(zip(lines[::2], lines[1::2], strict=True))


# ---- what is not sound


def _damaged(work: Path) -> Table:
    rows = []
    for name, content in SPECIMENS:
        path = work / "damaged.bed"
        path.write_text(content)
        (work / "all.bed").write_text("chr1\t0\t100\n")
        done = subprocess.run(
            ["bedtools", "intersect", "-a", path, "-b", work / "all.bed"], capture_output=True, text=True
        )
        rows.append([name, _error(lambda path=path: read_bed(path), work), _outcome(done)])
    return Table(
        "Damaged BED files",
        f"`read_bed` beside {_bedtools_version()} `intersect -a FILE -b chr1:0-100`, on files that are damaged in one "
        "way each.",
        ["file", "genoml", "bedtools"],
        rows,
        ["bedtools reads only the columns that an operation needs, hence takes what is wrong in the others."],
    )


def _error(call: Callable[[], object], work: Path) -> str:
    try:
        call()
    except (FormatError, ValueError) as error:
        return "error: " + str(error).replace(f"{work}/", "")
    return "taken"


def _outcome(done: subprocess.CompletedProcess[str]) -> str:
    words = re.sub(r"/\S*/", "", " ".join(done.stderr.split()))
    if done.returncode:
        return f"error: {words[:110]}" if words else f"exit code {done.returncode}"
    given = done.stdout.strip().replace("\t", " ").replace("\n", ", ")
    return f"taken, gives {given[:60] or 'nothing'}" + (f"; {words[:80]}" if words else "")


def _places(work: Path) -> Table:
    from pyfaidx import Fasta

    genome = work / "places.fa"
    genome.write_text(">chr1\n" + "ACGTTGCAAC" * 1_000_000 + "\n")
    Fasta(str(genome)).close()  # makes the index, of which bedtools would speak otherwise
    rows = []
    with GenomeStore.build(genome, work / "places.store") as store:
        for name, start, end in PLACES:
            (work / "place.bed").write_text(f"chr1\t{start}\t{end}\n")
            done = subprocess.run(
                ["bedtools", "getfasta", "-fi", genome, "-bed", work / "place.bed"],
                capture_output=True, text=True,
            )  # fmt: skip
            ours = _error(lambda s=start, e=end: store.fetch(Intervals("chr1", [int(s)], [int(e)])), work)
            try:
                letters = f"{len(str(Fasta(str(genome)).get_seq('chr1', int(start) + 1, int(end))))} letters"
            except Exception as error:  # whatever another library raises is its answer
                letters = f"error: {type(error).__name__}: {error}"
            kept = f"{len(''.join(done.stdout.splitlines()[1::2]))} letters"
            said = " ".join(done.stderr.replace(f"{work}/", "").split())[:110]
            rows.append([name, ours, f"exit code {done.returncode}, {kept}; {said}", letters])
    return Table(
        "Coordinates that are not in the genome",
        f"`store.fetch` beside {_bedtools_version()} `getfasta` and pyfaidx {version('pyfaidx')} `get_seq`, on one "
        "chromosome of 10000000 bp. `genoml fetch` reads them from BED and names the line besides.",
        ["interval", "genoml", "bedtools getfasta", "pyfaidx"],
        rows,
    )
