"""Open reading frames beside EMBOSS getorf, prodigal and the annotation of E. coli K-12."""

from __future__ import annotations

import gzip
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.agreement.orfs_and_genes import genes_table
from benchmarks.agreement.table import Table
from genoml import find_orfs, read_fasta
from genoml.sequence import ORF, subsequence

Place = tuple[int, int, str]
_HEADER = re.compile(r">(\S+)_\d+ \[(\d+) - (\d+)\](.*)")
_ECOLI = "ecoli_k12/GCF_000005845.2_ASM584v2_genomic"


def tables(data: Path) -> list[Table]:
    genomes = data / "genomes"
    return [_recorded(genomes), _random(), genes_table(genomes), _speed(genomes)]


def _recorded(genomes: Path) -> Table:
    """The reference results: proteins (find 0, 1) or nucleotides (find 2, 3), and coordinates."""
    rows = []
    for short, path in (("lambda", "lambda/lambda_virus.fa"), ("phix", "phix174/NC_001422.fna")):
        sequence = next(read_fasta(genomes / path)).sequence
        for find in range(4):
            rows.append(_recorded_row(genomes, short, sequence, find, circular=False))
    rows.append(_recorded_row(genomes, "phix", sequence, 1, circular=True))
    genome = next(read_fasta(genomes / f"{_ECOLI}.fna.gz")).sequence
    expected = set(
        _coordinates(genomes / "reference_results/getorf.ecoli.find3.min300.table11.coords.tsv.gz")
    )
    found = {orf[:3] for orf in find_orfs(genome, 300, table=11, starts="table")}
    rows.append(["E. coli K-12", "linear", "3, >= 300 bp", "coordinates", *_compare(expected, found)])
    return Table(
        "Open reading frames: EMBOSS getorf",
        "`find_orfs(sequence, 90, table=11, starts=...)`, with `starts='any'` for getorf's find 0 and 2 and "
        "`starts='table'` for 1 and 3, beside EMBOSS 6.6.0 `getorf -table 11 -minsize 90 -find N`, as sets of "
        "coordinates, strand and letters, on both strands of lambda (48502 bp), phiX174 (5386 bp) and E. coli K-12 "
        "(4641652 bp).",
        [
            "sequence",
            "topology",
            "find",
            "compared",
            "getorf",
            "genoml",
            "in both",
            "getorf only",
            "genoml only",
        ],
        rows,
        [
            "Circular phiX174: getorf begins to read at the origin, within the three ORFs that lie across it, and "
            "reports each of them a second time, cut short at the first start codon behind the origin. These three "
            "are what it has more; each shares its stop with an ORF that both have.",
        ],
    )


def _recorded_row(genomes: Path, short: str, sequence: str, find: int, *, circular: bool) -> list[object]:
    name = f"getorf.{short}.find{find}.min90.table11{'.circular' if circular else ''}.fa.gz"
    with gzip.open(genomes / "reference_results" / name, "rt") as stream:
        expected = {(place, letters) for _, place, letters in _parse(stream)}
    orfs = find_orfs(sequence, 90, table=11, starts="table" if find % 2 else "any", circular=circular)
    found = {(orf[:3], _letters(sequence, orf, find, circular)) for orf in orfs}
    topology, compared = "circular" if circular else "linear", "nucleotides" if find > 1 else "proteins"
    names = {"lambda": "lambda", "phix": "phiX174"}
    return [names[short], topology, find, compared, *_compare(expected, found)]


def _letters(sequence: str, orf: ORF, find: int, circular: bool) -> str:
    return subsequence(sequence, *orf[:3], circular=circular) if find > 1 else orf.protein


def _compare(expected: set[object], found: set[object]) -> list[int]:
    return [len(expected), len(found), len(expected & found), len(expected - found), len(found - expected)]


def _coordinates(path: Path) -> Iterator[Place]:
    with gzip.open(path, "rt") as stream:
        for line in stream:
            one, other, strand = line.split()
            yield min(int(one), int(other)) - 1, max(int(one), int(other)), strand


def _parse(lines: Iterator[str]) -> Iterator[tuple[str, Place, str]]:
    """Sequence name, place and letters of each ORF that getorf wrote."""
    head, parts = None, []
    for line in [*lines, ">"]:
        if not line.startswith(">"):
            parts.append(line.strip())
            continue
        if head:
            first, last = int(head[2]), int(head[3])
            strand = "-" if "REVERSE SENSE" in head[4] else "+"
            yield head[1], (min(first, last) - 1, max(first, last), strand), "".join(parts)
        head, parts = _HEADER.match(line), []


def _random() -> Table:
    rng = np.random.default_rng(1)
    sequences = {
        f"s{index}": "".join(rng.choice(list("ACGTN"), length, p=[0.245] * 4 + [0.02]))
        for index, length in enumerate(rng.integers(600, 3000, 100).tolist())
    }
    settings = [(0, "any"), (0, "ATG"), (11, "table")]
    rows = [
        _random_row(sequences, table, starts, circular)
        for circular in (False, True)
        for table, starts in settings
    ]
    return Table(
        "Open reading frames of random sequences with N: EMBOSS getorf",
        "100 sequences of 600 to 3000 bp, 2 % N, `find_orfs(sequence, 60, ...)` beside `getorf -minsize 60` "
        f"(EMBOSS {_run(['embossversion', '-filter']).strip()}, run anew), as sets of coordinates and strand. "
        "getorf's table 0 is the standard code with ATG as its one start codon.",
        [
            "table",
            "topology",
            "find",
            "getorf",
            "genoml",
            "in both",
            "getorf only",
            "genoml only",
            "unexplained",
        ],
        rows,
        [
            "Table 11: TTG, CTG, ATG, GTG, ATT, ATC and ATA start, so that ATN and NTG do whatever N is. genoml takes "
            "them for start codons, getorf no codon with an N; an ORF that begins with one is longer or comes in "
            "addition.",
            "Circular: getorf has second copies of ORFs across the origin, cut short, as with phiX174.",
            "Unexplained are differences of any other kind.",
        ],
    )


def _random_row(sequences: dict[str, str], table: int, starts: str, circular: bool) -> list[object]:
    find = 0 if starts == "any" else 1
    options = [
        "-minsize",
        "60",
        "-table",
        str(table),
        "-find",
        str(find),
        *(["-circular"] if circular else []),
    ]
    text = "".join(f">{name}\n{letters}\n" for name, letters in sequences.items())
    out = _run(["getorf", "-filter", *options], text)
    expected = {(name, place) for name, place, _ in _parse(iter(out.splitlines()))}
    found, across, with_n = set(), set(), set()
    for name, letters in sequences.items():
        for orf in find_orfs(letters, 60, table=table or 1, starts=starts, circular=circular):
            found.add((name, orf[:3]))
            key = (name, _last_base(orf[:3], len(letters)))
            if orf.end > len(letters):
                across.add(key)
            if "N" in subsequence(letters, *orf[:3], circular=circular)[:3]:
                with_n.add(key)
    unexplained = sum(
        (name, _last_base(place, len(sequences[name])))
        not in (with_n if (name, place) in found else with_n | across)
        for name, place in expected ^ found
    )
    return [table, "circular" if circular else "linear", find, *_compare(expected, found), unexplained]


def _last_base(place: Place, length: int) -> tuple[int, str]:
    """Where an ORF ends, on its strand."""
    start, end, strand = place
    return ((end - 1) % length if strand == "+" else start), strand


def _speed(genomes: Path) -> Table:
    path = genomes / f"{_ECOLI}.fna.gz"
    record = next(read_fasta(path))
    text = f">{record.id}\n{record.sequence}\n"
    rows = []
    for starts, find, shortest in (("table", 1, 300), ("any", 0, 90)):
        ours = min(_seconds(lambda s=starts, n=shortest: find_orfs(record.sequence, n, table=11, starts=s)))
        command = ["getorf", "-filter", "-table", "11", "-minsize", str(shortest), "-find", str(find)]
        theirs = min(_seconds(lambda c=command: _run(c, text)))
        rows.append([starts, shortest, ours, theirs])
    return Table(
        "Speed of open reading frames",
        "E. coli K-12, 4641652 bp, both strands, one core, best of three: `find_orfs(sequence, min_length, table=11)` "
        "with its proteins, and `getorf`, which also reads and writes its files.",
        ["starts", "min_length (bp)", "genoml (s)", "getorf (s)"],
        rows,
    )


def _seconds(work: object) -> Iterator[float]:
    for _ in range(3):
        began = time.perf_counter()
        work()  # type: ignore[operator]
        yield time.perf_counter() - began


def _run(command: list[str], text: str = "") -> str:
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise SystemExit(f"this comparison needs EMBOSS: {command[0]} is not on PATH") from None
