"""A small genome, variants of it, and VCF files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genoml.genome import GenomeStore
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
LENGTH = 40

#: chromosome, 1-based position, ALT as a function of REF, of REF's length
Row = tuple[str, int, str, str]


def small_genome(folder: Path) -> GenomeStore:
    """chr1 of 3,000 random bases with N from 1,000 to 1,030, and chrM of 200."""
    rng = np.random.default_rng(4)
    letters = np.array(list("ACGT"))[rng.integers(0, 4, 3200)]
    letters[1000:1030] = "N"
    text = "".join(letters)
    (folder / "genome.fa").write_text(f">chr1\n{text[:3000]}\n>chrM\n{text[3000:]}\n")
    return GenomeStore.build(folder / "genome.fa", folder / "genome.fa.store")


def letters_of(genome: GenomeStore, chrom: str, start: int, end: int) -> str:
    """Bases from start, counted from 0, to end."""
    source = Path(genome.path.removesuffix(".store")).read_text().split(f">{chrom}\n")[1]
    return source[start:end]


def other(base: str, step: int = 1) -> str:
    """Another base."""
    return "ACGT"[("ACGT".index(base) + step) % 4]


def some_variants(genome: GenomeStore, count: int, *, seed: int = 0, kinds: str = "SMID") -> list[Row]:
    """Records of substitutions (S), of several bases (M), insertions (I) and deletions (D), far from ends and N."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for number, start in enumerate(rng.choice(np.arange(1100, 2900), count, replace=False).tolist()):
        kind = kinds[number % len(kinds)]
        ref = letters_of(genome, "chr1", start, start + {"S": 1, "M": 3, "I": 1, "D": 5}[kind])
        alt = {
            "S": other(ref[0]),
            "M": "".join(map(other, ref)),
            "I": ref + "GATTA",
            "D": ref[0],
        }[kind]
        rows.append(("chr1", start + 1, ref, alt))
    return rows


def vcf_text(rows: Sequence[Row], header: str = HEADER) -> str:
    """The records as VCF, numbered."""
    lines = [
        f"{chrom}\t{pos}\tv{i}\t{ref}\t{alt}\t.\tPASS\tAC=1\n"
        for i, (chrom, pos, ref, alt) in enumerate(rows)
    ]
    return header + "".join(lines)


def small_model(outputs: int = 1, *, dtype: str = "float32") -> Sequential:
    """Convolution, global maximum and a dense layer, with weights so large that variants have effects."""
    model = Sequential(
        [Conv1D(4, 6, 7, dtype=dtype), GlobalMaxPool1D(), Dense(6, outputs, dtype=dtype)], seed=3
    )
    model.draw()
    return model
