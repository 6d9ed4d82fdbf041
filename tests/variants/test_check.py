"""Statuses of variants, names of chromosomes, and files of another genome build."""

from __future__ import annotations

from pathlib import Path

import pytest

from genoml.genome import GenomeStore, Intervals
from genoml.io import FormatError, Variants
from genoml.variants import Checked, CheckOptions, Chromosomes, check_variants
from genoml.variants.check import refuse_another_build
from support.calls import LENGTH, letters_of, other, small_genome, some_variants


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> GenomeStore:
    return small_genome(tmp_path_factory.mktemp("genome"))


def check(
    genome: GenomeStore, pos: int, ref: str, alt: str, chrom: str = "chr1", **options: object
) -> Checked:
    """Check of one variant; pos is 1-based."""
    chosen = CheckOptions(LENGTH, **options)  # type: ignore[arg-type]
    return check_variants(genome, Variants.of([chrom], [pos - 1], [ref], [alt]), chosen)


def at(genome: GenomeStore, pos: int, bases: int = 1) -> str:
    return letters_of(genome, "chr1", pos - 1, pos - 1 + bases)


def test_each_status_is_told(genome: GenomeStore) -> None:
    one, long = at(genome, 1500), at(genome, 1500, 30)
    cases = {
        "ok": (1500, one, other(one)),
        "mismatch": (1500, other(one), other(one, 2)),
        "swapped": (1500, other(one), one),
        "reference": (1500, one, "."),
        "unsupported": (1500, one, "<DEL>"),
        "edge": (7, at(genome, 7), other(at(genome, 7))),
        "ambiguous": (1500, "N", "A"),
        "too_long": (1500, long, long[0]),
    }
    for status, (pos, ref, alt) in cases.items():
        found = check(genome, pos, ref, alt)
        assert found.status.tolist() == [status]
        assert len(found.chosen) == (status == "ok")
    assert check(genome, 5, "A", "C", "chr7").status.tolist() == ["unknown_chromosome"]


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "options", "status"),
    [
        (1500, 1, "same", {}, "reference"),
        (1500, 1, "*", {}, "unsupported"),
        (1500, 1, "<NON_REF>", {}, "unsupported"),
        (1500, 1, "G]17:198982]", {}, "unsupported"),
        (1500, 1, "N", {}, "ambiguous"),
        (1500, "R", "AC", {}, "mismatch"),
        (1010, "A", "C", {}, "mismatch"),
        (2999, "ACGTACGT", "A", {}, "mismatch"),
        (5000, "A", "C", {}, "mismatch"),
        (1041, 1, "other", {}, "ambiguous"),
        (1041, 1, "other", {"most_n": 0.5}, "ok"),
        (1051, 1, "other", {"most_n": 0.0}, "ok"),
        (7, 1, "other", {"edges": "pad"}, "ok"),
        (21, 1, "other", {}, "ok"),
        (20, 1, "other", {}, "edge"),
        (2981, 1, "other", {}, "ok"),
        (2982, 1, "other", {}, "edge"),
        (1500, 20, "first", {}, "ok"),
        (1500, 21, "first", {}, "too_long"),
        (1500, 1, "A" * 21, {}, "too_long"),
        (1500, 1, "other", {"regions": Intervals("chr1", [1499], [1500])}, "ok"),
        (1500, 1, "other", {"regions": Intervals("chr1", [1500], [1600])}, "outside"),
    ],
)  # fmt: skip
def test_statuses_at_their_limits(
    genome: GenomeStore, pos: int, ref: str | int, alt: str, options: dict[str, object], status: str
) -> None:
    ref = at(genome, pos, ref) if isinstance(ref, int) else ref
    alt = {"same": ref, "other": other(ref[0]) if ref[0] in "ACGT" else "", "first": ref[0]}.get(alt, alt)
    assert check(genome, pos, ref, alt, **options).status.tolist() == [status]


def test_a_deletion_needs_the_bases_that_fill_its_window_up(genome: GenomeStore) -> None:
    pos = 3000 - LENGTH // 2 - 5
    ref = at(genome, pos, 9)
    assert check(genome, pos, ref[0], other(ref[0])).status.tolist() == ["ok"]
    assert check(genome, pos, ref, ref[0]).status.tolist() == ["edge"]
    ahead = LENGTH // 2 + 3
    ref = at(genome, ahead, 9)
    assert check(genome, ahead, ref, ref[0]).status.tolist() == ["ok"]
    assert check(genome, ahead, ref, ref[0], both_anchors=True).status.tolist() == ["edge"]


def test_a_swapped_variant_is_scored_with_its_alleles_exchanged(genome: GenomeStore) -> None:
    ref = at(genome, 1500)
    found = check(genome, 1500, other(ref) + "C", ref, score_swapped=True)
    assert (found.status.tolist(), found.turned.tolist()) == (["swapped"], [True])
    assert (found.alleles.ref.tolist(), found.alleles.alt.tolist()) == ([ref], [other(ref) + "C"])


@pytest.mark.parametrize(
    ("given", "known", "prefix"),
    [
        (["1", "MT", "7"], ["chr1", "chrM"], "added"),
        (["chr1", "chrM"], ["1", "MT"], "removed"),
        (["chr1", "chr9"], ["chr1", "1"], "same"),
        (["a"], ["b"], "same"),
    ],
)
def test_prefixes_of_chromosomes_are_matched_for_all(
    tmp_path: Path, given: list[str], known: list[str], prefix: str
) -> None:
    (tmp_path / "g.fa").write_text("".join(f">{name}\nACGT\n" for name in known))
    with GenomeStore.build(tmp_path / "g.fa", tmp_path / "g.store") as store:
        variants = Variants.of(given, [0] * len(given), ["A"] * len(given), ["C"] * len(given))
        found = Chromosomes.match(store, variants)
        assert found.prefix == prefix
        assert ("chr" in str(found)) == (prefix != "same")
        numbers = [known.index(name) if name in known else -1 for name in map(found.name, given)]
        assert found.numbers(variants).tolist() == numbers
        assert prefix == "same" or numbers[:2] == [0, 1]


def test_a_file_of_another_build_is_refused_with_its_first_record(genome: GenomeStore) -> None:
    rows = some_variants(genome, 60, kinds="S")
    wrong = [(chrom, pos, other(ref, 2), other(ref, 3)) if i % 3 else (chrom, pos, ref, alt)
             for i, (chrom, pos, ref, alt) in enumerate(rows)]  # fmt: skip
    for records, words in (
        (wrong, r"calls\.vcf: 67 % of REF alleles \(40 of 60\) are not those of .*genome\.fa \(first: line 0, chr1:"
                r"\d+ [ACGT]>[ACGT], genome [ACGT]\); another genome build\?"),
        ([(c, p, alt, ref) for c, p, ref, alt in rows], "100 % .*; of 60 of them ALT is: score them with --swapped"),
    ):  # fmt: skip
        chrom, pos, ref, alt = zip(*records, strict=True)
        variants = Variants.of(chrom, [p - 1 for p in pos], ref, alt)
        checked = check_variants(genome, variants, CheckOptions(LENGTH))
        with pytest.raises(FormatError, match=words):
            refuse_another_build(variants, checked, "calls.vcf", genome, 0.95)
        refuse_another_build(variants, checked, "calls.vcf", genome, 0.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length_bp": 0}, "length_bp expects 1 or more, got 0"),
        ({"edges": "keep"}, "edges expects 'drop' or 'pad', got 'keep'"),
        ({"most_n": 1.5}, "most_n expects a share from 0 to 1, got 1.5"),
        ({"share_bp": 30}, "share_bp expects 0 to 20, half a window, got 30"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CheckOptions(**{"length_bp": LENGTH, **options})  # type: ignore[arg-type]
