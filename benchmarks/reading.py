"""How fast FASTQ and FASTA are read, with letters and qualities checked, beside dnaio alone and Biopython.

python benchmarks/reading.py --data DIR [--runs N]

The same plain file for each, one after another in turn, `--runs` times; a table of medians. dnaio checks neither
letters nor qualities. DIR holds fastq_conformance/seqkit and genomes/ecoli_k12.
"""

from __future__ import annotations

import argparse
import gzip
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import Bio
import dnaio
import numpy as np
from Bio.SeqIO.FastaIO import SimpleFastaParser
from Bio.SeqIO.QualityIO import FastqGeneralIterator

from genoml.io import read_fasta, read_fastq

Reader = Callable[[Path], None]


def genoml_fastq(path: Path) -> None:
    for record in read_fastq(path):
        len(record.sequence)


def dnaio_records(path: Path) -> None:
    with dnaio.open(path) as records:
        for record in records:
            len(record.sequence)


def biopython_fastq(path: Path) -> None:
    with path.open() as stream:
        for _, sequence, _ in FastqGeneralIterator(stream):
            len(sequence)


def genoml_scores(path: Path) -> None:
    for record in read_fastq(path):
        len(record.qualities)


def dnaio_scores(path: Path) -> None:
    with dnaio.open(path) as records:
        for record in records:
            len(np.frombuffer(record.qualities_as_bytes(), np.uint8) - np.uint8(33))


def biopython_scores(path: Path) -> None:
    with path.open() as stream:
        for _, _, qualities in FastqGeneralIterator(stream):
            len(np.frombuffer(qualities.encode(), np.uint8) - np.uint8(33))


def genoml_fasta(path: Path) -> None:
    for record in read_fasta(path):
        len(record.sequence)


def biopython_fasta(path: Path) -> None:
    with path.open() as stream:
        for _, sequence in SimpleFastaParser(stream):
            len(sequence)


def seconds(readers: dict[str, Reader], path: Path, runs: int) -> dict[str, float]:
    """Median time of each reader; they take turns, so that a busy moment meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(runs):
        for name, read in readers.items():
            start = time.perf_counter()
            read(path)
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def inputs(data: Path, folder: Path) -> dict[str, Path]:
    """The files to read, plain."""
    seqkit = data / "fastq_conformance" / "seqkit"
    illumina = gzip.decompress((seqkit / "Illimina1.8.fq.gz").read_bytes())
    genome = next((data / "genomes" / "ecoli_k12").glob("*genomic.fna.gz"))
    draw = random.Random(1)
    short = "".join(
        f">hairpin-{number} MI{number:07d}\n{''.join(draw.choices('ACGU', k=60))}\n"
        f"{''.join(draw.choices('ACGU', k=draw.randrange(1, 60)))}\n"
        for number in range(28_645)
    )
    contents = {
        "illumina.fq": illumina * 10,
        "ecoli.fa": gzip.decompress(genome.read_bytes()),
        "hairpins.fa": short.encode(),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args()
    fastq = {"dnaio": dnaio_records, "genoml": genoml_fastq, "Biopython": biopython_fastq}
    scores = {"dnaio": dnaio_scores, "genoml": genoml_scores, "Biopython": biopython_scores}
    fasta = {"dnaio": dnaio_records, "genoml": genoml_fasta, "Biopython": biopython_fasta}
    with tempfile.TemporaryDirectory() as folder:
        files = inputs(options.data, Path(folder))
        jobs = [
            ("FASTQ, 100,000 x 150 bp: names, sequences, qualities as text", "illumina.fq", fastq),
            ("FASTQ, the same, qualities as integer arrays", "illumina.fq", scores),
            ("FASTA, E. coli K-12, 4.6 Mb", "ecoli.fa", fasta),
            ("FASTA, 28,645 RNAs of 61 to 119 nt", "hairpins.fa", fasta),
        ]
        print(f"dnaio {dnaio.__version__}, Biopython {Bio.__version__}, median of {options.runs}, ms\n")
        print("| file | dnaio alone | genoml, checked | Biopython | genoml's speed, dnaio = 1 |")
        print("| --- | --- | --- | --- | --- |")
        for title, name, readers in jobs:
            found = seconds(readers, files[name], options.runs)
            cells = " | ".join(f"{1000 * value:.1f}" for value in found.values())
            print(f"| {title} | {cells} | {found['dnaio'] / found['genoml']:.2f} |")


if __name__ == "__main__":
    main()
