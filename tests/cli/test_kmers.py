from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from genoml.cli import kmers
from genoml.io import records as record_batches
from genoml.sequence import KmerCounter, canonical_columns, kmer_names
from support.planted import GENOML, run_genoml
from support.subprocesses import process

FOLDER = Path(__file__).parents[1] / "data" / "kmers"
SLICES = FOLDER / "phix_slices.fa"


def table(capfd, *arguments) -> list[list[str]]:
    assert run_genoml("kmers", *arguments) == 0
    return [line.split("\t") for line in capfd.readouterr().out.splitlines()]


@pytest.mark.parametrize("name", ["k3", "k6.canonical", "k21", "k21.canonical"])
def test_the_sparse_table_is_that_of_jellyfish(capfd, name):
    options = ["--canonical"] if name.endswith("canonical") else []
    header, *rows = table(capfd, SLICES, "-k", name[1:].split(".")[0], "--sparse", *options)
    assert header == ["kmer", "count"]
    assert rows == [line.split("\t") for line in (FOLDER / f"jellyfish.{name}.tsv").read_text().splitlines()]


def test_the_whole_table_has_a_line_for_every_kmer(capfd, monkeypatch):
    monkeypatch.setattr(kmers, "_BLOCK", 7)
    _, *rows = table(capfd, SLICES, "-k", 3)
    assert [name for name, _ in rows] == kmer_names(3)
    assert [row for row in rows if row[1] != "0"] == table(capfd, SLICES, "-k", 3, "--sparse")[1:]
    _, *rows = table(capfd, SLICES, "-k", 2, "--canonical")
    assert [name for name, _ in rows] == [kmer_names(2)[column] for column in canonical_columns(2)]


def test_six_is_the_default_and_a_seed_takes_its_place(capfd):
    assert len(table(capfd, SLICES)) == 1 + 4**6
    _, *rows = table(capfd, SLICES, "--pattern", "1001001", "--sparse")
    counter = KmerCounter("1001001")
    counter.update(
        [line for line in SLICES.read_text().split(">")[1:] for line in ["".join(line.split("\n")[1:])]]
    )
    assert rows == [
        list(map(str, row)) for row in zip(counter.sparse().names, counter.sparse().counts, strict=True)
    ]


def test_records_have_rows_of_their_own(capfd, tmp_path, monkeypatch):
    (tmp_path / "a.fq").write_text("@a first\tone\nAACNu\n+\nIIIII\n@b\n\n+\n\n@c\nggg\n+\nIII\n")
    assert table(capfd, tmp_path / "a.fq", "-k", 1, "--per-sequence") == [
        ["name", "A", "C", "G", "T"],
        ["a", "2", "1", "0", "1"],
        ["b", "0", "0", "0", "0"],
        ["c", "0", "0", "3", "0"],
    ]
    monkeypatch.setattr(kmers, "_BLOCK", 4)
    assert table(capfd, tmp_path / "a.fq", "-k", 1, "--per-sequence", "--canonical", "--frequencies") == [
        ["name", "A", "C"],
        ["a", "0.75", "0.25"],
        ["b", "0", "0"],
        ["c", "0", "1"],
    ]
    assert table(capfd, tmp_path / "a.fq", "-k", 1, "--per-sequence", "--sparse", "--frequencies") == [
        ["name", "kmer", "frequency"],
        ["a", "A", "0.5"],
        ["a", "C", "0.25"],
        ["a", "T", "0.25"],
        ["c", "G", "1"],
    ]


def test_standard_input_and_gzip_give_the_same_bytes(tmp_path, monkeypatch):
    content = gzip.compress(SLICES.read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert run_genoml("kmers", "-", "-k", 4, "--out", tmp_path / "one.tsv") == 0
    assert run_genoml("kmers", SLICES, "-k", 4, "--out", tmp_path / "two.tsv.gz") == 0
    assert (tmp_path / "one.tsv").read_bytes() == gzip.decompress((tmp_path / "two.tsv.gz").read_bytes())


def test_batches_of_records_do_not_matter(capfd, tmp_path, monkeypatch):
    (tmp_path / "a.fa").write_text("".join(f">{i}\n{'ACGTTGCA' * (i + 1)}\n" for i in range(9)))
    once = table(capfd, tmp_path / "a.fa", "-k", 5)
    whole = record_batches.record_batches
    monkeypatch.setattr(record_batches, "record_batches", lambda records: whole(records, most_bp=20))
    assert table(capfd, tmp_path / "a.fa", "-k", 5) == once


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-k", "13"], "k = 13 has 4**13 k-mers: pass --sparse"),
        (["-k", "33"], "33 is not in the range"),
        (["-k", "3", "--pattern", "101"], "-k and --pattern exclude each other"),
        (["--pattern", "0110"], "a pattern expects 1s and 0s with a 1 at either end, got '0110'"),
        (["--pattern", "1101", "--canonical"], "reads the same from both ends"),
    ],
)
def test_options_that_do_not_fit_are_refused(capsys, options, message):
    assert run_genoml("kmers", SLICES, *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("options", [[], ["--per-sequence"], ["--per-sequence", "--sparse"]])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (">a\nAC\n>b\nTU\n", "a.fa, line 3, record b: the sequence has both T and U"),
        (">a\nAC\n>b\nA-C\n", "a.fa, line 4, record b: gap '-'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(tmp_path, capsys, content, message, options):
    (tmp_path / "a.fa").write_text(content)
    assert run_genoml("kmers", tmp_path / "a.fa", "-k", 2, "--out", tmp_path / "b.tsv", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.fa"]


def test_a_reader_who_goes_away_ends_it_quietly():
    with process(
        [*GENOML, "kmers", str(SLICES), "-k", "9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writing:
        assert writing.stdout is not None
        assert writing.stderr is not None
        assert writing.stdout.readline() == b"kmer\tcount\n"
        writing.stdout.close()
        assert writing.stderr.read() == b""
        assert writing.wait() == 1
