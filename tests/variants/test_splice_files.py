from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.genome import GenomeStore
from genoml.io import FormatError, open_vcf, read_genes
from genoml.models import spliceai
from genoml.parallel import Shard
from genoml.runs import save_run
from genoml.train import MultiClassification
from genoml.variants import SpliceNetwork, SpliceOptions, SpliceScorer, score_splicing, splice_files
from support.planted import run_genoml

BASES = "".join(np.random.default_rng(4).choice(list("ACGT"), 500))
GTF = "".join(
    f'chr1\tx\texon\t{start}\t{end}\t.\t{strand}\t.\tgene_id "{name}"; gene_name "{name}";\n'
    for name, strand, start, end in (("A|1", "+", 101, 180), ("A|1", "+", 250, 320), ("B", "-", 300, 420))
)
HEAD = "##fileformat=VCFv4.3\n##source=x\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def other(base: str) -> str:
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def record(pos: int, ref: str = "", alt: str = "", info: str = ".") -> str:
    ref = ref or BASES[pos - 1]
    return f"1\t{pos}\t.\t{ref}\t{alt or other(ref)}\t.\t.\t{info}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "g.fa").write_text(f">chr1\n{BASES}\n")
    (tmp_path / "g.gtf").write_text(GTF)
    lines = [
        record(150), record(310, info="DP=3"), record(310, alt=f"{other(BASES[309])},<DEL>,{BASES[309]}TT"), record(20),
        record(160, ref=other(BASES[159]), alt="N"),
    ] * 4  # fmt: skip
    (tmp_path / "calls.vcf").write_text(HEAD + "".join(lines))
    return tmp_path


@pytest.fixture
def scorer(folder: Path) -> SpliceScorer:
    store = GenomeStore.build(folder / "g.fa", folder / "g.store")
    network = SpliceNetwork.of(spliceai(context_bp=80, filters=3), "mine")
    return SpliceScorer([network], store, read_genes(folder / "g.gtf"), SpliceOptions(10))


def scored(folder: Path, scorer: SpliceScorer, name: str = "out.vcf", **options: Any) -> list[str]:
    options = {"least_match": 0.5, **options}
    score_splicing(scorer, open_vcf(folder / "calls.vcf"), folder / name, **options)
    path = folder / name
    return (
        (gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes())
        .decode()
        .splitlines()
    )


def test_the_records_stay_and_get_an_entry_a_gene_and_a_status_an_allele(
    folder: Path, scorer: SpliceScorer
) -> None:
    lines = scored(folder, scorer)
    given = (folder / "calls.vcf").read_text().splitlines()
    assert lines[:2] == given[:2]
    assert lines[4] == given[2]
    assert "networks: mine; context 80, distance 10, not masked" in lines[2]
    assert "Number=A" in lines[3]
    for line, own in zip(lines[5:], given[3:], strict=True):
        assert line.split("\t")[:7] == own.split("\t")[:7]
    info = [line.split("\t")[7] for line in lines[5:10]]
    assert info[0].startswith(f"SPLICE={other(BASES[149])}|A%7C1|")
    assert info[0].endswith(";SPLICE_STATUS=ok")
    assert info[1].startswith("DP=3;SPLICE=")
    alleles = [entry.split("|")[:2] for entry in info[2].split(";")[0].removeprefix("SPLICE=").split(",")]
    first, last = other(BASES[309]), f"{BASES[309]}TT"
    assert alleles == [[first, "A%7C1"], [first, "B"], [last, "A%7C1"], [last, "B"]]
    assert info[2].endswith("SPLICE_STATUS=ok,unsupported,ok")
    assert info[3:] == ["SPLICE_STATUS=no_gene", "SPLICE_STATUS=mismatch"]
    assert all(len(entry.split("|")) == 10 for entry in info[2].split(";")[0].split(","))


def test_scores_are_made_of_the_raw_probabilities(folder: Path, scorer: SpliceScorer) -> None:
    lines = scored(folder, scorer, raw=folder / "raw.tsv")
    table = [line.split("\t") for line in (folder / "raw.tsv").read_text().splitlines()]
    assert table[0][:7] == ["chrom", "pos", "ref", "alt", "gene", "strand", "offset"]
    rows = np.array([row[7:] for row in table[1:22]], float)
    assert [int(row[6]) for row in table[1:22]] == list(range(-10, 11))
    entry = lines[5].split("\t")[7].split(";")[0].split("|")
    assert float(entry[2]) == pytest.approx((rows[:, 1] - rows[:, 0]).max(), abs=0.006)
    assert float(entry[5]) == pytest.approx((rows[:, 2] - rows[:, 3]).max(), abs=0.006)


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz"])
def test_an_interrupted_scoring_goes_on_to_the_same_bytes(
    name: str, folder: Path, scorer: SpliceScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splice_files, "_BLOCK", 3)
    whole = scored(folder, scorer, f"whole.{name}", raw=folder / "raw.whole")
    score, calls = scorer.score, []

    def stopping(variants: Any, chromosomes: Any = None) -> Any:
        calls.append(len(variants))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return score(variants, chromosomes)

    monkeypatch.setattr(scorer, "score", stopping)
    with pytest.raises(KeyboardInterrupt):
        scored(folder, scorer, name, raw=folder / "raw.tsv")
    assert not (folder / name).exists()
    with pytest.raises(ValueError, match="--resume"):
        scored(folder, scorer, name, raw=folder / "raw.tsv")
    assert scored(folder, scorer, name, raw=folder / "raw.tsv", resume=True) == whole
    assert (folder / "raw.tsv").read_bytes() == (folder / "raw.whole").read_bytes()
    assert sum(calls) < 2 * 28
    assert not list(folder.glob("*.partial"))


def test_shards_of_a_scoring_make_up_the_whole_byte_for_byte(
    folder: Path, scorer: SpliceScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splice_files, "_BLOCK", 9)
    whole = scored(folder, scorer, "whole.vcf", raw=folder / "raw.whole")
    parts, raw = list[str](), b""
    for number in range(1, 6):
        parts += scored(folder, scorer, "part.vcf", raw=folder / "raw.part", shard=Shard(number, 5))
        raw += (folder / "raw.part").read_bytes()
    assert parts == whole
    assert raw == (folder / "raw.whole").read_bytes()


def test_another_build_and_a_header_with_the_key_are_refused(folder: Path, scorer: SpliceScorer) -> None:
    with pytest.raises(
        FormatError, match=r"calls.vcf: 20 % of REF alleles \(4 of 20\) are not those of .*first: line 8"
    ):
        scored(folder, scorer, least_match=0.95)
    (folder / "calls.vcf").write_text(HEAD.replace("##source=x", "##INFO=<ID=SPLICE,Number=1>") + record(150))
    with pytest.raises(ValueError, match="has INFO key SPLICE already"):
        scored(folder, scorer)
    assert "SpliceAI=" in scored(folder, scorer, key="SpliceAI")[-1]
    assert not (folder / "x.vcf").exists()


def test_the_command_scores_by_runs_of_one_context_and_names_them(folder: Path, capsys: Any) -> None:
    for context in (80, 400):
        save_run(
            spliceai(context_bp=context, filters=2), folder / f"run{context}", length_bp=context + 1,
            objective=MultiClassification(),
        )  # fmt: skip
    files = [folder / "calls.vcf", folder / "g.fa", folder / "g.gtf", "--least-match", "0.5"]
    assert run_genoml("splice", *files, "--model", folder / "run80", "--distance", "5", "--mask") == 0
    printed = capsys.readouterr()
    assert "networks: run80; context 80, distance 5, masked" in printed.out
    assert "20 records, 28 alternative alleles: 16 ok, 4 " in printed.err
    assert run_genoml("splice", *files, "--model", folder / "run80", "--context", "400") == 2
    assert "run80: its weights were made for 80 bases of context, not 400" in capsys.readouterr().err
    assert run_genoml("splice", *files, "--model", folder / "run80", "--model", folder / "run400") == 2
    assert "run400: its weights were made for 400 bases of context, not 80" in capsys.readouterr().err


def test_the_example_needs_no_files(capsys: Any) -> None:
    assert run_genoml("splice", "--example", "--distance", "10") == 0
    printed = capsys.readouterr()
    info = {line.split("\t")[2]: line.split("\t")[7] for line in printed.out.splitlines() if line[0] != "#"}
    assert info["donor"].startswith("SPLICE=T|TUBB8|0.00|-0.00|0.00|0.93|")
    assert info["symbolic"] == "SPLICE_STATUS=unsupported"
    assert "CI-SpliceAI network 1 of 5 (Strauch et al. 2022, CC BY 4.0)" in printed.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "expects CALLS, GENOME and GENES, or --example alone"),
        (("a.vcf", "--example"), "expects CALLS, GENOME and GENES, or --example alone"),
        (("--example", "--resume"), "--raw and --resume expect --out FILE"),
        (("--example", "--key", "A B"), "--key expects letters, digits, _ and ."),
    ],
)
def test_options_that_do_not_fit_are_refused(options: tuple[str, ...], message: str, capsys: Any) -> None:
    assert run_genoml("splice", *options) == 2
    assert message in capsys.readouterr().err
