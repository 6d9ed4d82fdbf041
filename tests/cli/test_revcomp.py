from __future__ import annotations

import io
import subprocess
import sys
from types import SimpleNamespace

import pytest

from genoml.io import read_fasta, read_fastq
from genoml.sequence import reverse_complement
from support.planted import GENOML, run_genoml
from support.subprocesses import process


def test_fasta_gives_fasta_with_names_and_case_kept(tmp_path, capfd):
    (tmp_path / "a.fa").write_text(">a first\nAACG\nTn\n>b\nAUU\n")
    assert run_genoml("revcomp", tmp_path / "a.fa") == 0
    assert capfd.readouterr().out == ">a first\nnACGTT\n>b\nAAU\n"


def test_fastq_gives_fastq_with_qualities_reversed(tmp_path):
    (tmp_path / "a.fq").write_bytes(b"@a 1\nAACG\n+\n!I~#\n@b\n\n+\n\n")
    assert run_genoml("revcomp", tmp_path / "a.fq", "--out", tmp_path / "b.fq.gz") == 0
    first, second = read_fastq(tmp_path / "b.fq.gz")
    assert (first.name, first.sequence, first.qualities.tolist()) == ("a 1", "CGTT", [2, 93, 40, 0])
    assert (second.name, second.sequence) == ("b", "")


def test_twice_is_the_file_itself(tmp_path):
    (tmp_path / "a.fa").write_text(">a\n" + "ACGTTGCANN" * 8 + "\nAC\n")
    assert run_genoml("revcomp", tmp_path / "a.fa", "--out", tmp_path / "b.fa") == 0
    assert run_genoml("revcomp", tmp_path / "b.fa", "--out", tmp_path / "c.fa") == 0
    assert (tmp_path / "c.fa").read_text() == (tmp_path / "a.fa").read_text()
    (record,) = read_fasta(tmp_path / "b.fa")
    assert record.sequence == reverse_complement("ACGTTGCANN" * 8 + "AC")


def test_standard_input_is_read_and_the_alphabet_may_be_given(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b">a\nAAC\n")))
    assert run_genoml("revcomp", "--alphabet", "RNA") == 0
    assert capfd.readouterr().out == ">a\nGUU\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b">a\nAC\n>b\nTU\n", "a.fa, line 3, record b: the sequence has both T and U"),
        (b">a\nAC\n>b\nA-C\n", "a.fa, line 4, record b: gap '-'"),
        (b"@a\nAC\n+\nI\n", "a.fa, line 4, record a"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(tmp_path, capsys, content, message):
    (tmp_path / "a.fa").write_bytes(content)
    assert run_genoml("revcomp", tmp_path / "a.fa", "--out", tmp_path / "b.fa") == 2
    error = capsys.readouterr().err
    assert error.startswith("genoml: error: ")
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.fa"]


def test_a_reader_who_goes_away_ends_it_quietly(tmp_path):
    (tmp_path / "a.fa").write_text((">a\n" + "ACGT" * 20 + "\n") * 20000)
    with process(
        [*GENOML, "revcomp", str(tmp_path / "a.fa")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writing:
        assert writing.stdout is not None
        assert writing.stderr is not None
        assert writing.stdout.readline() == b">a\n"
        writing.stdout.close()
        assert writing.stderr.read() == b""
        assert writing.wait() == 1
