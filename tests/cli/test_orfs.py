from __future__ import annotations

import pytest

from genoml.io import OrfsOf, read_fasta, write_orfs
from genoml.sequence import find_orfs
from support.orfs import GENOMES, phix174
from support.planted import run_genoml


@pytest.mark.parametrize("format", ["fasta", "gff3", "tsv"])
@pytest.mark.parametrize("protein", [False, True])
def test_the_file_is_that_of_write_orfs(tmp_path, format, protein):
    options = ["--min-length", 90, "--table", "11", "--starts", "table", "--circular", "--format", format]
    options += ["--protein"] if protein else []
    assert run_genoml("orfs", GENOMES / "phix174.fa", *options, "--out", tmp_path / "found") == 0
    orfs = find_orfs(phix174(), 90, table=11, starts="table", circular=True)
    result = OrfsOf("NC_001422.1", phix174(), orfs, circular=True)
    write_orfs(tmp_path / "expected", [result], format=format, protein=protein)
    assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()


def test_gff3_is_the_default_and_options_are_those_of_the_function(tmp_path, capfd):
    (tmp_path / "a.fa").write_text(">a x\nCCGTGGCTTAG\n>b\nCCC\n")
    assert (
        run_genoml("orfs", tmp_path / "a.fa", "--min-length", 6, "--starts", "ATG,GTG", "--include-stop") == 0
    )
    first, *lines = capfd.readouterr().out.splitlines()
    assert first == "##gff-version 3"
    assert lines == [
        "##sequence-region a 1 11",
        "a\tgenoml\tORF\t3\t11\t.\t+\t0\tID=a_orf1;frame=3",
        "##sequence-region b 1 3",
    ]
    tsv = ["--format", "tsv", "--strand", "+", "--nested", "--partial", "none", "--min-length", 3]
    assert run_genoml("orfs", tmp_path / "a.fa", *tsv, "--starts", "GTG,GCT") == 0
    assert [line.split("\t")[1:3] for line in capfd.readouterr().out.splitlines()[1:]] == [
        ["2", "8"],
        ["5", "8"],
    ]


def test_proteins_of_a_file_read_back(tmp_path):
    options = ["--starts", "any", "--format", "fasta", "--protein", "--out", tmp_path / "p.fa.gz"]
    assert run_genoml("orfs", GENOMES / "lambda_12kb.fa", *options) == 0
    sequence = next(read_fasta(GENOMES / "lambda_12kb.fa")).sequence
    found = [record.sequence for record in read_fasta(tmp_path / "p.fa.gz", letters="protein")]
    assert found == [orf.protein for orf in find_orfs(sequence, starts="any")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-length", "-5"], "error: min_length expects 0 bp or more, got -5"),
        (["--min-length", "x"], "not a valid integer"),
        (["--table", "99"], "error: table expects an NCBI genetic code"),
        (["--starts", "ATG,XYZ"], "error: a codon expects three letters of A, C, G and T or U, got 'XYZ'"),
        (["--starts", "any", "--nested"], "error: nested expects start codons"),
        (["--format", "bed"], "'bed' is not one of"),
    ],
)
def test_bad_options_are_one_line_and_leave_no_file(tmp_path, capsys, options, message):
    (tmp_path / "a.fa").write_text(">a\nATG\n")
    assert run_genoml("orfs", tmp_path / "a.fa", "--out", tmp_path / "b", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.fa"]


def test_a_bad_record_is_named(tmp_path, capsys):
    (tmp_path / "a.fa").write_text(">a\nATG\n>b c\nATU\n")
    assert run_genoml("orfs", tmp_path / "a.fa") == 2
    assert "a.fa, line 3, record b: the sequence has both T and U" in capsys.readouterr().err
