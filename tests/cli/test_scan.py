from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.io import Motif, read_motifs, write_meme
from genoml.sequence import PWM, reverse_complement
from support.planted import run_genoml

SITE = "TTGACATAAT"
MEME = Path(__file__).parents[1] / "data" / "motifs" / "test.meme"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three records, with a site of the first motif on each strand of the first."""
    pwm = PWM.from_sequences([SITE], name="MA1")
    short = PWM.from_sequences(["ACGG"], name="MA2")
    write_meme(
        tmp_path / "m.meme",
        [
            Motif("MA1", pwm.probabilities, symbol="SIGMA", n_sites=50),
            Motif("MA2", short.probabilities, n_sites=50),
        ],
    )
    letters = np.array(list("ACGT"))[np.random.default_rng(3).integers(0, 4, 60)]
    background = "".join(letters)
    first = background[:12].lower() + SITE + background[12:20] + reverse_complement(SITE)
    (tmp_path / "a.fa").write_text(f">one of three\n{first}\n>two\nNNNNNNNNNNNNNNN\n>three\n{SITE}\n")
    return tmp_path


def test_bed_has_six_columns_with_whole_scores(folder, capfd):
    assert run_genoml("scan", folder / "a.fa", "--motifs", folder / "m.meme", "--p-value", 1e-5) == 0
    lines = capfd.readouterr().out.splitlines()
    rows = [line.split("\t") for line in lines]
    assert [(r[0], r[1], r[2], r[3], r[5]) for r in rows] == [
        ("one", "12", "22", "MA1", "+"),
        ("one", "30", "40", "MA1", "-"),
        ("three", "0", "10", "MA1", "+"),
    ]
    # the best of 4**10 windows: -100 log10(4**-10)
    assert {r[4] for r in rows} == {"602"}


def test_tsv_names_its_columns_and_shows_the_site_on_its_strand(folder, capfd):
    options = ["--motifs", folder / "m.meme", "--motif", "SIGMA", "--p-value", 1e-5, "--format", "tsv"]
    assert run_genoml("scan", folder / "a.fa", *options) == 0
    header, *rows = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    assert header == ["name", "motif", "start", "end", "strand", "score", "p_value", "sequence"]
    pwm = PWM.from_motif(read_motifs(folder / "m.meme")[0])
    assert [row[:5] for row in rows] == [
        ["one", "MA1", "12", "22", "+"],
        ["one", "MA1", "30", "40", "-"],
        ["three", "MA1", "0", "10", "+"],
    ]
    for row in rows:
        assert row[7] == SITE
        assert float(row[5]) == pytest.approx(pwm.score(SITE), abs=1e-4)
        assert float(row[6]) == pytest.approx(4.0**-10, rel=1e-3)


def test_one_strand_alone_and_a_file(folder):
    options = ["--motifs", folder / "m.meme", "--strand", "+", "--out", folder / "hits.bed.gz"]
    assert run_genoml("scan", folder / "a.fa", *options) == 0
    import gzip

    lines = gzip.decompress((folder / "hits.bed.gz").read_bytes()).decode().splitlines()
    assert lines
    assert {line.split("\t")[5] for line in lines} == {"+"}


def test_rna_is_shown_as_rna(tmp_path, capfd):
    write_meme(tmp_path / "m.meme", [PWM.from_sequences(["AACCGGAACC"], name="M").to_motif()])
    (tmp_path / "a.fa").write_text(">r\nUUUGGUUCCGGUUAAACCGGAACC\n")
    options = ["--motifs", tmp_path / "m.meme", "--p-value", 1e-5, "--format", "tsv"]
    assert run_genoml("scan", tmp_path / "a.fa", *options) == 0
    rows = [line.split("\t") for line in capfd.readouterr().out.splitlines()[1:]]
    assert [(row[2], row[4], row[7]) for row in rows] == [("3", "-", "AACCGGAACC"), ("14", "+", "AACCGGAACC")]
    write_meme(tmp_path / "m.meme", [PWM.from_sequences(["GGTTCCGGTT"], name="M").to_motif()])
    assert run_genoml("scan", tmp_path / "a.fa", *options) == 0
    rows = [line.split("\t") for line in capfd.readouterr().out.splitlines()[1:]]
    assert [(row[4], row[7]) for row in rows] == [("+", "GGUUCCGGUU"), ("-", "GGUUCCGGUU")]


def test_motifs_of_jaspar_are_the_default_and_standard_input_is_read(monkeypatch, capfd):
    site = "TGGCCACCAGGGGGCGCTA"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f">s\nACGTT{site}ACGTT\n".encode())))
    assert run_genoml("scan", "-", "--motif", "CTCF", "--motif", "MA0139.2") == 0
    rows = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    assert "MA0139.2" in {row[3] for row in rows}


def test_hits_are_the_same_on_every_backend(backend: Backend, folder, capfd):
    options = ["--motifs", MEME, "--p-value", 1e-2, "--format", "tsv"]
    assert run_genoml("scan", folder / "a.fa", *options) == 0
    mine = capfd.readouterr().out
    assert run_genoml("scan", folder / "a.fa", *options, "--backend", "numpy") == 0
    assert mine == capfd.readouterr().out
    assert mine.count("\n") > 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--motif", "nobody"], "m.meme: no motif named 'nobody' among 2"),
        (["--p-value", "0"], "Invalid value for '--p-value'"),
        (["--p-value", "nan"], "0 < p_value <= 1, got nan"),
        (["--motifs", "gone.meme"], "gone.meme: no such file"),
        (["--motifs", "a.fa"], "a.fa, line 2"),
        (["--format", "gff"], "'gff' is not one of"),
        (["--backend", "abacus"], "unknown backend 'abacus'"),
    ],
)
def test_a_fault_is_one_line_and_leaves_no_file(options, words, folder, capfd, monkeypatch):
    monkeypatch.chdir(folder)
    assert run_genoml("scan", "a.fa", "--motifs", "m.meme", *options, "--out", "hits.bed") == 2
    error = capfd.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert not (folder / "hits.bed").exists()


def test_a_damaged_record_leaves_no_file(folder, capfd):
    (folder / "bad.fa").write_text(f">a\n{SITE}\n>b\nAC?T\n")
    options = ["--motifs", folder / "m.meme", "--out", folder / "hits.bed"]
    assert run_genoml("scan", folder / "bad.fa", *options) == 2
    assert "line 4, record b" in capfd.readouterr().err
    assert not (folder / "hits.bed").exists()


def test_standard_input_cannot_be_both(capfd):
    assert run_genoml("scan", "-", "--motifs", "-") == 2
    assert "only one of SEQUENCES and --motifs" in capfd.readouterr().err


def test_a_motif_of_homer_of_four_positions_is_found_as_it_stands(tmp_path, capfd):
    rows = "0.997\t0.001\t0.001\t0.001\n0.001\t0.997\t0.001\t0.001\n0.001\t0.001\t0.997\t0.001\n"
    header = ">ACGA\t1-ACGA\t5.179177\t-342.61\t0\tT:22.0(48.77%),B:2.3(5.54%),P:1e-14\n"
    (tmp_path / "a.motif").write_text(header + rows + rows.split("\n")[0] + "\n")
    (tmp_path / "a.fa").write_text(">x\nTTTTACGATTTT\n")
    options = ["--motifs", tmp_path / "a.motif", "--p-value", 0.01, "--strand", "+", "--format", "tsv"]
    assert run_genoml("scan", tmp_path / "a.fa", *options) == 0
    _, hit = [line.split("\t") for line in capfd.readouterr().out.splitlines()]
    assert (hit[:5], hit[-1]) == (["x", "1-ACGA", "4", "8", "+"], "ACGA")


@pytest.mark.parametrize(("count", "kind"), [(3, "tsv"), (20, "bed")])
def test_shards_of_a_scan_make_up_the_whole_byte_for_byte(count, kind, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("genoml.sequence.motifs.scanner._BLOCK", 16)
    monkeypatch.setattr("genoml.cli.scan._BATCH_RECORDS", 2)  # hits over ends of blocks and batches
    given = ["scan", folder / "a.fa", "--motifs", folder / "m.meme", "--p-value", 0.01, "--format", kind]
    assert run_genoml(*given, "--out", tmp_path / "whole") == 0
    parts = []
    for number in range(1, count + 1):
        assert run_genoml(*given, "--out", tmp_path / "part", "--shard", f"{number}/{count}") == 0
        parts.append((tmp_path / "part").read_bytes())
    assert b"".join(parts) == (tmp_path / "whole").read_bytes()
    assert len(set(parts)) > 1


def test_a_shard_of_standard_input_is_refused(folder, capfd):
    assert run_genoml("scan", "-", "--motifs", folder / "m.meme", "--shard", "1/2") == 2
    assert (
        "-: with --shard expects a file, which all shards read, got standard input" in capfd.readouterr().err
    )
