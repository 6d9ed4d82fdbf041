from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from genoml.io import read_fasta
from genoml.sequence import kmer_counts
from support.planted import GENOML, run_genoml
from support.subprocesses import process

SLICES = Path(__file__).parents[1] / "data" / "kmers" / "phix_slices.fa"


@pytest.mark.parametrize("k", [1, 2, 3])
def test_copies_keep_the_klets_of_their_record(tmp_path, k):
    assert run_genoml("shuffle", SLICES, "-k", k, "--copies", 3, "--out", tmp_path / "b.fa") == 0
    first, second = read_fasta(SLICES)
    shuffled = list(read_fasta(tmp_path / "b.fa"))
    assert [record.name for record in shuffled] == [
        *(f"NC_001422.1:0-400_shuffle{copy}" for copy in (1, 2, 3)),
        *(f"NC_001422.1:2000-2300_shuffle{copy} position 150 is N" for copy in (1, 2, 3)),
    ]
    counts = kmer_counts([record.sequence for record in shuffled], k)
    np.testing.assert_array_equal(counts[:3], np.repeat(kmer_counts([first.sequence], k), 3, axis=0))
    np.testing.assert_array_equal(counts[3:], np.repeat(kmer_counts([second.sequence], k), 3, axis=0))
    assert len({record.sequence for record in shuffled}) == 6


def test_the_same_seed_gives_the_same_bytes(tmp_path, monkeypatch):
    paths = [tmp_path / f"{name}.fa" for name in ("one", "two", "other")]
    for path, seed in zip(paths, (7, 7, 8), strict=True):
        assert run_genoml("shuffle", SLICES, "--seed", seed, "--out", path) == 0
    one, two, other = (path.read_bytes() for path in paths)
    assert one == two != other
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(SLICES.read_bytes())))
    assert run_genoml("shuffle", "-", "--seed", 7, "--out", tmp_path / "piped.fa") == 0
    assert (tmp_path / "piped.fa").read_bytes() == one


def test_rna_and_fastq_give_rna_and_fasta(tmp_path, capfd):
    (tmp_path / "a.fq").write_text("@a b\nacguaacguuag\n+\nIIIIIIIIIIII\n")
    assert run_genoml("shuffle", tmp_path / "a.fq") == 0
    header, letters = capfd.readouterr().out.splitlines()
    assert header == ">a_shuffle1 b"
    assert sorted(letters) == sorted("ACGUAACGUUAG")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("@a\nAC\n+\nII\n@b\n\n+\n\n", "a.fq, line 5, record b: the record has no sequence to shuffle"),
        ("@a\nAC\n+\nII\n@b\nTU\n+\nII\n", "a.fq, line 5, record b: the sequence has both T and U"),
        ("@a\nA!\n+\nII\n", "a.fq, line 2, record a"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(tmp_path, capsys, content, message):
    (tmp_path / "a.fq").write_text(content)
    assert run_genoml("shuffle", tmp_path / "a.fq", "--out", tmp_path / "b.fa") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.fq"]


def test_a_reader_who_goes_away_ends_it_quietly(tmp_path):
    (tmp_path / "a.fa").write_text((">a\n" + "ACGT" * 20 + "\n") * 20000)
    with process(
        [*GENOML, "shuffle", str(tmp_path / "a.fa")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writing:
        assert writing.stdout is not None
        assert writing.stderr is not None
        assert writing.stdout.readline() == b">a_shuffle1\n"
        writing.stdout.close()
        assert writing.stderr.read() == b""
        assert writing.wait() == 1
