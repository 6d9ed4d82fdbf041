"""The worked commands of docs/commands.md run as they stand, on a slice of their data."""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genoml.runs import load_run, save_run
from support.calls import LENGTH, small_genome, small_model, some_variants, vcf_text
from support.planted import SMALL_TOML, run_genoml, write_fasta_pair
from support.tasks import write_genome, write_signal

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "commands.md").read_text()
COMMANDS = re.findall(r"^\| `genoml (train [^`]+)` \|", GUIDE, re.MULTILINE)
SCORING = re.findall(r"^\| `genoml ((?:variants|saturate) [^`]+)` \|", GUIDE, re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A slice of each table that a command names, and files under the names that stand for one's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL_TOML)
    (tmp_path / "examples/data").mkdir(parents=True)
    for table in re.findall(r"--table (\S+)", "\n".join(COMMANDS)):
        with gzip.open(ROOT / table, "rt") as whole, gzip.open(tmp_path / table, "wt") as part:
            lines = whole.readlines()
            part.writelines([lines[0], *lines[1 :: max(1, len(lines) // 150)]])
    peaks = write_genome(tmp_path)
    for old, new in (
        ("genome.fa", "GENOME.fa"),
        ("a.bed", "PEAKS.bed"),
        ("b.bed", "OTHERS.bed"),
        ("all.bed", "REGIONS.bed"),
    ):
        (tmp_path / old).rename(tmp_path / new)
    (tmp_path / "counts.tsv").rename(tmp_path / "COUNTS.tsv")
    write_signal(tmp_path / "SIGNAL.bw", peaks)
    make = [sys.executable, ROOT / "examples/cell_types.py", "--make", "REGIONS.h5ad", "--quick"]
    if any("REGIONS.h5ad" in str(value) for value in request.node.callspec.params.values()):
        subprocess.run(make, check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sys.path))})
    for name, file in zip(("POSITIVES", "NEGATIVES"), write_fasta_pair(tmp_path), strict=True):
        Path(file).rename(tmp_path / f"{name}.fa")
    return tmp_path


def test_the_guide_has_a_command_for_each_task() -> None:
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("command", COMMANDS)
def test_a_worked_command_trains_scores_and_predicts(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ("--epochs", 1, "--config", "small.toml")
    assert run_genoml(*shlex.split(command), *small) == 0, capsys.readouterr().err
    assert run_genoml("evaluate", "RUN", "--json") == 0
    if load_run("RUN").record.alphabet == "RNA":  # DNA is read, with a warning
        letters = Path("POSITIVES.fa").read_text()
        Path("POSITIVES.fa").write_text(
            re.sub("^[ACGTN]+$", lambda m: m[0].replace("T", "U"), letters, flags=re.M)
        )
    assert run_genoml("predict", "RUN", "POSITIVES.fa") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("chr")


@pytest.mark.parametrize("command", SCORING)
def test_a_worked_command_scores_variants(
    tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_run(small_model(), tmp_path / "RUN", length_bp=LENGTH)
    with small_genome(tmp_path) as genome:
        (tmp_path / "CALLS.vcf").write_text(vcf_text(some_variants(genome, 3)))
    (tmp_path / "genome.fa").rename(tmp_path / "GENOME.fa")
    (tmp_path / "REGIONS.bed").write_text("chr1\t1500\t1505\n")
    (tmp_path / "examples/data").mkdir(parents=True)
    for name in re.findall(r"examples/data/\S+", command):
        shutil.copy(ROOT / name, tmp_path / name)
    assert run_genoml(*shlex.split(command)) == 0
    out = Path(shlex.split(command)[shlex.split(command).index("--out") + 1])
    rows = [line.split("\t") for line in out.read_text().splitlines()]
    assert {row[5] for row in rows} == {"status", "ok"}
    assert len(rows) == {"CALLS.vcf": 4, "GENOME.fa": 16}.get(command.split()[2], 95)


def test_the_guide_has_a_command_for_each_way_of_scoring() -> None:
    assert len(SCORING) == 3
