from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from genoml.io import read_fasta
from genoml.sequence import reverse_complement
from support.planted import GENOML, run_genoml

GENOME = Path(__file__).parents[1] / "data" / "genomes" / "hg38_chr1_30kb.fa.gz"
(CHR1,) = read_fasta(GENOME)
BED = "chr1\t1000\t1040\ta\t0\t+\nchr1\t1000\t1040\tb\t0\t-\nchr1\t480\t510\tc\t0\t.\n"


def fetched(folder: Path, bed: str, *options: object, genome: object = None) -> str:
    (folder / "in.bed").write_text(bed)
    genome = genome or folder / "g.fa.gz"
    assert run_genoml("fetch", genome, folder / "in.bed", "--out", folder / "out.fa", *options) == 0
    return (folder / "out.fa").read_text()


def failure(capsys, *arguments: object) -> str:
    assert run_genoml("fetch", *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    message = printed.err.splitlines()[-1]
    assert message.startswith("genoml: error: ")
    return message


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    (tmp_path / "g.fa.gz").write_bytes(GENOME.read_bytes())
    return tmp_path / "g.fa.gz"


def test_records_are_named_by_place_and_strand(genome: Path, tmp_path: Path, capsys) -> None:
    plus = CHR1.sequence[1000:1040]
    assert fetched(tmp_path, BED) == (
        f">chr1:1000-1040(+)\n{plus}\n>chr1:1000-1040(-)\n{reverse_complement(plus)}\n"
        f">chr1:480-510(.)\n{CHR1.sequence[480:510]}\n"
    )
    assert f"making {genome}.store from {genome}" in capsys.readouterr().err


def test_the_store_is_made_once_and_again_when_the_genome_changes(
    genome: Path, tmp_path: Path, capsys
) -> None:
    first = fetched(tmp_path, BED)
    made = os.stat(f"{genome}.store")
    capsys.readouterr()
    assert fetched(tmp_path, BED) == first
    assert capsys.readouterr().err == ""
    assert os.stat(f"{genome}.store").st_ino == made.st_ino
    assert fetched(tmp_path, BED, genome=f"{genome}.store") == first
    genome.write_bytes(gzip.compress(f">chr1\n{CHR1.sequence.replace('A', 'C')}\n".encode()))
    assert fetched(tmp_path, BED).split("\n")[1] == CHR1.sequence[1000:1040].replace("A", "C")
    message = capsys.readouterr().err
    assert "is stale" in message
    assert "making" in message


def test_a_damaged_store_is_made_again_but_no_other_file_is_replaced(
    genome: Path, tmp_path: Path, capsys
) -> None:
    first = fetched(tmp_path, BED)
    os.truncate(f"{genome}.store", 5000)
    assert fetched(tmp_path, BED) == first
    (tmp_path / "mine").write_text("not yours")
    message = failure(capsys, genome, tmp_path / "in.bed", "--store", tmp_path / "mine")
    assert "this is not a genome store" in message
    assert (tmp_path / "mine").read_text() == "not yours"


def test_a_flipped_bit_in_the_store_is_an_error_before_anything_is_written(
    genome: Path, tmp_path: Path, capsys
) -> None:
    fetched(tmp_path, BED)
    store = Path(f"{genome}.store")
    sound = store.read_bytes()
    for bit in range(8):
        at = 16 + 1000 + bit
        store.write_bytes(sound[:at] + bytes([sound[at] ^ 1 << bit]) + sound[at + 1 :])
        message = failure(capsys, genome, tmp_path / "in.bed")
        assert "g.fa.gz.store, record chr1: the bases of the genome store are damaged" in message
        assert "within 0-16384; remove it, and build it again from its FASTA file" in message


def test_a_genome_replaced_by_one_of_the_same_size_and_time_is_read_anew(tmp_path: Path) -> None:
    genome, other = tmp_path / "s.fa", tmp_path / "t.fa"
    genome.write_text(">chr1\nGGGGCCCC\n")
    assert fetched(tmp_path, "chr1\t0\t4\n", genome=genome) == ">chr1:0-4(.)\nGGGG\n"
    other.write_text(">chr1\nTTTTCCCC\n")
    shutil.copystat(genome, other)
    other.replace(genome)
    assert fetched(tmp_path, "chr1\t0\t4\n", genome=genome) == ">chr1:0-4(.)\nTTTT\n"


def test_u_stays_u_as_in_revcomp(tmp_path: Path, capfd) -> None:
    (tmp_path / "rna.fa").write_text(">r\nUUGACCGAUG\n>d\nacgt\n")
    bed = "r\t0\t10\tc1\t0\t-\nr\t0\t10\tc2\t0\t+\nd\t0\t4\tc3\t0\t-\nr\t8\t12\tc4\t0\t-\n"
    assert fetched(tmp_path, bed, "--edges", "pad", genome=tmp_path / "rna.fa").split("\n")[1::2] == [
        "CAUCGGUCAA", "UUGACCGAUG", "ACGT", "NNCA",
    ]  # fmt: skip
    capfd.readouterr()
    assert run_genoml("revcomp", tmp_path / "rna.fa") == 0
    assert capfd.readouterr().out.split("\n")[1] == "CAUCGGUCAA"
    (tmp_path / "both.fa").write_text(">r\nACGT\nACGU\n")
    message = failure(capfd, tmp_path / "both.fa", tmp_path / "in.bed")
    assert "both.fa, line 3, record r: the record has both T and U; write it as DNA or as RNA" in message


def test_the_store_lies_where_it_is_asked_for(genome: Path, tmp_path: Path) -> None:
    fetched(tmp_path, BED, "--store", tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere").exists()
    assert not Path(f"{genome}.store").exists()


def test_windows_are_padded_dropped_or_refused_at_the_edges(genome: Path, tmp_path: Path, capsys) -> None:
    bed = "chr1\t29990\t30000\nchr1\t1000\t1040\n"
    padded = fetched(tmp_path, bed, "--length", 40, "--edges", "pad")
    assert padded == (
        f">chr1:29975-30015(.)\n{CHR1.sequence[29975:]}{'N' * 15}\n"
        f">chr1:1000-1040(.)\n{CHR1.sequence[1000:1040]}\n"
    )
    capsys.readouterr()
    dropped = fetched(tmp_path, bed, "--length", 40, "--edges", "drop")
    assert dropped == padded.split("\n", 2)[2]
    assert "left out 1 interval(s) that reach past an end" in capsys.readouterr().err
    (tmp_path / "out.fa").unlink()
    message = failure(capsys, genome, tmp_path / "in.bed", "--length", 40, "--out", tmp_path / "out.fa")
    assert "chr1:29975-30015 (row 0) reaches past its chromosome, which has 30000 bp" in message
    assert not (tmp_path / "out.fa").exists()


def test_windows_are_centred_on_summits(genome: Path, tmp_path: Path) -> None:
    peak = "chr1\t1000\t2000\tp\t0\t.\t5\t-1\t-1\t100\n"
    found = fetched(tmp_path, peak, "--length", 10, "--centre", "summit")
    assert found == f">chr1:1095-1105(.)\n{CHR1.sequence[1095:1105]}\n"


def test_columns_after_those_of_bed_can_be_passed_over(genome: Path, tmp_path: Path, capsys) -> None:
    line = "chr1\t10\t20\tx\t0\t+\tbroad\t5\t5\n"
    assert fetched(tmp_path, line, "--columns", 6).startswith(">chr1:10-20(+)")
    assert "column 7 (thickStart)" in failure(capsys, genome, tmp_path / "in.bed")
    assert "expects 3 to 9, or 12" in failure(capsys, genome, tmp_path / "in.bed", "--columns", 10)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t-1\t5", "in.bed, line 2: column 2 (start) expects a whole number"),
        ("chr1\t9\t5", "in.bed, line 2: the end (5) is before the start (9)"),
        ("chr1\t5\t30001", "in.bed, line 2: the end (30001) is past the end of chr1, which has 30000 bp"),
        ("chr1\t5\t2147483648", "in.bed, line 2: column 3 (end) expects a whole number"),
        ("chr1\t5\t9223372036854775808", "in.bed, line 2: column 3 (end) expects a whole number"),
        ("chr1\t9223372036854775808\t5", "in.bed, line 2: column 2 (start) expects a whole number"),
        (
            "1\t5\t9",
            "in.bed, line 2: column 1 (chromosome) expects a chromosome of the genome (did you mean 'chr1'",
        ),
    ],
)
def test_coordinates_that_are_not_in_the_genome_are_an_error(
    line, message, genome: Path, tmp_path: Path, capsys
) -> None:
    (tmp_path / "in.bed").write_text(f"chr1\t0\t5\n{line}\n")
    assert message in failure(capsys, genome, tmp_path / "in.bed", "--out", tmp_path / "out.fa")
    assert not (tmp_path / "out.fa").exists()


@pytest.mark.parametrize("edges", ["pad", "drop"])
def test_an_unknown_chromosome_is_an_error_whatever_the_edges(
    edges, genome: Path, tmp_path: Path, capsys
) -> None:
    (tmp_path / "in.bed").write_text("1\t0\t5\n")
    assert "did you mean 'chr1'" in failure(capsys, genome, tmp_path / "in.bed", "--edges", edges)


def test_what_cannot_be_a_genome_is_an_error(genome: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "in.bed").write_text(BED)
    assert "GENOME expects a file, got standard input" in failure(capsys, "-", tmp_path / "in.bed")
    assert "no such file" in failure(capsys, tmp_path / "absent.fa", tmp_path / "in.bed")
    fetched(tmp_path, BED)
    message = failure(capsys, f"{genome}.store", tmp_path / "in.bed", "--store", tmp_path / "other")
    assert "GENOME is a store already" in message


def test_standard_input_and_output(genome: Path, tmp_path: Path) -> None:
    expected = fetched(tmp_path, BED)
    done = subprocess.run(
        [*GENOML, "fetch", str(genome)], input=BED.encode(), capture_output=True, check=True
    )
    assert (done.stdout.decode(), done.stderr) == (expected, b"")
