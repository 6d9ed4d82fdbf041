"""The shortest form and the leftmost place of alleles: those of bcftools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genoml.genome import GenomeStore
from genoml.io import Variants, read_vcf
from genoml.variants import normalise, trimmed

DATA = Path(__file__).parents[1] / "data" / "variants"


@pytest.fixture(scope="module")
def repeats(tmp_path_factory: pytest.TempPathFactory) -> GenomeStore:
    return GenomeStore.build(DATA / "repeats.fa", tmp_path_factory.mktemp("repeats") / "repeats.store")


def rows_of(variants: Variants) -> list[tuple[int, str, str]]:
    return list(zip(variants.pos.tolist(), variants.ref, variants.alt, strict=True))


def test_variants_are_normalised_as_bcftools_norm_does(repeats: GenomeStore) -> None:
    path = DATA / "bcftools_norm.tsv"
    given, expected = (
        read_vcf(path, columns={"chrom": "chrom", "pos": f"{p}pos", "ref": f"{p}ref", "alt": f"{p}alt"})
        for p in ("", "norm_")
    )
    assert rows_of(normalise(given, repeats)) == rows_of(expected)
    assert rows_of(normalise(expected, repeats)) == rows_of(expected)


def test_a_shift_goes_on_beyond_what_is_fetched_at_once_and_ends_at_the_first_base(tmp_path: Path) -> None:
    (tmp_path / "g.fa").write_text(f">a\n{'T' * 300}\n>b\nG{'T' * 300}\n")
    with GenomeStore.build(tmp_path / "g.fa", tmp_path / "g.store") as genome:
        found = normalise(Variants.of(["a", "b"], [250, 250], ["TT", "TT"], ["T", "T"]), genome)
        assert rows_of(found) == [(0, "TT", "T"), (0, "GT", "G")]


def test_what_is_not_the_genomes_or_no_sequence_stays(repeats: GenomeStore) -> None:
    given = Variants.of(
        ["c2", "x", "c2", "c2"], [3, 5, 500, 4], ["GG", "CA", "CA", "CA"], ["G", "C", "C", "<DEL>"]
    )
    assert rows_of(normalise(given, repeats)) == rows_of(given)


@pytest.mark.parametrize(
    ("ref", "alt", "expected"),
    [
        ("A", "C", (10, "A", "C")),
        ("ACGT", "ACTT", (12, "G", "T")),
        ("ACG", "TCT", (10, "ACG", "TCT")),
        ("CAA", "CA", (10, "CA", "C")),
        ("CTT", "CTTT", (10, "C", "CT")),
        ("CAC", "C", (10, "CAC", "C")),
        ("A", "*", (10, "A", "*")),
        ("ACC", "<DEL>", (10, "ACC", "<DEL>")),
    ],
)
def test_alleles_lose_their_shared_ends(ref: str, alt: str, expected: tuple[int, str, str]) -> None:
    given = Variants.of(["1"], np.array([10]), [ref], [alt])
    assert rows_of(trimmed(given)) == [expected]
