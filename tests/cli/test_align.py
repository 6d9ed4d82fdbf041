from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from genoml.sequence import align
from support.planted import GENOML, run_genoml

A = [("x one", "ACGTTTGAACGTGGCATTAA"), ("y", "GGGTTTAAA"), ("z", "acgtn")]
B = [("t1", "ACGTTTGACGTGGCATTAA"), ("t2 two", "GGGTTAACA"), ("t3", "ACGU")]
HEADER = "query\ttarget\tscore\tidentity\tidentities\tpositives\tgaps\tcolumns\tquery_start\tquery_end\tquery_length"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "a.fa", tmp_path / "b.fa"
    for path, records in zip(paths, (A, B), strict=True):
        path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in records))
    return paths


def output(tmp_path: Path, *arguments: object) -> list[str]:
    assert run_genoml("align", *arguments, "--out", tmp_path / "out") == 0
    return (tmp_path / "out").read_text().splitlines()


def test_the_text_is_that_of_the_alignments(pair: tuple[Path, Path], tmp_path: Path) -> None:
    expected = [
        align(a, b).format(name_a.split()[0], name_b.split()[0])
        for (name_a, a), (name_b, b) in zip(A, B, strict=True)
    ]
    assert "\n".join(output(tmp_path, *pair)) == "\n\n\n".join(expected)


def test_the_table_has_a_row_a_pair(pair: tuple[Path, Path], tmp_path: Path) -> None:
    options = ("--mode", "local", "--matrix", "2,-3", "--gap-open", "5", "--gap-extend", "2")
    header, *rows = output(tmp_path, *pair, *options, "--format", "tsv", "--all")
    assert header.startswith(HEADER)
    assert len(rows) == 9
    cells = dict(zip(header.split("\t"), rows[0].split("\t"), strict=True))
    found = align(A[0][1], B[0][1], "local", matrix=(2, -3), gap_open=5, gap_extend=2)
    assert (cells["query"], cells["target"], cells["cigar"]) == ("x", "t1", found.cigar)
    assert (cells["score"], cells["identity"]) == (str(found.score), f"{found.identity:.4f}")
    assert [int(cells[key]) for key in ("query_start", "query_end", "target_start", "target_end")] == [
        found.start_a, found.end_a, found.start_b, found.end_b,
    ]  # fmt: skip


def test_scores_alone_are_the_same_on_every_backend(pair: tuple[Path, Path], tmp_path: Path) -> None:
    options = ("--mode", "semiglobal", "--overhang", "b", "--gap-extend", "0.5")
    full = [line.split("\t")[:3] for line in output(tmp_path, *pair, *options, "--format", "tsv", "--all")]
    alone = output(tmp_path, *pair, *options, "--score-only", "--all", "--backend", "numpy")
    assert [line.split("\t") for line in alone] == full


def test_a_matrix_file_gzip_and_standard_input_are_taken(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "my.mat").write_text("  A C G T N\n" + "".join(f"{x} 1 1 1 1 0\n" for x in "ACGTN"))
    packed = tmp_path / "b.fa.gz"
    packed.write_bytes(gzip.compress(pair[1].read_bytes()))
    options = ["--matrix", str(tmp_path / "my.mat"), "--gap-open", "1", "--gap-extend", "1", "--score-only"]
    done = subprocess.run(
        [*GENOML, "align", "-", str(packed), *options],
        input=pair[0].read_bytes(),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == ["query\ttarget\tscore", "x\tt1\t18", "y\tt2\t9", "z\tt3\t3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--matrix", "BLOSUM99"], "matrix expects one of BLOSUM45"),
        (["--matrix", "2,x"], "--matrix expects two numbers, such as 2,-3, got '2,x'"),
        (["--matrix", "2,-3"], "gap_open and gap_extend have no default"),
        (["--gap-open", "1", "--gap-extend", "2"], "0 <= gap_extend <= gap_open"),
        (["--backend", "numpy"], "--backend expects --score-only"),
        (["--overhang", "a"], "overhang='a' expects mode='semiglobal'"),
    ],
)
def test_faults_are_one_line(
    pair: tuple[Path, Path], options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("align", *pair, *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_files_with_unequal_numbers_of_records_are_refused(
    pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair[1].write_text(">t1\nACGT\n")
    assert run_genoml("align", *pair, "--out", tmp_path / "out.txt") == 2
    assert f"{pair[0]} has more records than the 1 of {pair[1]}" in capsys.readouterr().err
    assert not (tmp_path / "out.txt").exists()
    assert run_genoml("align", *pair, "--all", "--out", tmp_path / "out.txt") == 0


def test_a_letter_that_the_matrix_has_not_is_named_by_file_and_record(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pair[1].write_text(">t1\nACGT\n>p\nACEF\n>t3\nAC\n")
    assert run_genoml("align", *pair, "--score-only") == 2
    assert f"{pair[1]}, record p: has 'E' at position 2" in capsys.readouterr().err


def test_two_standard_inputs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_genoml("align", "-", "-") == 2
    assert "can be only one of A and B" in capsys.readouterr().err
