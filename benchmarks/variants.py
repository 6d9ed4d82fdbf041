"""Variants: reading and checking a million records, agreement with bcftools norm, and the speed of scoring.

    OPENBLAS_NUM_THREADS=1 GENOML_THREADS=1 python benchmarks/variants.py [--write docs/variants.md]

Times are seconds of one core (CPU time, so that a busy machine does not matter). The others are pysam and bcftools,
if they are there. Scoring is compared with predicting both alleles of every variant whole, by ``predict_outputs`` on
windows that are made outside the clock. ``--write`` puts the tables into the guide.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from genoml.genome import GenomeStore, Intervals
from genoml.io import Variants, open_vcf, read_vcf
from genoml.models import build_model
from genoml.train.predict import predict_outputs
from genoml.variants import CheckOptions, check_variants, normalise, score_variants

LETTERS = np.frombuffer(b"ACGT", np.uint8)
INFO = "".join(f'##INFO=<ID={key},Number=.,Type=String,Description="{key}">\n' for key in ("AC", "AF", "AN"))
HEADER = "##fileformat=VCFv4.2\n{contigs}" + INFO + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
#: networks by name, with their windows
NETWORKS = {
    "motif_cnn": ({"pool_size": 10}, 1000),
    "deepstarr": ({"length_bp": 1000}, 1000),
    "bpnet": ({}, 2114),
}
MARKS = ("<!-- measured -->\n", "<!-- end of measured -->\n")


def write_genome(folder: Path, chromosomes: int, length: int, seed: int = 0) -> GenomeStore:
    """A random genome, as FASTA and store."""
    rng = np.random.default_rng(seed)
    with open(folder / "genome.fa", "wb") as file:
        for number in range(1, chromosomes + 1):
            letters = LETTERS[rng.integers(0, 4, length)].reshape(-1, 100)
            lines = np.concatenate([letters, np.full((len(letters), 1), 10, np.uint8)], axis=1)
            file.write(b">chr%d\n" % number + lines.tobytes())
    return GenomeStore.build(folder / "genome.fa", folder / "genome.store")


def write_calls(path: Path, genome: GenomeStore, count: int) -> None:
    """Records in order: 88 % single bases, 10 % insertions and deletions, 2 % with two ALTs."""
    rng, each = np.random.default_rng(1), count // len(genome.names)
    contigs = "".join(f"##contig=<ID={name},length={size}>\n" for name, size in genome.sizes.items())
    with open(path, "w") as file:
        file.write(HEADER.format(contigs=contigs))
        for name, size in genome.sizes.items():
            pos = np.sort(rng.integers(2000, size - 3000, each))
            codes = genome.fetch(Intervals.from_codes((name,), np.zeros(each, int), pos, pos + 4))
            kinds = rng.random(each)
            for at, bases, kind in zip(pos.tolist(), codes, kinds.tolist(), strict=True):
                letters = "".join("ACGT"[code] for code in bases)
                ref, alt = letters[0], "ACGT"[(bases[0] + 1) % 4]
                if kind < 0.05:
                    ref, alt = letters, letters[0]
                elif kind < 0.1:
                    alt = ref + "GT"
                elif kind < 0.12:
                    alt += "," + "ACGT"[(bases[0] + 2) % 4]
                file.write(f"{name}\t{at + 1}\t.\t{ref}\t{alt}\t50\tPASS\tAC=1;AF=0.5;AN=2\n")


def check_file(folder: Path) -> None:
    """In a process of its own: read and check a file, and print what that took."""
    start, alts = time.process_time(), 0
    for variants in open_vcf(folder / "calls.vcf"):
        alts += len(variants)
    read = time.process_time() - start
    genome, options = GenomeStore.open(folder / "genome.store"), CheckOptions(1000)
    start, scored = time.process_time(), 0
    for variants in open_vcf(folder / "calls.vcf"):
        scored += len(check_variants(genome, variants, options).chosen)
    checked = time.process_time() - start
    assert scored == alts
    print(read, checked, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


def of_children(command: list[str]) -> float:
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def records_table(folder: Path, count: int) -> list[str]:
    """Reading and checking beside pysam and bcftools."""
    genome = write_genome(folder, 4, 12_000_000)
    write_calls(folder / "calls.vcf", genome, count)
    command = [sys.executable, __file__, "--check", str(folder)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    read, checked, memory = map(float, found)
    rows = [f"| {count:,} records read | {read:.1f} s |",
            f"| read, and REF and windows of 1 kb checked | {checked:.1f} s, peak {memory:.0f} MB |"]  # fmt: skip
    try:
        pysam = importlib.import_module("pysam")
    except ModuleNotFoundError:
        pass
    else:
        start = time.process_time()
        total = sum(len(record.alts) for record in pysam.VariantFile(str(folder / "calls.vcf")) if record.ref)
        rows.append(
            f"| read by pysam {pysam.__version__} ({total:,} ALTs) | {time.process_time() - start:.1f} s |"
        )
    if shutil.which("bcftools"):
        norm = ["bcftools", "norm", "-c", "w", "-f", str(folder / "genome.fa"), "-o", "/dev/null"]
        seconds = of_children([*norm, str(folder / "calls.vcf")])
        rows.append(f"| read, REF checked and normalised by {bcftools_version()} | {seconds:.1f} s |")
    return ["| one core | |", "| --- | --- |", *rows]


def bcftools_version() -> str:
    """Name and version."""
    return subprocess.run(["bcftools", "--version"], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[0]


def agreement(folder: Path, count: int) -> list[str]:
    """Made variants of a genome of repeats, normalised by bcftools and by genoml."""
    if not shutil.which("bcftools"):
        return ["bcftools is not installed here."]
    rng, parts, length = np.random.default_rng(5), list[str](), 0
    while length < 60_000:
        unit = "".join(rng.choice(list("ACGT"), rng.integers(1, 7)))
        parts += [unit * int(rng.integers(1, 12)), "".join(rng.choice(list("ACGT"), rng.integers(0, 12)))]
        length += len(parts[-1]) + len(parts[-2])
    text = "".join(parts)
    (folder / "repeats.fa").write_text(f">c1\n{text}\n")
    lines = [HEADER.format(contigs=f"##contig=<ID=c1,length={len(text)}>\n")]
    for number in range(count):
        at, size, more = (
            int(rng.integers(0, len(text) - 30)),
            int(rng.integers(1, 10)),
            int(rng.integers(0, 4)),
        )
        ref, alt = text[at], "ACGT"[("ACGT".index(text[at]) + 1) % 4]
        if number % 4 == 1:
            ref, alt = text[at : at + 1 + size + more], text[at] + text[at + 1 + size : at + 1 + size + more]
        elif number % 4 == 2:
            ref = text[at : at + 1 + more]
            alt = ref[0] + text[at + 1 : at + 1 + size] + ref[1:]
        elif number % 4 == 3:
            ref, alt = text[at : at + size], "".join(rng.choice(list("ACGT"), rng.integers(1, 10)))
        lines.append(f"c1\t{at + 1}\tv{number}\t{ref}\t{alt if alt != ref else ref + 'A'}\t.\t.\t.\n")
    (folder / "made.vcf").write_text("".join(lines))
    command = ["bcftools", "norm", "-f", str(folder / "repeats.fa"), str(folder / "made.vcf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = {
        row[2]: (row[1], row[3], row[4]) for row in (x.split("\t") for x in done.splitlines() if x[0] != "#")
    }
    with GenomeStore.build(folder / "repeats.fa", folder / "repeats.store") as genome:
        ours = normalise(read_vcf(folder / "made.vcf"), genome)
    same = sum(
        theirs[name] == (str(pos + 1), ref, alt)
        for name, pos, ref, alt in zip(ours.id, ours.pos, ours.ref, ours.alt, strict=True)
    )
    what = f"{same:,} of {count:,} made variants of a genome of repeats have the position and alleles"
    return [f"{what} that {bcftools_version()} `norm` gives them."]


def variants_at(genome: GenomeStore, pos: np.ndarray, each: int) -> Variants:
    """``each`` single-base variants at positions of chr1."""
    codes = genome.fetch(Intervals("chr1", pos, pos + 1))[:, 0]
    alts = ["ACGT"[(code + 1 + step) % 4] for code in codes for step in range(each)]
    refs = ["ACGT"[code] for code in np.repeat(codes, each)]
    return Variants.of(["chr1"] * len(refs), np.repeat(pos, each), refs, alts)


def speed_table(genome: GenomeStore, count: int, rounds: int) -> list[str]:
    """Scoring beside predicting both alleles of every variant whole."""
    rng = np.random.default_rng(2)
    isolated = variants_at(genome, np.sort(rng.choice(1_000_000, count, replace=False)) + 5000, 1)
    three = variants_at(genome, np.arange(5000, 5000 + count // 3), 3)
    cases = (
        ("one a place", isolated, {}),
        ("three a place", three, {}),
        ("three, --share 100", three, {"share_bp": 100}),
    )
    rows = ["| network, window | variants | both alleles whole | genoml | times | largest difference |",
            "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, (model_options, length) in NETWORKS.items():
        model = build_model(name, model_options, seed=1)
        for kind, variants, options in cases:
            some = variants[: count if name != "bpnet" else count // 10]
            start = some.pos - length // 2
            reference = genome.fetch(Intervals("chr1", start, start + length))
            alternative = reference.copy()
            alternative[:, length // 2] = ["ACGT".index(alt) for alt in some.alt]
            slow, quick = [], []
            for _ in range(rounds):
                clock = time.process_time()
                before, after = (
                    predict_outputs(model, codes, both_strands=False) for codes in (reference, alternative)
                )
                slow.append(time.process_time() - clock)
                clock = time.process_time()
                found = score_variants(
                    model,
                    genome,
                    some,
                    length_bp=length,
                    both_strands=False,
                    effect=lambda ref, alt: alt - ref,
                    **options,
                )
                quick.append(time.process_time() - clock)
            expected = after - before
            difference = (
                np.abs(found.effect - expected).max() / np.abs(expected).max() if not options else None
            )
            times = [1e6 * min(each) / len(some) for each in (slow, quick)]
            shown = "other windows" if difference is None else f"{difference:.0e}"
            ratio = f"{times[0]:,.0f} µs | {times[1]:,.0f} µs | {times[0] / times[1]:.1f}"
            rows.append(f"| {name}, {length} bp | {kind} | {ratio} | {shown} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--made", type=int, default=10_000, help="variants to compare with bcftools norm")
    parser.add_argument("--variants", type=int, default=600, help="to score")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="guide to write the tables into")
    parser.add_argument("--check", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check is not None:
        check_file(options.check)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [
            [f"Python {platform.python_version()}, NumPy {np.__version__}, one core, {options.rounds} rounds."],
            records_table(folder, options.records),
            agreement(folder, options.made),
            speed_table(GenomeStore.open(folder / "genome.store"), options.variants, options.rounds),
        ]  # fmt: skip
    text = "\n\n".join("\n".join(part) for part in parts) + "\n"
    print(text)
    if options.write is not None:
        guide = options.write.read_text()
        pattern = re.compile(f"{re.escape(MARKS[0])}.*{re.escape(MARKS[1])}", re.DOTALL)
        options.write.write_text(pattern.sub(lambda _: MARKS[0] + text + MARKS[1], guide))


if __name__ == "__main__":
    main()
