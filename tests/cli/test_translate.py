from __future__ import annotations

import pytest

from genoml.io import read_fasta
from genoml.sequence import six_frames
from support.orfs import GENOMES, phix174
from support.planted import run_genoml


def test_a_file_is_translated_record_by_record(tmp_path, capfd):
    (tmp_path / "a.fa").write_text(">a first\nATGGCN\nTAA\n>b\nGUGUGGA\n")
    assert run_genoml("translate", tmp_path / "a.fa") == 0
    assert capfd.readouterr().out == ">a first\nMA*\n>b\nVW\n"


def test_options_are_those_of_the_function(tmp_path, capfd):
    (tmp_path / "a.fq").write_text("@b c\nGTGTGATAGC\n+\nIIIIIIIIII\n")
    options = ["--table", "Bacterial", "--methionine", "--partial", "X"]
    assert run_genoml("translate", tmp_path / "a.fq", *options) == 0
    assert capfd.readouterr().out == ">b c\nM**X\n"
    assert run_genoml("translate", tmp_path / "a.fq", "--table", "4", "--to-stop") == 0
    assert capfd.readouterr().out == ">b c\nVW\n"


def test_several_frames_are_told_apart_by_name(tmp_path):
    assert (
        run_genoml("translate", GENOMES / "phix174.fa", "--six", "--table", 11, "--out", tmp_path / "p.fa")
        == 0
    )
    records = list(read_fasta(tmp_path / "p.fa", letters="protein"))
    assert [record.id for record in records] == [
        f"NC_001422.1_frame{frame}" for frame in (1, 2, 3, -1, -2, -3)
    ]
    assert [record.sequence for record in records] == list(six_frames(phix174(), 11).values())
    assert records[0].name.endswith("_frame1 Coliphage phiX174, complete genome")
    assert run_genoml("translate", GENOMES / "phix174.fa", "--frames=-2,3", "--out", tmp_path / "p.fa") == 0
    records = list(read_fasta(tmp_path / "p.fa", letters="protein"))
    assert [record.id for record in records] == ["NC_001422.1_frame-2", "NC_001422.1_frame3"]


def test_the_first_word_of_a_name_is_the_same_for_all_commands(tmp_path, capfd):
    def out_of(*arguments):
        assert run_genoml(*arguments) == 0
        return capfd.readouterr().out

    tab = tmp_path / "tab.fa"
    tab.write_text(">s1\ttabbed desc\nATGAAATAG\n")
    frames = [line for line in out_of("translate", "--six", tab).split("\n") if line.startswith(">")]
    assert frames == [f">s1_frame{frame}\ttabbed desc" for frame in (1, 2, 3, -1, -2, -3)]
    assert out_of("shuffle", tab).startswith(">s1_shuffle1\ttabbed desc\n")
    assert out_of("orfs", tab).split("\n")[1] == "##sequence-region s1 1 9"
    assert out_of("orfs", tab, "--min-length", 3, "--format", "fasta").startswith(">s1_1 s1:0-6(+) ")
    assert out_of("align", tab, tab).startswith("# s1 (9 letters")
    (tmp_path / "a.bed").write_text("s1\t0\t3\n")
    assert out_of("fetch", tab, tmp_path / "a.bed") == ">s1:0-3(.)\nATG\n"
    (tmp_path / "m.txt").write_text(">m\nA [9 0 0]\nC [0 0 0]\nG [0 0 9]\nT [0 9 0]\n")
    hits = out_of("scan", tab, "--motifs", tmp_path / "m.txt", "--p-value", "0.1")
    assert hits.startswith("s1\t0\t3\tm\t")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--table", "7"], "got '7'; NCBI merged 7 into 4"),
        (["--frames", "1,4"], "--frames expects some of 1,2,3,-1,-2,-3, each once, got '1,4'"),
        (["--frames", "one"], "got 'one'"),
        (["--frames", "1,1"], "got '1,1'"),
        (["--table", "27", "--to-stop"], "error: to_stop expects a table whose stop codons only stop"),
        (
            ["--partial", "error"],
            "a.fa, line 3, record b: the sequence expects a multiple of three bases, got 4",
        ),
    ],
)
def test_bad_options_are_one_line_and_leave_no_file(tmp_path, capsys, options, message):
    (tmp_path / "a.fa").write_text(">a\nATG\n>b\nATGA\n")
    assert run_genoml("translate", tmp_path / "a.fa", "--out", tmp_path / "b.fa", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.fa"]
