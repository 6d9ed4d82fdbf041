"""FASTA: specimens of BioJulia, beside what Biopython reads."""

from __future__ import annotations

import tomllib
import warnings
from pathlib import Path

from benchmarks.agreement.table import Table
from genoml.io import FormatError, read_fasta


def tables(data: Path) -> list[Table]:
    import Bio

    folder = data / "fasta_conformance" / "FormatSpecimens"
    index = tomllib.loads((folder / "index.toml").read_text())
    specimens = {
        entry["filename"]: (kind, entry["tags"])
        for kind in ("valid", "invalid")
        for entry in index[kind]
        if (folder / entry["filename"]).exists()
    }
    groups: dict[str, list[list[bool]]] = {}
    for name, (kind, tags) in specimens.items():
        path = folder / name
        letters = "protein" if "protein" in tags else "nucleotide"
        group = "invalid" if kind == "invalid" else "valid, with gaps" if "gaps" in tags else "valid"
        result = [_reads(path, letters), _reads(path, None), _biopython_reads(path)]
        groups.setdefault(group, []).append(result)
    rows = [[group, len(found), *map(sum, zip(*found, strict=True))] for group, found in groups.items()]
    missing = sum(not (folder / entry["filename"]).exists() for entry in index["valid"])
    return [
        Table(
            title="FASTA: specimens",
            about=(
                "github.com/BioJulia/FormatSpecimens.jl (faced7b), FASTA, grouped by their index: how many are "
                "read to the end. genoml: `read_fasta` with the letters of the index's tag dna or protein, and "
                f"with `letters=None`. Biopython {Bio.__version__}: `SeqIO.parse(file, 'fasta')`."
            ),
            columns=["group", "files", "genoml", "genoml, letters not checked", "Biopython"],
            rows=rows,
            notes=[
                "With gaps: alignments. Arrays are made of unaligned sequences, so that a gap is an error unless "
                "letters go unchecked.",
                "Valid, not read: example1.txt, whose sequences hold blanks within lines, called cutpoints in the "
                "index; Biopython drops such blanks.",
                "Invalid: f003.fasta, which has comment lines; Biopython refuses it too.",
                f"{missing} file of the index is not in the folder (genomic-seq.fasta); two are listed twice.",
            ],
        )
    ]


def _reads(path: Path, letters: str | None) -> bool:
    try:
        return len(list(read_fasta(path, letters=letters))) > 0
    except FormatError:
        return False


def _biopython_reads(path: Path) -> bool:
    from Bio import SeqIO

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return len(list(SeqIO.parse(path, "fasta"))) > 0
        except ValueError:
            return False
