"""Translation beside Biopython, the proteins of E. coli K-12 and EMBOSS transeq."""

from __future__ import annotations

import gzip
import re
import subprocess
import warnings
from itertools import product
from pathlib import Path

import Bio
from Bio import BiopythonWarning
from Bio.Seq import Seq

from benchmarks.agreement.table import Table
from genoml import read_fasta, translate
from genoml.sequence import genetic_codes, six_frames, subsequence
from genoml.sequence.alphabet import CODE_LETTERS


def tables(data: Path) -> list[Table]:
    genomes = data / "genomes"
    return [_codons(), _ecoli(genomes / "ecoli_k12"), _six_frames(genomes)]


def _codons() -> Table:
    plain = ["".join(codon) for codon in product("ACGT", repeat=3)]
    ambiguous = ["".join(codon) for codon in product(CODE_LETTERS, repeat=3)]
    ambiguous = [codon for codon in ambiguous if not set(codon) <= set("ACGT")]
    rows = []
    for what, codons in (("A, C, G, T", plain), ("with ambiguous letters", ambiguous)):
        sequence = "".join(codons)
        equal = 0
        for code in genetic_codes():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BiopythonWarning)  # codons that stop or code
                expected = str(Seq(sequence).translate(table=code))
            equal += sum(a == b for a, b in zip(translate(sequence, code), expected, strict=True))
        rows.append([what, len(genetic_codes()), len(codons), len(genetic_codes()) * len(codons), equal])
    emboss = _transeq("".join(ambiguous))
    ours = translate("".join(ambiguous))
    told = "; ".join(
        f"{' '.join(codons)}: {pair[0]}, transeq {pair[1]}"
        for pair, codons in _by_difference(ambiguous, ours, emboss).items()
    )
    n_differing = sum(a != b for a, b in zip(ours, emboss, strict=True))
    return Table(
        "Codons: Biopython",
        f"Every codon in every genetic code, `translate(codons, table)` beside Biopython {Bio.__version__} "
        "`Seq.translate(table=table)`.",
        ["codons", "genetic codes", "codons in each", "in all", "equal"],
        rows,
        [
            "Codons that can stop or code (codes 27, 28, 31) give the amino acid in both; both refuse `to_stop` there.",
            f"EMBOSS {_version()} transeq, standard code, on the {len(ambiguous)} codons with ambiguous letters: "
            f"{n_differing} differ. It has no B, Z or J, leaves some codons unresolved whose expansions all give one "
            f"letter, and gives a letter for some whose expansions do not agree. {told}.",
        ],
    )


def _by_difference(codons: list[str], ours: str, theirs: str) -> dict[tuple[str, str], list[str]]:
    differing: dict[tuple[str, str], list[str]] = {}
    for codon, *pair in zip(codons, ours, theirs, strict=True):
        if pair[0] != pair[1]:
            differing.setdefault((pair[0], pair[1]), []).append(codon)
    return differing


def _ecoli(folder: Path) -> Table:
    genome = next(read_fasta(folder / "GCF_000005845.2_ASM584v2_genomic.fna.gz")).sequence
    path = folder / "GCF_000005845.2_ASM584v2_protein.faa.gz"
    proteins = {record.id: record.sequence for record in read_fasta(path, letters="protein")}
    equal, differing, coding = 0, [], _coding(folder)
    for name in proteins:
        parts, strand = coding[name]
        letters = "".join(subsequence(genome, start, end) for start, end in sorted(parts))
        if strand == "-":
            letters = subsequence(letters, 0, len(letters), "-")
        # U is selenocysteine: its codon TGA is a stop in the table
        protein = translate(letters, 11, methionine=True).removesuffix("*")
        if protein == proteins[name]:
            equal += 1
        else:
            differing.append((name, protein.replace("*", "U") == proteins[name]))
    names = ", ".join(name for name, selenocysteine in differing if selenocysteine)
    others = [name for name, selenocysteine in differing if not selenocysteine]
    return Table(
        "Proteins of E. coli K-12",
        "The coding sequences of NC_000913.3 that the annotation (RefSeq GCF_000005845.2, GFF3) gives a protein, "
        "`translate(sequence, 11, methionine=True)`, beside the protein file of the same release.",
        ["proteins", "equal", "equal with TGA read as selenocysteine", "otherwise different"],
        [[len(proteins), equal, len(differing) - len(others), len(others)]],
        [
            f"The proteins with selenocysteine are {names}: their TGA codes by its context, which no table holds."
        ],
    )


def _coding(folder: Path) -> dict[str, tuple[set[tuple[int, int]], str]]:
    """0-based parts and strand of each protein's coding sequence."""
    found: dict[str, tuple[set[tuple[int, int]], str]] = {}
    with gzip.open(folder / "GCF_000005845.2_ASM584v2_genomic.gff.gz", "rt") as stream:
        for line in stream:
            columns = line.rstrip("\n").split("\t")
            if len(columns) == 9 and columns[2] == "CDS" and "protein_id=" in columns[8]:
                name = columns[8].partition("protein_id=")[2].partition(";")[0]
                parts, _ = found.setdefault(name, (set(), columns[6]))
                parts.add((int(columns[3]) - 1, int(columns[4])))
    return found


def _six_frames(genomes: Path) -> Table:
    rows = []
    for name, path in (("phix", "phix174/NC_001422.fna"), ("lambda", "lambda/lambda_virus.fa")):
        record = next(read_fasta(genomes / path))
        expected = [
            theirs.sequence
            for theirs in read_fasta(
                genomes / "reference_results" / f"transeq.{name}.frame6.table11.fa.gz", letters="protein"
            )
        ]
        frames = six_frames(record.sequence, 11, partial="X")
        size = len(record.sequence)
        # transeq's frame -n has the codons of frame n, read on the other strand
        order = [1, 2, 3, *(-((size - skipped) % 3 + 1) for skipped in range(3))]
        for theirs, (ours, letters) in enumerate(zip(order, expected, strict=True), 1):
            rows.append(
                [
                    record.id,
                    size,
                    theirs if theirs < 4 else 3 - theirs,
                    ours,
                    len(letters),
                    frames[ours] == letters,
                ]
            )
    return Table(
        "Six frames: EMBOSS transeq",
        "`six_frames(sequence, 11, partial='X')` beside EMBOSS 6.6.0 `transeq -frame 6 -table 11`.",
        ["sequence", "length (bp)", "frame of transeq", "frame of genoml", "amino acids", "equal"],
        rows,
        [
            "transeq's frame -n reads the codons of frame n on the other strand, so that which frame it is depends on "
            "the length; genoml's (and Biopython's, and those of `transeq -alternative`) begin at the end of the "
            "sequence. The same six proteins come out under other names.",
        ],
    )


def _transeq(sequence: str) -> str:
    out = _run(["transeq", "-filter", "-table", "0"], f">s\n{sequence}\n")
    return "".join(line for line in out.splitlines() if not line.startswith(">"))


def _version() -> str:
    match = re.search(r"\d[\d.]*\d", _run(["embossversion", "-filter"]))
    return match[0] if match else "unknown"


def _run(command: list[str], text: str = "") -> str:
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise SystemExit(f"this comparison needs EMBOSS: {command[0]} is not on PATH") from None
