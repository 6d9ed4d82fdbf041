from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from support.bgzf import bgzf_block
from support.planted import GENOML, run_genoml

FASTA = b">a\nACGTN\n>b\nGGC\n"
FASTQ = b"@a\nACGT\n+\nII#I\n@b\nAC\n+\nII\n"


def table(text: str) -> list[dict[str, str]]:
    header, *rows = (line.split("\t") for line in text.splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_there_is_a_row_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_bytes(FASTA)
    (tmp_path / "a.fq.gz").write_bytes(gzip.compress(FASTQ))
    files = [tmp_path / "a.fa", tmp_path / "a.fq.gz"]
    assert run_genoml("stats", *files, "--out", tmp_path / "out.tsv") == 0
    one, two = table((tmp_path / "out.tsv").read_text())
    assert one == {
        "file": str(files[0]),
        "format": "FASTA",
        "encoding": "",
        "encoding_sure": "",
        "records": "2",
        "total_bp": "8",
        "min_bp": "3",
        "mean_bp": "4",
        "median_bp": "4",
        "max_bp": "5",
        "n50_bp": "5",
        "gc_fraction": "0.714286",
        "ambiguous_bp": "1",
        "mean_quality": "",
    }
    assert (two["format"], two["encoding"], two["encoding_sure"], two["records"]) == (
        "FASTQ",
        "phred33",
        "yes",
        "2",
    )


def test_json_has_lengths_and_qualities_by_position(tmp_path: Path) -> None:
    (tmp_path / "a.fq").write_bytes(FASTQ)
    assert run_genoml("stats", "--json", tmp_path / "a.fq", "--out", tmp_path / "out.json") == 0
    (found,) = json.loads((tmp_path / "out.json").read_text())
    assert found["lengths_bp"] == {"2": 1, "4": 1}
    assert found["position_qualities"] == [40, 40, 2, 40]
    assert found["gc_fraction"] == 0.5


def test_standard_input_is_summed_up_as_the_file(tmp_path: Path) -> None:
    done = subprocess.run([*GENOML, "stats"], input=FASTQ, capture_output=True, timeout=60, check=True)
    (tmp_path / "a.fq").write_bytes(FASTQ)
    assert run_genoml("stats", tmp_path / "a.fq", "--out", tmp_path / "out.tsv") == 0
    (one,), (two,) = table(done.stdout.decode()), table((tmp_path / "out.tsv").read_text())
    assert one.pop("file") == "standard input"
    two.pop("file")
    assert one == two


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b">a\nAC!\n", "a.fx, line 2, record a: '!' is not"),
        (b"", "the file is empty"),
        (b"@a\nAC\n+\nI\n", "line 4"),
    ],
)
def test_a_damaged_file_is_one_line_and_leaves_no_table(content, message, tmp_path, capsys) -> None:
    (tmp_path / "a.fx").write_bytes(content)
    assert run_genoml("stats", tmp_path / "a.fx", "--out", tmp_path / "out.tsv") == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out.tsv").exists()


def test_letters_and_encoding_may_be_said(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_bytes(b">a\nMKVLE\n")
    (tmp_path / "b.fa").write_bytes(b">a\nAC-GT\n")
    (tmp_path / "a.fq").write_bytes(b"@a\nAC\n+\nhh\n")
    assert run_genoml("stats", "--letters", "protein", tmp_path / "a.fa", "--out", tmp_path / "1") == 0
    assert run_genoml("stats", "--letters", "any", tmp_path / "b.fa", "--out", tmp_path / "2") == 0
    assert run_genoml("stats", "--encoding", "phred64", tmp_path / "a.fq", "--out", tmp_path / "3") == 0
    assert table((tmp_path / "3").read_text())[0]["mean_quality"] == "40"


def test_a_warning_about_a_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.fa.gz"
    path.write_bytes(bgzf_block(FASTA))  # without the empty block that ends such a file
    done = subprocess.run([*GENOML, "stats", str(path)], capture_output=True, text=True, check=True)
    assert done.stderr.startswith(f"genoml: warning: {path}: the BGZF stream has no end-of-file block")
    assert done.stderr.count("\n") == 1
    assert table(done.stdout)[0]["total_bp"] == "8"
