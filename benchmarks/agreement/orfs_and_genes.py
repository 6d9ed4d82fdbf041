"""Open reading frames of E. coli K-12 beside its annotated genes and those that prodigal finds."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from benchmarks.agreement.table import Table
from genoml import find_orfs, read_fasta

Place = tuple[int, int, str]
_ECOLI = "ecoli_k12/GCF_000005845.2_ASM584v2_genomic"


def genes_table(genomes: Path) -> Table:
    genome = next(read_fasta(genomes / f"{_ECOLI}.fna.gz")).sequence
    annotated = set(_cds(genomes / f"{_ECOLI}.gff.gz", "protein_id="))
    predicted = set(_cds(genomes / "reference_results/prodigal.ecoli.single.gff.gz", "partial=00"))
    rows = []
    for shortest in (90, 150, 300, 600, 900):
        orfs = find_orfs(
            genome,
            shortest,
            table=11,
            starts=["ATG", "GTG", "TTG"],
            partial="none",
            circular=True,
            include_stop=True,
        )
        found = {orf[:3] for orf in orfs}
        for what, reference in (("annotation", annotated), ("prodigal", predicted)):
            rows.append([shortest, what, *_overlap(found, reference, shortest)])
        rows.append([shortest, "annotation, of prodigal's genes", *_overlap(predicted, annotated, shortest)])
    return Table(
        "Open reading frames and genes of E. coli K-12",
        "`find_orfs(genome, min_length, table=11, starts=['ATG', 'GTG', 'TTG'], circular=True, partial='none', "
        "include_stop=True)` on NC_000913.3 beside the coding sequences of its RefSeq annotation (GCF_000005845.2; "
        "those in one piece) and the genes of prodigal 2.6.3 (`-p single`). Recall is the share of the reference of at "
        "least min_length found with the same stop codon, or at exactly the same coordinates; precision the share "
        "of the ORFs that have the stop codon of one.",
        [
            "min_length (bp)",
            "reference",
            "ORFs",
            "of the reference",
            "same stop",
            "exact",
            "recall, same stop",
            "recall, exact",
            "precision, same stop",
        ],
        rows,
        [
            "An ORF is not a gene: most ORFs of 100 bp come by chance, and the longest one between two stops often "
            "begins before the true start, which is why prodigal's exact starts are better. As a gene finder take "
            "prodigal; find_orfs lists the candidates.",
            "The gene missed at 150 bp begins with a rarer start codon; from the first ATG, GTG or TTG on, its ORF is "
            "shorter than that.",
        ],
    )


def _cds(path: Path, mark: str) -> Iterator[Place]:
    """Coding sequences of a GFF3 in one piece, 0-based."""
    places: dict[str, list[Place]] = {}
    with gzip.open(path, "rt") as stream:
        for line in stream:
            columns = line.rstrip("\n").split("\t")
            if (
                len(columns) == 9
                and columns[2] == "CDS"
                and mark in columns[8]
                and "pseudo=true" not in columns[8]
            ):
                identifier = columns[8].partition("ID=")[2].partition(";")[0]
                place = (int(columns[3]) - 1, int(columns[4]), columns[6])
                places.setdefault(identifier, []).append(place)
    yield from (pieces[0] for pieces in places.values() if len(pieces) == 1)


def _stop(place: Place) -> tuple[int, str]:
    start, end, strand = place
    return (end if strand == "+" else start), strand


def _overlap(found: set[Place], reference: set[Place], shortest: int) -> list[object]:
    of_reference = {place for place in reference if place[1] - place[0] - 3 >= shortest}
    found = {place for place in found if place[1] - place[0] - 3 >= shortest}
    stops = {_stop(place) for place in found}
    same = sum(_stop(place) in stops for place in of_reference)
    exact = len(of_reference & found)
    true_stops = {_stop(place) for place in reference}
    precise = sum(_stop(place) in true_stops for place in found)
    shares = [same / len(of_reference), exact / len(of_reference), precise / len(found)]
    return [len(found), len(of_reference), same, exact, *shares]
