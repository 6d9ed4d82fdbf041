from __future__ import annotations

from collections import Counter
from importlib.resources import as_file, files

from genoml.io import read_fasta

RESOURCES = files("genoml") / "resources"


def test_ctcf_peaks_are_six_thousand_plain_sequences_of_100_bp():
    with as_file(RESOURCES / "ctcf_peaks.fa.gz") as path:
        records = list(read_fasta(path))
    assert len({record.name for record in records}) == len(records) == 6000
    assert {len(record.sequence) for record in records} == {100}
    assert set("".join(record.sequence for record in records)) == set("ACGT")


def test_ctcf_peaks_carry_coordinates_of_many_chromosomes():
    with as_file(RESOURCES / "ctcf_peaks.fa.gz") as path:
        records = list(read_fasta(path))
    chromosomes = Counter()
    for record in records:
        chromosome, _, span = record.name.partition(":")
        start, end = map(int, span.split("-"))
        assert end - start == 100
        chromosomes[chromosome] += 1
    assert len(chromosomes) == 23
    assert min(chromosomes.values()) > 50


def test_shipped_data_are_small_and_have_their_licence_beside_them():
    sizes = {item.name: len(item.read_bytes()) for item in RESOURCES.iterdir() if item.is_file()}
    assert sizes["ctcf_peaks.fa.gz"] < 400_000
    assert sizes["jaspar2024_vertebrates.transfac.gz"] < 150_000
    assert "MIT License" in (RESOURCES / "ctcf_peaks.LICENSE").read_text()
    assert "CC BY 4.0" in (RESOURCES / "README.md").read_text()
