"""``genoml variants`` and ``genoml saturate``."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from genoml.genome import GenomeStore
from genoml.io import open_vcf
from genoml.runs import save_run
from genoml.sequence.variants import Variants
from genoml.variants import Scorer, VariantScores, files, saturate
from support.calls import LENGTH, letters_of, other, small_genome, small_model, some_variants, vcf_text
from support.planted import run_genoml, sharded


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of two tasks, a genome, and a VCF file, in the folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    save_run(small_model(2), tmp_path / "run", length_bp=LENGTH)
    with small_genome(tmp_path) as genome:
        rows = [(chrom[3:], pos, ref, alt) for chrom, pos, ref, alt in some_variants(genome, 12)]
    (tmp_path / "calls.vcf").write_text(vcf_text(rows))
    (tmp_path / "places.bed").write_text("chr1\t1500\t1510\n")
    return tmp_path


def test_variants_are_scored_into_all_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ("--vcf", "new.vcf", "--summary", "summary.json", "--report", "page.html", "--top", 2)
    assert (
        run_genoml("variants", "run", "calls.vcf", "genome.fa", "--out", "scores.tsv", "--task", "1", *files)
        == 0
    )
    said = capsys.readouterr().err.splitlines()
    assert said[-2] == "genoml: names of chromosomes got the prefix chr, as the genome has them"
    assert said[-1] == "12 records, 12 alternative alleles: 12 ok; scores.tsv, new.vcf, page.html"
    lines = (folder / "scores.tsv").read_text().splitlines()
    assert lines[0].split("\t")[6:] == ["reference_1", "alternative_1", "effect_1", "line"]
    assert [line.split("\t")[0] for line in lines[1:]] == ["1"] * 12
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["statuses"] == {"ok": 12}
    page = (folder / "page.html").read_text()
    strongest = summary["strongest"][0]
    assert f"1:{strongest['pos'] + 1} {strongest['ref']}&gt;{strongest['alt']}" in page
    assert page.count("reference allele above, alternative below") == 2
    assert run_genoml("variants", "run", "calls.vcf", "genome.fa", "--task", "1") == 0
    assert capsys.readouterr().out.splitlines() == lines


def test_regions_swapped_alleles_and_tables_are_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with GenomeStore.open(folder / "genome.fa.store") as genome:
        base = letters_of(genome, "chr1", 1504, 1505)
    (folder / "snps.csv").write_text(
        f"CHR,BP,A1,A2\n1,1505,{base},{other(base)}\n1,1505,{other(base)},{base}\n1,1600,A,C\n"
    )
    table = (
        "run",
        "snps.csv",
        "genome.fa",
        "--columns",
        "chrom=CHR,pos=BP,ref=A1,alt=A2",
        "--least-match",
        0,
    )
    assert run_genoml("variants", *table, "--regions", "places.bed", "--swapped", "score") == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[5] for row in rows[:2]] == ["ok", "swapped"]
    assert rows[2][5] in ("outside", "mismatch", "swapped")
    assert float(rows[0][10]) == pytest.approx(-float(rows[1][10]), rel=1e-4, abs=1e-7)


def test_a_file_of_which_nothing_is_scored_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "calls.vcf").write_text(vcf_text([("7", 5, "A", "C")]))
    assert run_genoml("variants", "run", "calls.vcf", "genome.fa", "--out", "scores.tsv") == 0
    assert "warning: no variant was scored" in capsys.readouterr().err
    (folder / "calls.vcf").write_text(vcf_text([]))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run_genoml("variants", "run", "calls.vcf", "genome.fa", "--out", "scores.tsv") == 0
    assert "genoml: warning: calls.vcf: has no records" in capsys.readouterr().err
    assert len((folder / "scores.tsv").read_text().splitlines()) == 1


@pytest.mark.parametrize("count", [2, 7])
def test_shards_of_a_scoring_make_up_the_whole_byte_for_byte(
    folder: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (files, saturate):
        monkeypatch.setattr(module, "BLOCK", 3)
    given = "variants", "run", "calls.vcf", "genome.fa"
    assert run_genoml(*given, "--out", "whole.tsv", "--vcf", "whole.vcf.gz") == 0
    parts = []
    for number in range(1, count + 1):
        out = ("--out", "part.tsv", "--vcf", "part.vcf.gz", "--shard", f"{number}/{count}")
        assert run_genoml(*given, *out) == 0
        parts.append(tuple(Path(out[at]).read_bytes() for at in (1, 3)))
    table, vcf = (b"".join(each) for each in zip(*parts, strict=True))
    assert table == Path("whole.tsv").read_bytes()
    assert gzip.decompress(vcf) == gzip.decompress(Path("whole.vcf.gz").read_bytes())
    assert len(list(open_vcf("whole.vcf.gz"))) == 1
    for kind in (".tsv", ".vcf"):
        given = "saturate", "run", "genome.fa", "places.bed"
        assert run_genoml(*given, "--out", f"all{kind}") == 0
        assert sharded(folder, count, *given, suffix=kind) == Path(f"all{kind}").read_bytes()


def test_an_interrupted_shard_goes_on_to_the_same_bytes_and_another_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(files, "BLOCK", 3)
    given = "variants", "run", "calls.vcf", "genome.fa", "--shard", "2/2"
    assert run_genoml(*given, "--out", "whole.tsv") == 0
    score = Scorer.score

    def failing(self: Scorer, variants: Variants, *rest: Any) -> VariantScores:
        if len(variants) and variants.record[0] == 9:
            raise KeyboardInterrupt
        return score(self, variants, *rest)

    monkeypatch.setattr(Scorer, "score", failing)
    assert run_genoml(*given, "--out", "part.tsv") == 130
    monkeypatch.setattr(Scorer, "score", score)
    assert run_genoml(*given[:-1], "1/2", "--out", "part.tsv", "--resume") == 2
    assert "part.tsv.partial: is of another scoring" in capsys.readouterr().err
    assert run_genoml(*given, "--out", "part.tsv", "--resume") == 0
    assert Path("part.tsv").read_bytes() == Path("whole.tsv").read_bytes()


def test_what_is_of_all_variants_is_refused_for_a_shard(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = "variants", "run", "calls.vcf", "genome.fa", "--out", "scores.tsv", "--shard", "1/2"
    assert run_genoml(*given, "--summary", "summary.json") == 2
    assert "--summary and --report are of all of CALLS" in capsys.readouterr().err
    assert run_genoml("variants", "run", "-", "genome.fa", "--shard", "1/2") == 2
    assert "-: with --shard expects a file" in capsys.readouterr().err
    assert run_genoml("saturate", "run", "genome.fa", "places.bed", "--out", "a.bw", "--shard", "1/2") == 2
    assert "a.bw: bigWig files cannot be joined" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir() if "scores" in path.name) == []


def test_saturation_writes_what_the_suffix_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_genoml("saturate", "run", "genome.fa", "places.bed", "--out", "all.tsv", "--share", 10) == 0
    assert capsys.readouterr().err.endswith("10 records, 30 alternative alleles: 30 ok; all.tsv\n")
    assert run_genoml("saturate", "run", "genome.fa", "places.bed", "--out", "all.bw", "--task", "0") == 0
    assert (folder / "all.bw").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["calls.vcf", "genome.fa", "--vcf", "new.vcf"], "--vcf and --resume expect --out FILE"),
        (["calls.vcf", "genome.fa", "--resume"], "--vcf and --resume expect --out FILE"),
        (["calls.vcf", "genome.fa", "--out", "a", "--vcf", "b", "--columns", "c=d"], "--vcf expects VCF"),
        (["calls.vcf", "genome.fa", "--columns", "chrom"], "--columns expects chrom=A,pos=B"),
        (
            ["calls.vcf", "genome.fa", "--columns", "chrom=A"],
            "columns expects names for chrom, pos, ref, alt",
        ),
        (["calls.vcf", "genome.fa", "--task", "liver"], "the model has no task 'liver'; its tasks are 0, 1"),
        (["none.vcf", "genome.fa"], "none.vcf: no such file"),
        (["calls.vcf", "none.fa"], "none.fa: no such file"),
        (["places.bed", "genome.fa"], "places.bed, line 1: expects ##fileformat=VCFv4.1 to 4.5"),
        (["calls.vcf", "genome.fa", "--regions", "calls.vcf"], "calls.vcf, line 3"),
        (["calls.vcf", "genome.fa", "--effect", "profile"], "expects a model of profiles"),
        (
            ["calls.vcf", "genome.fa", "--out", "s.tsv", "--vcf", "calls.vcf"],
            "calls.vcf: is the file of variants",
        ),
        (
            ["calls.vcf", "genome.fa", "--out", "s.tsv", "--summary", "no/s.json"],
            "s.json: expects a file name in",
        ),
        (["calls.vcf", "genome.fa", "--out", "run"], "run: expects a file name in a folder that exists"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    before = {path.name for path in folder.iterdir()}
    assert run_genoml("variants", "run", *arguments) == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if "making none.fa.store" not in line]
    assert (said.out, len(lines)) == ("", 1)
    assert words in lines[0]
    assert {path.name for path in folder.iterdir()} == before


def test_a_file_of_another_build_ends_with_2_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("1", 1200 + i, "A", "C") for i in range(40)]
    (folder / "calls.vcf").write_text(vcf_text(rows))
    assert (
        run_genoml("variants", "run", "calls.vcf", "genome.fa", "--out", "scores.tsv", "--vcf", "new.vcf")
        == 2
    )
    assert "genoml: error: calls.vcf: " in (said := capsys.readouterr().err)
    assert "% of REF alleles" in said
    assert not (folder / "scores.tsv").exists()
    assert not (folder / "new.vcf").exists()
