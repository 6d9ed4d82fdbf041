"""The demo as a person runs it, on a short training, and its report in a real browser where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a demo of two epochs, and what it printed."""
    out = tmp_path_factory.mktemp("demo") / "run"
    done = subprocess.run(
        [sys.executable, "-m", "genoml", "demo", "--epochs", "2", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_the_network_beats_the_kmer_baseline_on_held_out_chromosomes(demo: tuple[Path, str]) -> None:
    rows = re.findall(r"^(genoml motif_cnn|6-mer logistic regression) +([\d.]+)", demo[1], flags=re.MULTILINE)
    scores = {name: float(value) for name, value in rows}
    assert scores["genoml motif_cnn"] > 0.95
    assert scores["genoml motif_cnn"] > scores["6-mer logistic regression"] > 0.8


def test_the_ctcf_motif_comes_out_first(demo: tuple[Path, str]) -> None:
    first = next(line for line in demo[1].splitlines() if line.startswith("motif "))
    assert "CTCF MA0139" in first


def test_the_run_folder_serves_evaluate(demo: tuple[Path, str]) -> None:
    record = json.loads((demo[0] / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["config"]["validation_chromosomes"] == ["chr10"]
    assert len((demo[0] / "log.jsonl").read_text().splitlines()) == 2


def test_the_report_opens_offline_with_all_its_parts(demo: tuple[Path, str], tmp_path: Path) -> None:
    page = demo[0] / "report.html"
    text = page.read_text()
    if BROWSER is not None:  # what the browser makes of it, not what we wrote
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]
        done = subprocess.run(
            [BROWSER, *flags, f"--user-data-dir={tmp_path}", "--dump-dom", page.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        text = done.stdout
    for part in (
        "CTCF binding sites",
        "6-mer logistic regression",
        "MA0139",
        "precision",
        "validation",
        "seed",
    ):
        assert part in text, part
    assert text.count('<img src="data:image/svg+xml,') >= 10
    assert not re.search(r"(src|href)=[\"']https?:", text)


def test_a_folder_in_the_way_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "genoml", "demo", "--out", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "already exists" in done.stderr
    assert (tmp_path / "something").read_text() == "mine"
