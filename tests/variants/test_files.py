"""Files of scores: a row an ALT, the input's bytes with one more key, the same bytes after an interruption."""

from __future__ import annotations

import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.data import coverage
from genoml.genome import GenomeStore, Intervals
from genoml.io import FormatError, FormatWarning, open_vcf, read_vcf
from genoml.runs import Run, save_run
from genoml.variants import Summary, files, saturate, saturate_regions, score_file, score_variants, scorer
from support.calls import LENGTH, letters_of, other, small_genome, small_model, some_variants, vcf_text


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> GenomeStore:
    return small_genome(tmp_path_factory.mktemp("genome"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return save_run(small_model(2), tmp_path_factory.mktemp("runs") / "small", length_bp=LENGTH)


@pytest.fixture
def calls(tmp_path: Path, genome: GenomeStore) -> Path:
    rows = [
        *some_variants(genome, 50),
        ("chr1", 1500, letters_of(genome, "chr1", 1499, 1500), "<DEL>,*,GATTA"),
    ]
    (tmp_path / "calls.vcf").write_text(vcf_text([*rows, rows[3], ("chr9", 5, "A", "C")]))
    return tmp_path / "calls.vcf"


def score(run: Run, genome: GenomeStore, calls: Path, out: Any, **options: Any) -> Summary:
    return score_file(run, genome, open_vcf(calls), out, **options)


def test_the_table_has_a_row_an_alt_with_the_scores_of_python(
    run: Run, genome: GenomeStore, calls: Path, tmp_path: Path
) -> None:
    summary = score(run, genome, calls, tmp_path / "scores.tsv")
    lines = [line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines()]
    assert lines[0] == [
        "chrom", "pos", "id", "ref", "alt", "status", "reference_0", "alternative_0", "reference_1", "alternative_1",
        "effect_0", "effect_1", "line",
    ]  # fmt: skip
    variants = read_vcf(calls)
    expected = score_variants(run, genome, variants)
    found = np.array([line[6:12] for line in lines[1:]], float)
    np.testing.assert_allclose(found[:, 4:], expected.effect, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found[:, [0, 2]], expected.reference, rtol=1e-5)
    np.testing.assert_allclose(found[:, [1, 3]], expected.alternative, rtol=1e-5)
    for row, line in enumerate(lines[1:]):
        assert f"{line[0]}:{line[1]} {line[3]}>{line[4]}" == variants.place(row)
        assert (line[5], line[12]) == (expected.status[row], str(variants.line[row]))
    assert (summary.records, summary.alts, summary.duplicates) == (53, 55, 1)
    assert summary.statuses == {"ok": 52, "unsupported": 2, "unknown_chromosome": 1}
    assert sum(summary.statuses.values()) == summary.alts
    order = np.argsort(-np.nan_to_num(np.abs(expected.effect)).max(axis=1))
    assert summary.strongest[0]["pos"] == variants.pos[order[0]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.vcf", "scores.tsv"]


@pytest.mark.parametrize("how", ["plain", "crlf", "samples", "gzip"])
def test_an_annotated_vcf_is_the_input_with_one_more_key(
    run: Run, genome: GenomeStore, calls: Path, tmp_path: Path, how: str
) -> None:
    text = calls.read_text().replace("AC=1\n", ".\n", 1)
    if how == "crlf":
        text = text.replace("\n", "\r\n")
    if how == "samples":
        text = re.sub(
            "\n(?!#|$)",
            "\tGT\t0/1\n",
            text.replace("INFO\n", "INFO\tFORMAT\tS1\n").replace("S1\n", "S1\n", 1),
        )
        text = text.replace("S1\tGT\t0/1\n", "S1\n").removesuffix("\n") + "\tGT\t0/1\n\n"
    calls.write_bytes(text.encode())
    out = tmp_path / ("new.vcf.gz" if how == "gzip" else "new.vcf")
    score(run, genome, calls, tmp_path / "scores.tsv", annotated=out)
    found = (gzip.decompress(out.read_bytes()) if how == "gzip" else out.read_bytes()).decode()
    end = "\r\n" if how == "crlf" else "\n"
    added = re.search(
        f'##INFO=<ID=GENOML,Number=.,Type=String,Description="genoml variants, run small.*"(>{end})', found
    )
    assert added is not None
    assert added.end() == found.index("#CHROM")
    assert "status|reference_0|alternative_0|reference_1|alternative_1|effect_0|effect_1" in added[0]
    rest = re.sub(";?GENOML=[^\t\r\n]*", "", found.replace(added[0], ""))
    assert rest == text.replace("PASS\t.", "PASS\t", 1)
    records = [line for line in found.split(end) if line and line[0] != "#"]
    assert records[50].split("\t")[7].split("GENOML=")[1].split(",")[1] == "unsupported|.|.|.|.|.|."
    rows = [line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines()[1:]]
    values = [value for line in records for value in line.split("\t")[7].split("GENOML=")[1].split(",")]
    assert [value.replace("|.", "|nan").split("|") for value in values] == [row[5:12] for row in rows]


@pytest.mark.parametrize("kind", ["variants", ".vcf", ".bw"])
def test_an_interrupted_scoring_ends_with_the_bytes_of_a_whole_one(
    run: Run, genome: GenomeStore, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for module in (files, saturate):
        monkeypatch.setattr(module, "BLOCK", 8)

    def work(out: Path, *, vcf: Path = calls, **options: Any) -> list[Path]:
        if kind == "variants":
            new = out.with_suffix(".new.vcf")
            score(run, genome, vcf, out, annotated=new, **options)
            return [out, new]
        places = Intervals("chr1", [1500, 1530], [1540, 1560])
        return saturate_regions(run, genome, places, out.with_suffix(kind), **options)[0]

    whole = work(tmp_path / "whole.out")
    partial = tmp_path / ("part.out.partial" if kind == "variants" else f"part{kind}.partial")
    scored = scorer.Scorer.score
    calls_made: list[int] = []

    def stopping(*arguments: Any) -> Any:
        calls_made.append(len(arguments[1]))
        if len(calls_made) == 5:
            raise KeyboardInterrupt
        return scored(*arguments)

    monkeypatch.setattr(scorer.Scorer, "score", stopping)
    with pytest.raises(KeyboardInterrupt):
        work(tmp_path / "part.out")
    with partial.open("ab") as file:
        file.write(b"cut in the middle of a block")
    with pytest.raises(ValueError, match="an interrupted scoring is there; go on with it"):
        work(tmp_path / "part.out")
    with pytest.raises(ValueError, match="is of another scoring"):
        work(tmp_path / "part.out", resume=True, seed=1)
    if kind == "variants":
        lines = calls.read_text().splitlines(keepends=True)
        (tmp_path / "other.vcf").write_text("".join([*lines[:4], *lines[5:]]))
        with pytest.raises(ValueError, match=r"other\.vcf: has other variants .* from line 3 on; restore it"):
            work(tmp_path / "part.out", vcf=tmp_path / "other.vcf", resume=True)
    calls_made.clear()
    calls_made.extend([0] * 5)
    part = work(tmp_path / "part.out", resume=True)
    assert len(whole) == len(part)
    for one, two in zip(whole, part, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert not partial.exists()


def test_a_scoring_that_failed_at_once_leaves_nothing(run: Run, genome: GenomeStore, tmp_path: Path) -> None:
    rows = [(chrom, pos, other(ref, 2), alt) for chrom, pos, ref, alt in some_variants(genome, 9, kinds="S")]
    (tmp_path / "calls.vcf").write_text(vcf_text(rows))
    with pytest.raises(FormatError, match=r"calls\.vcf: 100 % of REF alleles \(9 of 9\) are not those"):
        score(run, genome, tmp_path / "calls.vcf", tmp_path / "scores.tsv")
    (tmp_path / "cut.vcf").write_text(vcf_text(some_variants(genome, 9)).removesuffix("\tAC=1\n"))
    with pytest.raises(FormatError, match=r"cut\.vcf, line 11: has"):
        score(run, genome, tmp_path / "cut.vcf", tmp_path / "scores.tsv")
    with pytest.raises(ValueError, match="least_match expects a share from 0 to 1, got 95"):
        score(run, genome, tmp_path / "calls.vcf", tmp_path / "scores.tsv", least_match=95)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.vcf", "cut.vcf"]


def test_an_empty_file_gives_a_header_and_a_stream_gets_lines(
    run: Run, genome: GenomeStore, calls: Path, tmp_path: Path
) -> None:
    stream, empty = io.BytesIO(), tmp_path / "empty.vcf"
    score(run, genome, calls, stream)
    score(run, genome, calls, tmp_path / "scores.tsv")
    assert stream.getvalue() == (tmp_path / "scores.tsv").read_bytes()
    empty.write_text(vcf_text([]))
    with pytest.warns(FormatWarning, match="has no records"):
        summary = score(run, genome, empty, tmp_path / "none.tsv", annotated=tmp_path / "none.vcf")
    assert (tmp_path / "none.tsv").read_bytes() == stream.getvalue().split(b"\n")[0] + b"\n"
    assert (tmp_path / "none.vcf").read_text().count("\n") == 3
    summary.write(tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "records": 0, "alts": 0, "statuses": {}, "duplicates": 0, "chromosomes": "", "strongest": [],
    }  # fmt: skip


def test_an_annotated_file_is_not_annotated_again(
    run: Run, genome: GenomeStore, calls: Path, tmp_path: Path
) -> None:
    score(run, genome, calls, tmp_path / "a.tsv", annotated=tmp_path / "new.vcf")
    with pytest.raises(ValueError, match=r"new\.vcf: has INFO key GENOML already; .* -x INFO/GENOML"):
        score(run, genome, tmp_path / "new.vcf", tmp_path / "b.tsv", annotated=tmp_path / "newer.vcf")


def test_saturation_has_every_substitution_once_in_each_form(
    run: Run, genome: GenomeStore, tmp_path: Path
) -> None:
    places = Intervals(["chr1"] * 3, [1500, 1510, 1025], [1520, 1525, 1035])
    (table,), summary = saturate_regions(run, genome, places, tmp_path / "all.tsv", most_n=1.0)
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    assert [int(row[1]) for row in rows] == [
        *np.repeat(np.arange(1031, 1036), 3),
        *np.repeat(np.arange(1501, 1526), 3),
    ]
    assert summary.records * 3 == summary.alts == len(rows) == 90
    for pos in range(1501, 1526):
        ref = letters_of(genome, "chr1", pos - 1, pos)
        assert {(row[3], row[4]) for row in rows if int(row[1]) == pos} == {
            (ref, other(ref, i)) for i in (1, 2, 3)
        }
    effects = np.array([row[10:12] for row in rows], float).reshape(-1, 3, 2)
    (vcf,), _ = saturate_regions(run, genome, places, tmp_path / "all.vcf.gz", most_n=1.0)
    again = read_vcf(vcf)
    assert [(row[1], row[4]) for row in rows] == [
        (str(p + 1), a) for p, a in zip(again.pos, again.alt, strict=True)
    ]
    assert b"GENOML=ok|" in gzip.decompress(vcf.read_bytes())
    tracks, _ = saturate_regions(run, genome, places, tmp_path / "all.bw", most_n=1.0)
    assert [track.name for track in tracks] == ["all.0.bw", "all.1.bw"]
    for number, track in enumerate(tracks):
        found = coverage(track, Intervals("chr1", [1500], [1525]), bins=25)[0]
        np.testing.assert_allclose(found, -effects[5:, :, number].mean(axis=1), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"all\.bed: expects a file ending in \.tsv"):
        saturate_regions(run, genome, places, tmp_path / "all.bed")
    with pytest.raises(ValueError, match="expects regions with bases A C G T, got none"):
        saturate_regions(run, genome, Intervals("chr1", [1001], [1020]), tmp_path / "none.tsv")
