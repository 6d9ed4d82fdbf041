"""Files of each kind of training data: a table, a genome with peaks of two experiments, a signal, counts of regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genoml.sequence import base_codes, decode
from support.planted import MOTIF

CHROMOSOMES = ("chr1", "chr2", "chr3", "chr4")
#: bases of a chromosome, of a window, and between the starts of windows
SIZE, WINDOW, STEP = 4000, 40, 100


def write_table(folder: Path, count: int = 96, *, letters: str = "ACGT", seed: int = 0) -> Path:
    """A table with a column a task: ``strength`` and ``other`` are numbers, ``bound`` 0 or 1, ``reads`` counts."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (count, 30), dtype=np.uint8)
    bound = np.arange(count) % 2
    for row in np.flatnonzero(bound):
        start = rng.integers(0, 30 - len(MOTIF))
        codes[row, start : start + len(MOTIF)] = base_codes([MOTIF])[0]
    depth = rng.uniform(3.0, 5.0, count)
    reads = rng.negative_binomial(2, 2 / (2 + np.exp(depth + 2.0 * bound)))
    strength = 100.0 + 10.0 * bound + rng.normal(0, 1.0, count)
    lines = ["id\tseq\tstrength\tother\tbound\tfree\treads\tlog_depth\tkind\tchrom"]
    for i, sequence in enumerate(decode(codes)):
        kind = ("weak", "strong", "mid")[i % 3]
        shown = sequence.translate(str.maketrans("ACGT", letters))
        lines.append(
            f"s{i}\t{shown}\t{strength[i]:.4f}\t{-strength[i] / 1000:.6f}\t{bound[i]}\t{1 - bound[i]}\t{reads[i]}\t"
            f"{depth[i]:.4f}\t{kind}\tchr{1 + i % 4}"
        )
    path = folder / "table.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_genome(folder: Path, *, seed: int = 0) -> list[tuple[str, int]]:
    """Write ``genome.fa``, peaks ``a.bed`` and ``b.bed``, others ``none.bed``, ``all.bed``; the places of a's peaks."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (len(CHROMOSOMES), SIZE), dtype=np.uint8)
    places = [(name, start) for name in CHROMOSOMES for start in range(STEP, SIZE - STEP, STEP)]
    rows: dict[str, list[str]] = {"a": [], "b": [], "none": [], "all": []}
    peaks = []
    for number, (name, start) in enumerate(places):
        line = f"{name}\t{start}\t{start + WINDOW}\tr{number}\t{number}\t+\n"
        rows["all"].append(line)
        if number % 3 == 0:
            at = start + WINDOW // 2 - len(MOTIF) // 2
            codes[CHROMOSOMES.index(name), at : at + len(MOTIF)] = base_codes([MOTIF])[0]
            peaks.append((name, start))
            rows["a"].append(line)
        if number % 6 in (0, 1):
            rows["b"].append(f"{name}\t{start + 3}\t{start + 3 + WINDOW}\tb{number}\n")
        if number % 3 == 2:
            rows["none"].append(line)
    for key, lines in rows.items():
        (folder / f"{key}.bed").write_text("".join(lines))
    fasta = [f">{name}\n{letters}\n" for name, letters in zip(CHROMOSOMES, decode(codes), strict=True)]
    (folder / "genome.fa").write_text("".join(fasta))
    counts = ["name\treads\tother\tlog_depth\n"]
    for number in range(len(places)):
        mean = 40.0 if number % 3 == 0 else 5.0
        counts.append(f"r{number}\t{rng.poisson(mean)}\t{rng.poisson(9)}\t{rng.uniform(-0.1, 0.1):.3f}\n")
    (folder / "counts.tsv").write_text("".join(counts))
    return peaks


def write_signal(path: Path, peaks: list[tuple[str, int]], *, height: float = 8.0, size: int = SIZE) -> None:
    """A bigWig file that is high at the peaks."""
    import pybigtools

    spans = [(name, start, start + WINDOW, height + i % 5) for i, (name, start) in enumerate(peaks)]
    pybigtools.open(str(path), "w").write(dict.fromkeys(CHROMOSOMES, size), spans)
